import type { DeadLetter } from '../../core/dead-letter.ts';
import type { DeadLetters } from '../../ports/dead-letters.ts';

/** Keeps dead letters, in order. */
export class SimulatedDeadLetters implements DeadLetters {
  readonly letters: DeadLetter[] = [];

  async send(letter: DeadLetter): Promise<void> {
    this.letters.push(letter);
  }
}
