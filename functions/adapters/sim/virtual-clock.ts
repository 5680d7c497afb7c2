import { invariant } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';

interface Sleeper {
  readonly wakeAt: number;
  /** How many fell asleep before it. */
  readonly position: number;
  readonly wake: () => void;
}

/**
 * A clock whose time moves only when nothing else can happen: all that could run has run, and what is left sleeps.
 * Sleepers wake in the order of their time, then in the order in which they fell asleep.
 */
export class VirtualClock implements Clock {
  #now: number;
  /** A binary heap: who wakes first is at its top. */
  readonly #sleepers: Sleeper[] = [];
  #slept = 0;
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
      this.#add({ wakeAt: this.#now + ms, position: this.#slept++, wake });
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
      const next = this.#takeFirst();
      invariant(next, 'the work waits for something outside of the simulation');
      this.#now = next.wakeAt;
      next.wake();
    }
  }

  #add(sleeper: Sleeper): void {
    const heap = this.#sleepers;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, sleeper)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = sleeper;
  }

  #takeFirst(): Sleeper | undefined {
    const heap = this.#sleepers;
    const [first, last] = [heap[0], heap.pop()];
    if (last === undefined || last === first) return first;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || isBefore(last, child)) break;
      heap[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Sleeper, other: Sleeper): boolean {
  return one.wakeAt < other.wakeAt || (one.wakeAt === other.wakeAt && one.position < other.position);
}
