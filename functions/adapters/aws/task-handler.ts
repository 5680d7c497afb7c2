import type { Context } from 'aws-lambda';
import * as z from 'zod/mini';
import { TASK_ERRORS, TIME_TO_WRITE_MS } from '../../contract/deployment.ts';
import { RUN_ID } from '../../contract/names.ts';
import { RecohereError } from '../../core/errors.ts';
import { PHASES } from '../../core/run.ts';
import { log } from './log.ts';

const run = z.string().check(z.regex(RUN_ID));

/** What the state machine asks the worker for. */
const taskSchema = z.discriminatedUnion('task', [
  z.strictObject({ task: z.literal('steer'), run }),
  z.strictObject({
    task: z.literal('work'),
    run,
    phase: z.enum([...PHASES['dry-run'], ...PHASES.apply, ...PHASES.undo]),
    index: z.int().check(z.minimum(0)),
  }),
]);
type Task = z.output<typeof taskSchema>;

/** What does tasks. */
interface Installed {
  /** @param until When to stop, in epoch milliseconds. */
  perform(task: Task, until: number): Promise<object>;
  /** Called after each task, however it ended. */
  ended(): void;
}

/** An error by whose name the state machine knows whether to ask again. */
class TaskError extends Error {
  override readonly name: string;

  constructor(name: string, code: string) {
    super(`a task did not end well: ${code}; a line before this one says more`); // what is thrown is printed whole
    this.name = name;
  }
}

/** A handler of the tasks that the state machine gives. */
export function taskHandler(installed: () => Promise<Installed>) {
  return async (event: unknown, context: Context): Promise<object> => {
    try {
      const task = taskSchema.safeParse(event);
      if (!task.success) throw new RecohereError('BAD_TASK', 'the state machine is of another release');
      const { perform, ended } = await installed();
      try {
        return await perform(task.data, Date.now() + context.getRemainingTimeInMillis() - TIME_TO_WRITE_MS);
      } finally {
        ended();
      }
    } catch (error) {
      log.failure('a task did not end well', error);
      if (!(error instanceof RecohereError)) throw new TaskError('Error', 'DEFECT');
      throw new TaskError(error.retryable ? TASK_ERRORS.retryable : TASK_ERRORS.final, error.code);
    }
  };
}
