import type { Clock } from '../ports/clock.ts';

/** How far throttling may slow a worker down. */
const SLOWEST = 1 / 64;
/** What a second without throttling gives back, as a share of the whole. */
const RECOVERY = 1 / 16;

/**
 * One worker's share of a rate, in capacity units a second. What was consumed is known only after a call, so the worker pays then, and
 * waits before the next call until it has paid. Throttling halves the share, and time gives it back.
 */
export class Allowance {
  readonly #clock: Clock;
  readonly #unitsPerSecond: number;
  #share = 1;
  #paidAt: number;

  constructor(clock: Clock, unitsPerSecond: number) {
    this.#clock = clock;
    this.#unitsPerSecond = unitsPerSecond;
    this.#paidAt = clock.now();
  }

  /** Units that may be consumed in the next second. */
  get unitsPerSecond(): number {
    return this.#unitsPerSecond * this.#share;
  }

  /** Milliseconds until all that was consumed is paid for. */
  get waitMs(): number {
    return Math.max(0, this.#paidAt - this.#clock.now());
  }

  async wait(): Promise<void> {
    if (this.waitMs > 0) await this.#clock.sleep(this.waitMs);
  }

  consumed(units: number): void {
    const now = this.#clock.now();
    const idleSeconds = Math.max(0, now - this.#paidAt) / 1000;
    const seconds = units / this.unitsPerSecond;
    this.#share = Math.min(1, this.#share + RECOVERY * (seconds + idleSeconds));
    this.#paidAt = Math.max(this.#paidAt, now) + seconds * 1000;
  }

  throttled(): void {
    this.#share = Math.max(SLOWEST, this.#share / 2);
  }
}
