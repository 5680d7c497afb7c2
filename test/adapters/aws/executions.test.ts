import {
  ExecutionAlreadyExists,
  InvalidArn,
  ListExecutionsCommand,
  SFNClient,
  StartExecutionCommand,
  StateMachineDoesNotExist,
} from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { runsAtWork, sfnExecutions } from '../../../functions/adapters/aws/executions.ts';

const ARN = 'arn:aws:states:us-east-1:111111111111:stateMachine:recohere-runs';
const sfn = mockClient(SFNClient);

beforeEach(() => {
  sfn.reset();
});
afterAll(() => {
  sfn.restore();
});

describe('an execution', () => {
  it('is named like its run and its attempt, and knows nothing but the run', async () => {
    sfn.resolves({});
    await sfnExecutions({}, ARN)('dedupe-orders-1', 2);
    expect(sfn.commandCalls(StartExecutionCommand).map(({ args }) => args[0].input)).toEqual([
      { stateMachineArn: ARN, name: 'dedupe-orders-1-2', input: '{"run":"dedupe-orders-1"}' },
    ]);
  });

  it('that is there already is no failure, be it over or not', async () => {
    sfn.rejects(new ExecutionAlreadyExists({ message: 'hunter2', $metadata: {} }));
    await expect(sfnExecutions({}, ARN)('a', 1)).resolves.toBeUndefined();
  });

  it('that is refused is an error that names the call', async () => {
    sfn.rejects(Object.assign(new Error('hunter2'), { name: 'AccessDeniedException' }));
    await expect(sfnExecutions({}, ARN)('a', 1)).rejects.toMatchObject({
      refusal: { code: 'ACCESS_DENIED', call: 'states:StartExecution', permission: 'states:StartExecution' },
      message: expect.not.stringContaining('hunter2'),
    });
  });

  it('cannot be where no state machine is', async () => {
    await expect(sfnExecutions({}, undefined)('a', 1)).rejects.toMatchObject({ code: 'NO_TABLES' });
  });
});

describe('runs at work', () => {
  it('are those of executions that run, on all pages, each once', async () => {
    const pageOf = (...names: string[]) => ({
      executions: names.map((name) => ({
        name,
        executionArn: name,
        stateMachineArn: ARN,
        status: 'RUNNING' as const,
        startDate: new Date(0),
      })),
    });
    const asked = { stateMachineArn: ARN, statusFilter: 'RUNNING' } as const;
    sfn
      .on(ListExecutionsCommand, asked)
      .resolves({ ...pageOf('dedupe-orders-2-1', 'dedupe-orders-1-1'), nextToken: 'more' })
      .on(ListExecutionsCommand, { ...asked, nextToken: 'more' })
      .resolves(pageOf('dedupe-orders-1-12'));
    expect(await runsAtWork('us-east-1', ARN)).toEqual(['dedupe-orders-1', 'dedupe-orders-2']);
  });

  it.each([
    { error: new StateMachineDoesNotExist({ message: 'x', $metadata: {} }), reason: 'it is gone' },
    { error: new InvalidArn({ message: 'x', $metadata: {} }), reason: 'it was never made' },
  ])('are none of a state machine that is not there: $reason', async ({ error }) => {
    sfn.on(ListExecutionsCommand).rejects(error);
    expect(await runsAtWork('us-east-1', ARN)).toEqual([]);
  });

  it('are not known if that is refused', async () => {
    sfn.rejects(Object.assign(new Error('no'), { name: 'AccessDeniedException' }));
    await expect(runsAtWork('us-east-1', ARN)).rejects.toMatchObject({
      refusal: { code: 'ACCESS_DENIED', call: 'states:ListExecutions', permission: 'states:ListExecutions' },
    });
  });
});
