import type { ParsedConfig } from '../contract/config.ts';
import { TRIES_MAX } from '../contract/deployment.ts';
import { deployMessageSchema, MESSAGE_BYTES_MAX, rotationMessageSchema } from '../contract/messages.ts';
import { type DeadLetter, deadLetter } from '../core/dead-letter.ts';
import type { Change } from '../core/episode.ts';
import { RecohereError, RefusedError } from '../core/errors.ts';
import type { DeadLetters } from '../ports/dead-letters.ts';
import { hear } from './hear.ts';
import { hearSecret } from './hear-secret.ts';
import { isOfConfig } from './scope.ts';
import { type VerifyPorts, verifyChange, verifyNamed, verifyWake } from './verify.ts';
import {
  type VerifySecretPorts,
  verifySecretChange,
  verifySecretsNamed,
  verifySecretWake,
} from './verify-secrets.ts';

interface Receiving {
  readonly deadLetters: DeadLetters;
}

/** What a queue may hold. */
interface Schema<Message> {
  safeParse(value: unknown): { readonly success: true; readonly data: Message } | { readonly success: false };
}

/** A message as the queue delivers it: at least once, and in any order. */
export interface Delivered {
  readonly messageId: string;
  readonly body: string;
  /** How often it was delivered, this time included. */
  readonly tries: number;
}

/** Handles one message of verify-deploy to its end. @throws as {@link receive} does */
export function receiveDeploy(
  ports: VerifyPorts & Receiving,
  config: ParsedConfig,
  delivered: Delivered,
): Promise<void> {
  return receive(deployMessageSchema, ports, delivered, async (message) => {
    if ('kind' in message) {
      if (message.kind === 'recohere.wake') return verifyWake(ports, config, message);
      return verifyNamed(ports, config, changeOf(message), message.subjects);
    }
    const heard = hear(message);
    if (!heard) return;
    const change = isOfConfig(config, message.account) ? heard.change : undefined;
    await verifyChange(ports, config, change, heard.concern);
  });
}

/** Handles one message of verify-rotation to its end. @throws as {@link receive} does */
export function receiveRotation(
  ports: VerifySecretPorts & Receiving,
  config: ParsedConfig,
  delivered: Delivered,
): Promise<void> {
  return receive(rotationMessageSchema, ports, delivered, async (message) => {
    if ('kind' in message) {
      if (message.kind === 'recohere.wake') return verifySecretWake(ports, config, message);
      return verifySecretsNamed(ports, config, changeOf(message), message.subjects);
    }
    const heard = hearSecret(message);
    if (heard) await verifySecretChange(ports, config, heard);
  });
}

/** What a request by hand is a reason to look for. */
function changeOf({ id, at }: { readonly id: string; readonly at: number }): Change {
  return { id, source: 'manual', at };
}

/**
 * Handles one message to its end: what it tells is verified, or it is a dead letter.
 * @throws what a later try may mend; the message then stays in its queue, until it was tried often enough
 */
async function receive<Message>(
  schema: Schema<Message>,
  { deadLetters }: Receiving,
  delivered: Delivered,
  handle: (message: Message) => Promise<void>,
): Promise<void> {
  const read = readMessage(schema, delivered);
  if ('letter' in read) return deadLetters.send(read.letter);
  const { message } = read;
  try {
    await handle(message);
  } catch (error) {
    const mayPass = !(error instanceof RecohereError) || isWorthAnotherTry(error);
    if (mayPass && delivered.tries < TRIES_MAX) throw error;
    const reason = error instanceof RecohereError ? error.code : 'DEFECT';
    await deadLetters.send(deadLetter(reason, delivered.messageId, delivered.body, message));
  }
}

/** What AWS refuses now it may grant at the next try. */
function isWorthAnotherTry(error: RecohereError): boolean {
  return error.retryable || error instanceof RefusedError;
}

function readMessage<Message>(
  schema: Schema<Message>,
  { messageId, body }: Delivered,
): { message: Message } | { letter: DeadLetter } {
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
  const message = schema.safeParse(parsed);
  return message.success ? { message: message.data } : dead('NOT_AN_EVENT', parsed);
}
