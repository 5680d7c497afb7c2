import { invariant } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';

interface Sleeper {
  readonly wakeAt: number;
  readonly wake: () => void;
}

/**
 * A clock whose time moves only when nothing else can happen: all that could run has run, and what is left sleeps.
 * Sleepers wake in the order of their time, then in the order in which they fell asleep.
 */
export class VirtualClock implements Clock {
  #now: number;
  #sleepers: Sleeper[] = [];
  #outstanding = 0;

  /** @param start Epoch milliseconds. */
  constructor(start: number) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  sleep(ms: number): Promise<void> {
    invariant(ms >= 0, 'time does not go back');
    return new Promise((wake) => {
      this.#sleepers.push({ wakeAt: this.#now + ms, wake });
      this.#sleepers.sort((a, b) => a.wakeAt - b.wakeAt); // stable
    });
  }

  /** Does work that the clock does not drive, such as a call to a real server, while the time stands still. */
  async outside<T>(work: () => Promise<T>): Promise<T> {
    this.#outstanding++;
    try {
      return await work();
    } finally {
      this.#outstanding--;
    }
  }

  /**
   * Runs work to its end, moving the time on whenever all of it sleeps.
   * @throws RecohereError `INVARIANT` if the work waits for something that no sleeper brings
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    let settled = false;
    const result = work().finally(() => {
      settled = true;
    });
    result.catch(() => {}); // it is thrown below
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve)); // every promise that can go on has gone on
      if (settled) return result;
      if (this.#outstanding > 0) continue;
      const next = this.#sleepers.shift();
      invariant(next, 'the work waits for something outside of the simulation');
      this.#now = next.wakeAt;
      next.wake();
    }
  }
}
