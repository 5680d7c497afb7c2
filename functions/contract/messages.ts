import * as z from 'zod/mini';
import { deployEventSchema, secretEventSchema } from './events.ts';
import { time } from './time.ts';

/** Bytes of a message that is read at all. Events that tell of deploys have a few KB. */
export const MESSAGE_BYTES_MAX = 256 * 1024;

/**
 * What verify-deploy and verify-rotation send to themselves, later: a request to look at a subject again. Like all that our functions put into
 * queues it may have a field that a reader of another release does not know, and does without.
 */
export const wakeSchema = z.object({
  kind: z.literal('recohere.wake'),
  subject: z.string().check(z.minLength(1)),
  wake: z.int().check(z.minimum(1)),
});

/** What somebody asks for by hand: a look at subjects, by their names, now. With unknown fields, as above. */
export const lookSchema = z.object({
  kind: z.literal('recohere.look'),
  /** The same for the same request, however often it is delivered. */
  id: z.string().check(z.minLength(1), z.maxLength(100)),
  /** When it was asked for, in epoch milliseconds. */
  at: time.check(z.int(), z.minimum(0)),
  subjects: z.array(z.string().check(z.minLength(1))).check(z.minLength(1), z.maxLength(100)),
});

/** Everything that the queue of verify-deploy may hold. */
export const deployMessageSchema = z.union([wakeSchema, lookSchema, deployEventSchema]);

/** Everything that the queue of verify-rotation may hold. */
export const rotationMessageSchema = z.union([wakeSchema, lookSchema, secretEventSchema]);

/** With what a person has a sweep look at everything now, due or not. */
export const sweepSchema = z.object({ all: z.literal(true) });

/** The event with which anybody on the hub's bus asks for a dry run. Its detail is `{ table, kind }`. */
export const DATA_EVENT = { source: 'recohere.data', detailType: 'Reconcile Requested' } as const;

/**
 * What rules send to reconcile: requests for dry runs, of which nobody reads the answer. What is in them is a request like any other, but
 * for the mode and the token: it is the event that tells one run from the next.
 */
export const askedSchema = z.union([
  z.object({
    kind: z.literal('recohere.scheduled'),
    time: z.string(),
    request: z.record(z.string(), z.unknown()),
  }),
  z.object({
    source: z.literal(DATA_EVENT.source),
    id: z.string(),
    detail: z.record(z.string(), z.unknown()),
  }),
]);

/** What a schedule sends, before EventBridge fills in the time. */
export type Scheduled = Extract<z.input<typeof askedSchema>, { kind: string }>;

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
