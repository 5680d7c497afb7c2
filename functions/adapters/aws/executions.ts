import {
  ExecutionAlreadyExists,
  SFNClient,
  type SFNClientConfig,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { RecohereError } from '../../core/errors.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';

/** Starts an execution of a run; harmless if it is there already. */
export type StartExecution = (run: string, attempt: number) => Promise<void>;

/**
 * Executions of the state machine that works on runs. The name of an execution says which run it is, and the how manieth attempt: no
 * second one of that name is made within 90 days, be it over or not.
 * @param options Of the SDK's client; they replace {@link CLIENT_BOUNDS}.
 * @param stateMachineArn `undefined` where no state machine is deployed, since the config has no tables.
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
 */
export function sfnExecutions(options: SFNClientConfig, stateMachineArn: string | undefined): StartExecution {
  if (stateMachineArn === undefined) {
    return async () => {
      throw new RecohereError('NO_TABLES', 'the config that is deployed names no tables');
    };
  }
  const client = new SFNClient({ ...CLIENT_BOUNDS, ...options });
  return async (run, attempt) => {
    const command = new StartExecutionCommand({
      stateMachineArn,
      name: `${run}-${attempt}`,
      input: JSON.stringify({ run }),
    });
    await asking('states:StartExecution', (bounded) => client.send(command, bounded).catch(ifItExists));
  };
}

function ifItExists(error: unknown): void {
  if (!(error instanceof ExecutionAlreadyExists)) throw error;
}
