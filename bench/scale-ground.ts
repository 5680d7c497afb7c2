import { type LedgerCall, SimulatedLedger } from '../functions/adapters/sim/ledger.ts';
import type { Delivered } from '../functions/app/receive.ts';
import { RefusedError } from '../functions/core/errors.ts';
import type { Clock } from '../functions/ports/clock.ts';

const SECOND = 1000;

/** What Lambda's control plane answers in a second and region, whoever asks; `GetFunction` apart. */
export const QUOTA = 15;

/** Whom calls are made for: us, or the deploys that we watch. */
type Caller = 'own' | 'deploys';

interface Calls {
  /** Of the last second, those that were answered. */
  readonly answered: number[];
  /** Of the last two seconds, our own. */
  readonly own: number[];
}

/** Lambda's quota in each region: counts calls, and refuses what is beyond it in any one second. */
export class CallQuota {
  /** Most of our calls that any region had in one second, and in two. */
  readonly peak = { one: 0, two: 0 };
  readonly calls = { own: 0, deploys: 0 };
  readonly refused = { own: 0, deploys: 0 };
  readonly #clock: Clock;
  readonly #regions = new Map<string, Calls>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws RefusedError `THROTTLED` */
  take(region: string, caller: Caller): void {
    const now = this.#clock.now();
    const calls = this.#regions.get(region) ?? { answered: [], own: [] };
    this.#regions.set(region, calls);
    this.calls[caller]++;
    if (caller === 'own') {
      forget(calls.own, now - 2 * SECOND);
      calls.own.push(now);
      const inLast = calls.own.filter((at) => at > now - SECOND).length;
      this.peak.one = Math.max(this.peak.one, inLast);
      this.peak.two = Math.max(this.peak.two, calls.own.length);
    }
    forget(calls.answered, now - SECOND);
    if (calls.answered.length >= QUOTA) {
      this.refused[caller]++;
      throw new RefusedError({ code: 'THROTTLED' }, { retryable: true });
    }
    calls.answered.push(now);
  }

  /** A call of a deploy, which asks again until it is answered. */
  async ask(region: string): Promise<void> {
    for (;;) {
      try {
        this.take(region, 'deploys');
        return;
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        await this.#clock.sleep(SECOND);
      }
    }
  }
}

function forget(times: number[], until: number): void {
  while (times[0] !== undefined && times[0] <= until) times.shift();
}

/** A ledger of which nobody changes what it answers, so that nothing is copied for them. */
export class ScaleLedger extends SimulatedLedger {
  readonly #sleep: () => Promise<void>;

  constructor(clock: Clock, latencyMs: number) {
    super();
    this.#sleep = () => clock.sleep(latencyMs);
  }

  protected override async answer<T>(_call: LedgerCall, _of: string | undefined, act: () => T): Promise<T> {
    await this.#sleep();
    return act();
  }
}

interface Waiting extends Delivered {
  readonly since: number;
}

/** A queue with batches, as SQS gives them to Lambda: what is there, up to ten, to whoever asked first. */
export class BatchQueue {
  /** How long each message was there before it was taken. */
  readonly waitsMs: number[] = [];
  readonly #clock: Clock;
  readonly #batchMax: number;
  readonly #waiting: Waiting[] = [];
  readonly #idle: (() => void)[] = [];
  #sent = 0;
  #isClosed = false;

  constructor(clock: Clock, batchMax: number) {
    this.#clock = clock;
    this.#batchMax = batchMax;
  }

  put(message: object): void {
    this.#add({ messageId: `message-${++this.#sent}`, body: JSON.stringify(message), tries: 0 });
  }

  /** Gives a message once more, later. */
  async putBack(message: Delivered, delayMs: number): Promise<void> {
    void this.#clock.sleep(delayMs).then(() => this.#add(message));
  }

  /** The next batch; empty when the queue is closed. */
  async take(): Promise<readonly Delivered[]> {
    while (this.#waiting.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    if (this.#isClosed) return [];
    return this.#waiting.splice(0, this.#batchMax).map(({ since, ...message }) => {
      this.waitsMs.push(this.#clock.now() - since);
      return { ...message, tries: message.tries + 1 };
    });
  }

  /** Ends the work of all who take. */
  close(): void {
    this.#isClosed = true;
    for (const wake of this.#idle.splice(0)) wake();
  }

  #add(message: Delivered): void {
    this.#waiting.push({ ...message, since: this.#clock.now() });
    this.#idle.shift()?.();
  }
}
