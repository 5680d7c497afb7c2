import type { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { LEASE_MS } from '../../functions/app/grip.ts';
import { WORKER_MS_MAX } from '../../functions/contract/deployment.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import type { Clock } from '../../functions/ports/clock.ts';
import type { Fate } from '../fate.ts';
import type { Fault } from '../faults.ts';
import { haunted, type Moment } from '../haunted.ts';
import { type Ended, endOf, skewOf } from '../process.ts';

/** Whoever waits for a process that is frozen is told so late that it has failed. */
const GIVEN_UP_MS = LEASE_MS + 5_000;

/** Calls that write. The answer to one may be lost although it was done. */
const WRITES = /\.(swap|record|take|release|write|remove|put|replace|start)/;

/** Those that write to a table: whoever is frozen in one does it late. */
export const TABLE_WRITES = /\.(removeIfSame|putIfAbsent|replaceIfSame)$/;

/** What does most harm where. */
interface Worst {
  readonly calls: RegExp;
  readonly fault: Fault;
  /** That it has there, besides the one at any call. */
  readonly chances: number;
}
/** Who is frozen there writes late; who dies there has written down what no checkpoint names. */
const WORST: Readonly<Record<Moment, Worst>> = {
  // an undo holds nothing that the next worker would wait for
  before: { calls: / undo .*\.putIfAbsent$/, fault: 'process frozen', chances: 150 },
  after: { calls: / scatter .* objects\.write$/, fault: 'process killed', chances: 25 },
};

/** Something that happens in the world at a call of a process. @param of Names the call, in every replay. */
type AtCall = (of: string, call: string, moment: Moment, given: readonly unknown[]) => Promise<void>;

/**
 * One call of a worker: its clock, and what befalls it. Unlike a sandbox that is thawed for the next call, it is ended when its time is
 * over, frozen or not: safety of runs counts on that.
 */
export class TableProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly #time: VirtualClock;
  readonly #fate: Fate;
  readonly #atCall: AtCall;
  readonly #latency: () => number;
  readonly #over: Promise<Ended<never>>;
  #giveUp: () => void = () => {};
  #diesAt: number;
  #frozenUntil = 0;

  /**
   * @param name Tells it from all others, in every replay.
   * @param callMs How long its calls take at most.
   */
  constructor(time: VirtualClock, fate: Fate, name: string, callMs: number, atCall: AtCall) {
    this.name = name;
    this.#time = time;
    this.#fate = fate;
    this.#atCall = atCall;
    const random = fate.random('latency', name);
    this.#latency = () => random.below(callMs);
    this.#diesAt = time.now() + WORKER_MS_MAX;
    this.#over = new Promise((resolve) => {
      this.#giveUp = () => resolve({ outcome: 'died' });
    });
    const skewMs = skewOf(fate, name);
    this.clock = { now: () => time.now() + skewMs, sleep: (ms) => time.sleep(ms) };
  }

  /** A port as the process has it. */
  with<T extends object>(port: T, name: string, streams: readonly string[] = []): T {
    return haunted(port, name, (call, moment, given) => this.#at(call, moment, given), streams);
  }

  /** Does work, and says how it ended for who waits for it; the process may live on. */
  perform<T>(work: () => Promise<T>): Promise<Ended<T>> {
    const timeUp = this.#time.sleep(WORKER_MS_MAX).then((): Ended<T> => ({ outcome: 'died' }));
    return Promise.race([endOf(work()), this.#over, timeUp]);
  }

  async #at(call: string, moment: Moment, given: readonly unknown[]): Promise<void> {
    const of = `${this.name} ${moment} ${call}`;
    if (moment === 'before') await this.#time.sleep(this.#latency());
    await this.#whenThawed();
    const isWrite = WRITES.test(call);
    const faults = {
      before: ['process killed', 'process frozen', 'call throttled', 'call failed'] as const,
      after: ['process killed', 'process frozen', ...(isWrite ? (['answer lost'] as const) : [])] as const,
    }[moment];
    const worst = WORST[moment];
    for (let chance = 0; worst.calls.test(of) && chance < worst.chances; chance++)
      this.#befall(this.#fate.strikes([worst.fault], `${of} besides`), of, call);
    this.#befall(this.#fate.strikes(faults, of), of, call);
    // right before an effect and right after it, whatever befalls the process then
    if (moment === 'after') await this.#atCall(of, call, moment, given);
    await this.#whenThawed();
    if (moment === 'before') await this.#atCall(of, call, moment, given);
  }

  /** @throws RefusedError */
  #befall(fault: Fault | undefined, of: string, call: string): void {
    switch (fault) {
      case 'process killed':
        this.#diesAt = this.#time.now();
        this.#giveUp();
        break;
      case 'process frozen':
        this.#freeze(of, call);
        break;
      case 'call throttled':
        throw new RefusedError({ code: 'THROTTLED', call }, { retryable: true });
      case 'call failed':
      case 'answer lost':
        throw new RefusedError({ code: 'UNAVAILABLE', call }, { retryable: true });
    }
  }

  /** For a moment, unless it is writing to a table; past its lease; or almost, or more than, as long as it may live. */
  #freeze(of: string, call: string): void {
    const random = this.#fate.random('freeze', `${of} ${this.#time.now()}`);
    const now = this.#time.now();
    const left = this.#diesAt - now;
    const ms = random.pick([
      ...(TABLE_WRITES.test(call) ? [] : [random.below(10_000)]),
      LEASE_MS + random.below(60_000),
      left - random.below(15_000),
    ]);
    this.#frozenUntil = Math.max(this.#frozenUntil, now + ms);
    void this.#time.sleep(GIVEN_UP_MS).then(() => {
      if (this.#frozenUntil > this.#time.now()) this.#giveUp();
    });
  }

  /** Nothing that a dead process waits for ever comes. */
  async #whenThawed(): Promise<void> {
    while (this.#frozenUntil > this.#time.now()) await this.#time.sleep(this.#frozenUntil - this.#time.now());
    if (this.#time.now() >= this.#diesAt) await new Promise(() => {});
  }
}
