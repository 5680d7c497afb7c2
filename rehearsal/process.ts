import type { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import { RefusedError } from '../functions/core/errors.ts';
import type { Clock } from '../functions/ports/clock.ts';
import type { Fate } from './fate.ts';
import { haunted, type Moment } from './haunted.ts';

/** Clocks of processes are wrong by so much at most, either way. */
export const SKEW_MS_MAX = 5_000;

/** A process sleeps for so long at most where it was not meant to: longer than any function lives. */
const FREEZE_MS_MAX = 20 * 60_000;

/** Most freezes are short. */
const SHORT_FREEZE_MS_MAX = 30_000;

/** Calls that write: the answer to one may be lost although it was done. */
const WRITES =
  /^(ledger|secretLedger)\.(swap|record)|^(wakes|secretWakes)\.send|\.nudge$|^turns\.|^sweeps\.swap|^memory\.write|^deadLetters\.send|^notices\./;

/** How one call of a process to its end came out. */
export type Ended<T> =
  | { readonly outcome: 'ok'; readonly result: T }
  | { readonly outcome: 'failed'; readonly error: unknown }
  | { readonly outcome: 'died' };

/** How work comes out that nobody interrupts. */
export function endOf<T>(work: Promise<T>): Promise<Ended<T>> {
  return work.then(
    (result): Ended<T> => ({ outcome: 'ok', result }),
    (error: unknown): Ended<T> => ({ outcome: 'failed', error }),
  );
}

/** How wrong a clock is, in milliseconds. @param name Whose. */
export function skewOf(fate: Fate, name: string): number {
  if (!fate.strikes(['clock skewed'], name)) return 0;
  return fate.random('skew', name).below(2 * SKEW_MS_MAX + 1) - SKEW_MS_MAX;
}

/** One sandbox of a function: its clock, and what befalls it. */
export class Process {
  readonly name: string;
  readonly clock: Clock;
  /** Chances that struck it so far. */
  faults = 0;
  readonly #time: VirtualClock;
  readonly #fate: Fate;
  readonly #conflict: (call: string, given: readonly unknown[]) => Promise<void>;
  readonly #death: Promise<{ readonly outcome: 'died' }>;
  #die: () => void = () => {};
  #isDead = false;
  #frozenUntil = 0;

  /**
   * @param name Tells it from all others, in every replay.
   * @param conflict Lets somebody else write what a swap is about to, just before it.
   */
  constructor(
    time: VirtualClock,
    fate: Fate,
    name: string,
    conflict: (call: string, given: readonly unknown[]) => Promise<void>,
  ) {
    this.name = name;
    this.#time = time;
    this.#fate = fate;
    this.#conflict = conflict;
    this.#death = new Promise((resolve) => {
      this.#die = () => resolve({ outcome: 'died' });
    });
    const skewMs = skewOf(fate, name);
    this.clock = { now: () => time.now() + skewMs, sleep: (ms) => time.sleep(ms) };
  }

  /** A port as the process has it. */
  with<T extends object>(port: T, name: string, streams: readonly string[] = []): T {
    return haunted(port, name, (call, moment, given) => this.#at(call, moment, given), streams);
  }

  /**
   * Does work that may take so long, then the process is ended, wherever it is. One that is frozen then is worse: it goes on when it
   * wakes, and nobody waits for it any more.
   */
  async perform<T>(work: () => Promise<T>, lifeMs: number): Promise<Ended<T>> {
    const worked = endOf(work());
    const timeUp = this.#time.sleep(lifeMs).then(() => undefined);
    const ended = await Promise.race([worked, this.#death, timeUp]);
    if (ended !== undefined) return ended;
    if (this.#frozenUntil <= this.#time.now()) this.#isDead = true;
    return { outcome: 'died' };
  }

  async #at(call: string, moment: Moment, given: readonly unknown[]): Promise<void> {
    await this.#unlessDead();
    const faults = {
      before: [
        'process killed',
        'process frozen',
        ...(call.startsWith('probes.') ? [] : (['call throttled', 'call failed'] as const)),
        ...(/ledger\.swap$/i.test(call) ? (['swap lost'] as const) : []),
      ] as const,
      after: [
        'process killed',
        'process frozen',
        ...(WRITES.test(call) ? (['answer lost'] as const) : []),
      ] as const,
    }[moment];
    const of = `${this.name} ${moment} ${call}`;
    const fault = this.#fate.strikes(faults, of);
    if (fault === undefined) return;
    this.faults++;
    switch (fault) {
      case 'process killed':
        this.#isDead = true;
        this.#die();
        return this.#unlessDead();
      case 'process frozen': {
        const chance = this.#fate.random('freeze', `${of} ${this.faults}`);
        const ms = chance.below(chance.below(3) === 0 ? FREEZE_MS_MAX : SHORT_FREEZE_MS_MAX);
        this.#frozenUntil = Math.max(this.#frozenUntil, this.#time.now() + ms);
        await this.#time.sleep(ms);
        return this.#unlessDead();
      }
      case 'swap lost':
        return this.#conflict(call, given);
      case 'call throttled':
        throw new RefusedError({ code: 'THROTTLED', call }, { retryable: true });
      default:
        throw new RefusedError({ code: 'UNAVAILABLE', call }, { retryable: true });
    }
  }

  /** Nothing that a dead process waits for ever comes. */
  #unlessDead(): Promise<void> {
    return this.#isDead ? new Promise(() => {}) : Promise.resolve();
  }
}
