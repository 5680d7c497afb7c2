import type { DeadLetter } from '../core/dead-letter.ts';

/** Keeps what could not be handled, for a person to see. */
export interface DeadLetters {
  send(letter: DeadLetter): Promise<void>;
}
