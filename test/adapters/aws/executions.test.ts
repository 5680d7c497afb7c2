import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { sfnExecutions } from '../../../functions/adapters/aws/executions.ts';

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
