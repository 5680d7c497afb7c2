import { hash } from 'node:crypto';
import { type DeadLetter, envelopeSchema } from '../contract/messages.ts';

export type { DeadLetter };

/** What is kept of a message that cannot be handled. Nothing of its content is, beyond the envelope. */
export function deadLetter(reason: string, messageId: string, body: string, parsed: unknown): DeadLetter {
  const envelope = envelopeSchema.safeParse(parsed);
  return {
    reason,
    messageId,
    bytes: Buffer.byteLength(body),
    sha256: hash('sha256', body, 'hex'),
    envelope: envelope.success ? envelope.data : {},
  };
}
