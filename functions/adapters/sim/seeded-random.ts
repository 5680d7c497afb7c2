import { hash } from 'node:crypto';
import { invariant } from '../../core/errors.ts';
import type { Random } from '../../ports/random.ts';

/** A stream of randomness that (seed, purpose, id) fix, so that one use never shifts the numbers of another. */
export class SeededRandom implements Random {
  readonly #name: string;
  #blocks = 0;

  constructor(seed: number, purpose: string, id = '') {
    this.#name = JSON.stringify([seed, purpose, id]);
  }

  bytes(length: number): Uint8Array {
    const blocks = Array.from({ length: Math.ceil(length / 32) }, () =>
      hash('sha256', `${this.#name}${this.#blocks++}`, 'buffer'),
    );
    return Buffer.concat(blocks).subarray(0, length);
  }

  /** A whole number from 0 to `bound` - 1, for bounds far below 2^32. */
  below(bound: number): number {
    return Math.floor((Buffer.from(this.bytes(4)).readUInt32BE() / 2 ** 32) * bound);
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    invariant(choice !== undefined, 'there is something to pick from');
    return choice;
  }
}
