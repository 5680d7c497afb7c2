import type { ParsedConfig } from '../contract/config.ts';
import { TRIES_MAX } from '../contract/deployment.ts';
import { MESSAGE_BYTES_MAX, type Message, messageSchema } from '../contract/messages.ts';
import { type DeadLetter, deadLetter } from '../core/dead-letter.ts';
import { RecohereError, RefusedError } from '../core/errors.ts';
import type { DeadLetters } from '../ports/dead-letters.ts';
import { hear } from './hear.ts';
import { type VerifyPorts, verifyChange, verifyWake } from './verify.ts';

export interface ReceivePorts extends VerifyPorts {
  readonly deadLetters: DeadLetters;
}

/** A message as the queue delivers it: at least once, and in any order. */
interface Delivered {
  readonly messageId: string;
  readonly body: string;
  /** How often it was delivered, this time included. */
  readonly tries: number;
}

/**
 * Handles one message to its end: what it tells is verified, or it is a dead letter.
 * @throws what a later try may mend; the message then stays in its queue, until it was tried often enough
 */
export async function receive(
  ports: ReceivePorts,
  config: ParsedConfig,
  delivered: Delivered,
): Promise<void> {
  const read = readMessage(delivered);
  if ('letter' in read) return ports.deadLetters.send(read.letter);
  const { message } = read;
  try {
    if ('kind' in message) return await verifyWake(ports, config, message);
    const heard = hear(message);
    if (heard) await verifyChange(ports, config, heard.change, heard.concern);
  } catch (error) {
    const mayPass = !(error instanceof RecohereError) || isWorthAnotherTry(error);
    if (mayPass && delivered.tries < TRIES_MAX) throw error;
    const reason = error instanceof RecohereError ? error.code : 'DEFECT';
    await ports.deadLetters.send(deadLetter(reason, delivered.messageId, delivered.body, message));
  }
}

/** What AWS refuses now it may grant at the next try. */
function isWorthAnotherTry(error: RecohereError): boolean {
  return error.retryable || error instanceof RefusedError;
}

function readMessage({ messageId, body }: Delivered): { message: Message } | { letter: DeadLetter } {
  const dead = (reason: string, parsed?: unknown) => ({
    letter: deadLetter(reason, messageId, body, parsed),
  });
  if (Buffer.byteLength(body) > MESSAGE_BYTES_MAX) return dead('TOO_LARGE');
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return dead('NOT_JSON');
  }
  const message = messageSchema.safeParse(parsed);
  return message.success ? { message: message.data } : dead('NOT_AN_EVENT', parsed);
}
