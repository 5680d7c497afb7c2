import { ITEM_BYTES_MAX } from '../../contract/ledger.ts';
import { invariant } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';

/** Throws to refuse a call, or changes something under it. @param of What the call is about. */
type Fault<Of> = (of: Of) => void;

type Moment = 'before' | 'after';

/** Answers the calls of something simulated: each takes its time, may be made to fail, and shares nothing with whoever called. */
export class Answering<Call extends string, Of = string | undefined> {
  readonly #clock: Clock | undefined;
  readonly #latencyMs: () => number;
  readonly #faults: { readonly call: Call; readonly fault: Fault<Of>; readonly moment: Moment }[] = [];

  /**
   * @param clock Without it, calls take no time.
   * @param latencyMs How long each call takes.
   */
  constructor(clock?: Clock, latencyMs: () => number = () => 0) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  /**
   * Does something at each such call, until the world ends.
   * @param moment `before` it is done; or `after`, so that what was written stands and the answer to it is lost.
   */
  inject(call: Call, fault: Fault<Of>, moment: Moment = 'before'): void {
    this.#faults.push({ call, fault, moment });
  }

  protected async answer<T>(call: Call, of: Of, act: () => T): Promise<T> {
    await this.#clock?.sleep(this.#latencyMs());
    this.#strike(call, 'before', of);
    const answer = structuredClone(act());
    this.#strike(call, 'after', of);
    return answer;
  }

  #strike(call: Call, moment: Moment, of: Of): void {
    for (const injected of this.#faults) {
      if (injected.call === call && injected.moment === moment) injected.fault(of);
    }
  }
}

/** What is kept of something that a ledger is given. @throws RecohereError `INVARIANT` if it is too large for an item */
export function keptOf<T>(given: T): T {
  const bytes = Buffer.byteLength(JSON.stringify(given));
  invariant(bytes <= ITEM_BYTES_MAX, `an item of the ledger has at most ${ITEM_BYTES_MAX} bytes`);
  return structuredClone(given);
}
