import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type * as z from 'zod/mini';
import type { lookSchema, wakeSchema } from '../../contract/messages.ts';
import type { DeadLetters } from '../../ports/dead-letters.ts';
import type { Wakes } from '../../ports/wakes.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';

/** Requests to look again, on the queue of the function that looks. */
export function sqsWakes(queueUrl: string): Wakes {
  const send = sender(queueUrl);
  return {
    send: (wake, delaySeconds) =>
      send({ kind: 'recohere.wake', ...wake } satisfies z.input<typeof wakeSchema>, delaySeconds),
  };
}

/** A request by hand to look at subjects. */
type AskedLook = Omit<z.input<typeof lookSchema>, 'kind'>;

/** Requests by hand to look at subjects, on the queue of the function that looks. */
export function sqsLooks(queueUrl: string): { send(look: AskedLook): Promise<void> } {
  const send = sender(queueUrl);
  return {
    send: (look) => send({ kind: 'recohere.look', ...look } satisfies z.input<typeof lookSchema>),
  };
}

/** Dead letters, on a queue that nothing reads but people. */
export function sqsDeadLetters(queueUrl: string): DeadLetters {
  const send = sender(queueUrl);
  return { send: (letter) => send(letter) };
}

function sender(queueUrl: string): (body: object, delaySeconds?: number) => Promise<void> {
  const client = new SQSClient(CLIENT_BOUNDS);
  return async (body, delaySeconds) => {
    const command = new SendMessageCommand({
      QueueUrl: queueUrl,
      MessageBody: JSON.stringify(body),
      DelaySeconds: delaySeconds,
    });
    await asking('sqs:SendMessage', (bounded) => client.send(command, bounded));
  };
}
