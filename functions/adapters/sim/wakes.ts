import type { Clock } from '../../ports/clock.ts';
import type { Wake, Wakes } from '../../ports/wakes.ts';

/** A queue with delays, on a clock of its own. */
export class SimulatedWakes implements Wakes {
  readonly #clock: Clock;
  readonly #deliver: (wake: Wake) => Promise<void>;
  /** Messages under way and their handlers, so that nobody asks for the end while one may still come. */
  readonly #pending = new Set<Promise<void>>();

  constructor(clock: Clock, deliver: (wake: Wake) => Promise<void>) {
    this.#clock = clock;
    this.#deliver = deliver;
  }

  async send(wake: Wake, delaySeconds: number): Promise<void> {
    const delivery = this.#clock
      .sleep(delaySeconds * 1000)
      .then(() => this.#deliver(wake))
      .finally(() => this.#pending.delete(delivery));
    this.#pending.add(delivery);
  }

  /** Resolves when no message is under way any more, and rejects if a handler failed. */
  async drained(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }
}
