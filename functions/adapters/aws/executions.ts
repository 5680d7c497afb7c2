import {
  ExecutionAlreadyExists,
  ExecutionStatus,
  InvalidArn,
  paginateListExecutions,
  SFNClient,
  type SFNClientConfig,
  StartExecutionCommand,
  StateMachineDoesNotExist,
} from '@aws-sdk/client-sfn';
import * as z from 'zod/mini';
import { RecohereError } from '../../core/errors.ts';
import { readOf } from './answers.ts';
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
      throw new RecohereError(
        'NO_TABLES',
        'the config that is deployed names no tables; if yours does, deploy it',
      );
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

const namedSchema = z.array(z.object({ name: z.string() }));

/**
 * Ids of the runs on which executions of a state machine work now, each once; none if it is gone, or was never made and has no ARN.
 * @throws RefusedError
 */
export async function runsAtWork(region: string, stateMachineArn: string): Promise<readonly string[]> {
  const client = new SFNClient({ region, ...CLIENT_BOUNDS });
  const call = 'states:ListExecutions';
  const found = await asking(call, async (bounded) => {
    const all: unknown[] = [];
    const asked = { stateMachineArn, statusFilter: ExecutionStatus.RUNNING };
    try {
      for await (const page of paginateListExecutions({ client }, asked, bounded)) {
        all.push(...(page.executions ?? []));
      }
    } catch (error) {
      if (!(error instanceof StateMachineDoesNotExist || error instanceof InvalidArn)) throw error;
    }
    return all;
  });
  return [...new Set(readOf(call, namedSchema, found).map(({ name }) => name.replace(/-\d+$/, '')))].sort();
}

function ifItExists(error: unknown): void {
  if (!(error instanceof ExecutionAlreadyExists)) throw error;
}
