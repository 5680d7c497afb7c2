import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { lambdaNudges } from '../../../functions/adapters/aws/nudges.ts';

const lambda = mockClient(LambdaClient);

beforeEach(() => {
  lambda.reset();
});
afterAll(() => {
  lambda.restore();
});

describe('a nudge', () => {
  it('invokes the function that sends notices, and does not wait for it', async () => {
    lambda.onAnyCommand().resolves({ StatusCode: 202 });
    await lambdaNudges('acme').nudge();
    expect(lambda.commandCalls(InvokeCommand).map(({ args }) => args[0].input)).toEqual([
      { FunctionName: 'acme-notify', InvocationType: 'Event', Payload: '{}' },
    ]);
  });

  it('that is refused is an error that names the call', async () => {
    lambda.rejects(Object.assign(new Error('hunter2'), { name: 'TooManyRequestsException' }));
    await expect(lambdaNudges('acme').nudge()).rejects.toMatchObject({
      refusal: { code: 'THROTTLED', call: 'lambda:InvokeFunction' },
      retryable: true,
      message: expect.not.stringContaining('hunter2'),
    });
  });
});
