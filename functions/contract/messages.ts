import * as z from 'zod/mini';
import { deployEventSchema, secretEventSchema } from './events.ts';

/** Bytes of a message that is read at all. Events that tell of deploys have a few KB. */
export const MESSAGE_BYTES_MAX = 256 * 1024;

/** What verify-deploy and verify-rotation send to themselves, later: a request to look at a subject again. */
export const wakeSchema = z.strictObject({
  kind: z.literal('recohere.wake'),
  subject: z.string().check(z.minLength(1)),
  wake: z.int().check(z.minimum(1)),
});

/** Everything that the queue of verify-deploy may hold. */
export const deployMessageSchema = z.union([wakeSchema, deployEventSchema]);

/** Everything that the queue of verify-rotation may hold. */
export const rotationMessageSchema = z.union([wakeSchema, secretEventSchema]);

const told = z.catch(z.optional(z.string().check(z.regex(/^[\w .:/-]{1,100}$/))), undefined);

/** The fields of an event's envelope that a dead letter may repeat, each only if it looks as AWS writes it. */
export const envelopeSchema = z.object({
  id: told,
  source: told,
  'detail-type': told,
  account: told,
  region: told,
  time: told,
});

/** What is kept of a message that cannot be handled: enough to find it at its source, and none of its content. */
export interface DeadLetter {
  /** `TOO_LARGE`, `NOT_JSON`, `NOT_AN_EVENT`, or the code of a failure that no retry can mend. */
  readonly reason: string;
  /** The queue's own id of the message. */
  readonly messageId: string;
  readonly bytes: number;
  /** Of the whole message, in hex. */
  readonly sha256: string;
  readonly envelope: z.output<typeof envelopeSchema>;
}
