import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { sqsDeadLetters, sqsLooks, sqsWakes } from '../../../functions/adapters/aws/queues.ts';
import { deployMessageSchema, rotationMessageSchema } from '../../../functions/contract/messages.ts';
import { deadLetter } from '../../../functions/core/dead-letter.ts';

const QUEUE = 'https://sqs.us-east-1.amazonaws.com/111111111111/recohere-verify-deploy';
const sqs = mockClient(SQSClient);

beforeEach(() => {
  sqs.reset();
});
afterAll(() => {
  sqs.restore();
});

const sent = () => sqs.commandCalls(SendMessageCommand).map(({ args }) => args[0].input);

describe('wake-ups', () => {
  it('are messages that verify-deploy understands, delayed', async () => {
    await sqsWakes(QUEUE).send({ subject: 'api', wake: 3 }, 7);
    const [{ MessageBody = '', ...rest } = {}] = sent();
    expect(rest).toEqual({ QueueUrl: QUEUE, DelaySeconds: 7 });
    expect(deployMessageSchema.parse(JSON.parse(MessageBody))).toEqual({
      kind: 'recohere.wake',
      subject: 'api',
      wake: 3,
    });
  });

  it('that are refused are an error that names the call', async () => {
    sqs.rejects(Object.assign(new Error('hunter2'), { name: 'AccessDenied' }));
    await expect(sqsWakes(QUEUE).send({ subject: 'api', wake: 3 }, 7)).rejects.toMatchObject({
      refusal: { code: 'ACCESS_DENIED', call: 'sqs:SendMessage' },
      message: expect.not.stringContaining('hunter2'),
    });
  });
});

describe('requests to look', () => {
  it('are messages that both functions understand, at once', async () => {
    await sqsLooks(QUEUE).send({ id: 'look-1', at: 7, subjects: ['api'] });
    const [{ MessageBody = '', ...rest } = {}] = sent();
    expect(rest).toEqual({ QueueUrl: QUEUE });
    for (const schema of [deployMessageSchema, rotationMessageSchema]) {
      expect(schema.parse(JSON.parse(MessageBody))).toEqual({
        kind: 'recohere.look',
        id: 'look-1',
        at: 7,
        subjects: ['api'],
      });
    }
  });
});

describe('dead letters', () => {
  it('are sent as they are', async () => {
    const letter = deadLetter('NOT_JSON', 'm1', '{', undefined);
    await sqsDeadLetters(QUEUE).send(letter);
    expect(sent()).toEqual([{ QueueUrl: QUEUE, MessageBody: JSON.stringify(letter) }]);
  });
});
