import { FORMAT, ITEM_BYTES_MAX } from '../../contract/ledger.ts';
import type { ClosedEpisode, SubjectState } from '../../core/episode.ts';
import { invariant, RecohereError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Ledger } from '../../ports/ledger.ts';

/** The calls of {@link Ledger}. */
export type LedgerCall = keyof Ledger;

/** Throws to refuse a call, or changes the ledger under it. */
export type LedgerFault = (subject: string | undefined) => void;

/** A state as it lies there, with the format of the release that wrote it. */
export interface StoredState {
  readonly format: number;
  readonly state: SubjectState;
}

interface Injected {
  readonly call: LedgerCall;
  readonly fault: LedgerFault;
  readonly moment: 'before' | 'after';
}

/** The ledger in memory. It keeps and gives copies, so that nobody shares what is remembered. */
export class SimulatedLedger implements Ledger {
  readonly #clock: Clock | undefined;
  readonly #latencyMs: () => number;
  readonly #states = new Map<string, StoredState>();
  readonly #episodes = new Map<string, Map<string, ClosedEpisode>>();
  readonly #faults: Injected[] = [];

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
  inject(call: LedgerCall, fault: LedgerFault, moment: Injected['moment'] = 'before'): void {
    this.#faults.push({ call, fault, moment });
  }

  /** Puts a state as another release would have written it. */
  plant(stored: StoredState): void {
    this.#states.set(stored.state.subject, structuredClone(stored));
  }

  /** What lies there, whoever wrote it. */
  stored(subject: string): StoredState | undefined {
    return structuredClone(this.#states.get(subject));
  }

  read(subject: string): Promise<SubjectState> {
    return this.#answer('read', subject, () => {
      const stored = this.#states.get(subject);
      if (stored === undefined) return { subject, version: 0, wake: 0 };
      if (stored.format > FORMAT) throw new RecohereError('FUTURE_ITEM', 'a later release wrote this item');
      return stored.state;
    });
  }

  swap(next: SubjectState): Promise<boolean> {
    const state = copyOf(next);
    return this.#answer('swap', next.subject, () => {
      invariant(state.version >= 1, 'a state is written with a version');
      const stored = this.#states.get(state.subject);
      const isExpected = (stored?.state.version ?? 0) === state.version - 1;
      if (!isExpected || (stored?.format ?? FORMAT) > FORMAT) return false;
      this.#states.set(state.subject, { format: FORMAT, state });
      return true;
    });
  }

  record(episode: ClosedEpisode): Promise<void> {
    const kept = copyOf(episode);
    return this.#answer('record', episode.subject, () => {
      const episodes = this.#episodes.get(kept.subject) ?? new Map<string, ClosedEpisode>();
      this.#episodes.set(kept.subject, episodes.set(kept.id, kept));
    });
  }

  history(subject: string, limit: number): Promise<readonly ClosedEpisode[]> {
    return this.#answer('history', subject, () => {
      const episodes = [...(this.#episodes.get(subject)?.values() ?? [])];
      return episodes.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit);
    });
  }

  async *subjects(): AsyncGenerator<string> {
    yield* await this.#answer('subjects', undefined, () => [...this.#states.keys()]);
  }

  async #answer<T>(call: LedgerCall, subject: string | undefined, act: () => T): Promise<T> {
    await this.#clock?.sleep(this.#latencyMs());
    this.#strike(call, 'before', subject);
    const answer = structuredClone(act());
    this.#strike(call, 'after', subject);
    return answer;
  }

  #strike(call: LedgerCall, moment: Injected['moment'], subject: string | undefined): void {
    for (const injected of this.#faults) {
      if (injected.call === call && injected.moment === moment) injected.fault(subject);
    }
  }
}

function copyOf<T>(kept: T): T {
  const bytes = Buffer.byteLength(JSON.stringify(kept));
  invariant(bytes <= ITEM_BYTES_MAX, `an item of the ledger has at most ${ITEM_BYTES_MAX} bytes`);
  return structuredClone(kept);
}
