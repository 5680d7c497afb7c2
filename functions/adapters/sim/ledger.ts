import { FORMAT } from '../../contract/ledger.ts';
import type { ClosedEpisode, SubjectState } from '../../core/episode.ts';
import { invariant, RecohereError } from '../../core/errors.ts';
import type { Ledger } from '../../ports/ledger.ts';
import { Answering, keptOf } from './answering.ts';

/** The calls of {@link Ledger}. */
export type LedgerCall = keyof Ledger;

/** A state as it lies there, with the format of the release that wrote it. */
export interface StoredState {
  readonly format: number;
  readonly state: SubjectState;
}

/** The ledger in memory. Faults are told the subject that a call is about. */
export class SimulatedLedger extends Answering<LedgerCall> implements Ledger {
  readonly #states = new Map<string, StoredState>();
  readonly #episodes = new Map<string, Map<string, ClosedEpisode>>();

  /** Puts a state as another release would have written it. */
  plant(stored: StoredState): void {
    this.#states.set(stored.state.subject, structuredClone(stored));
  }

  /** What lies there, whoever wrote it. */
  stored(subject: string): StoredState | undefined {
    return structuredClone(this.#states.get(subject));
  }

  read(subject: string): Promise<SubjectState> {
    return this.answer('read', subject, () => {
      const stored = this.#states.get(subject);
      if (stored === undefined) return { subject, version: 0, wake: 0 };
      if (stored.format > FORMAT) throw new RecohereError('FUTURE_ITEM', 'a later release wrote this item');
      return stored.state;
    });
  }

  swap(next: SubjectState): Promise<boolean> {
    const state = keptOf(next);
    return this.answer('swap', next.subject, () => {
      invariant(state.version >= 1, 'a state is written with a version');
      const stored = this.#states.get(state.subject);
      const isExpected = (stored?.state.version ?? 0) === state.version - 1;
      if (!isExpected || (stored?.format ?? FORMAT) > FORMAT) return false;
      this.#states.set(state.subject, { format: FORMAT, state });
      return true;
    });
  }

  record(episode: ClosedEpisode): Promise<void> {
    const kept = keptOf(episode);
    return this.answer('record', episode.subject, () => {
      const episodes = this.#episodes.get(kept.subject) ?? new Map<string, ClosedEpisode>();
      this.#episodes.set(kept.subject, episodes.set(kept.id, kept));
    });
  }

  history(subject: string, limit: number): Promise<readonly ClosedEpisode[]> {
    return this.answer('history', subject, () => {
      const episodes = [...(this.#episodes.get(subject)?.values() ?? [])];
      return episodes.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit);
    });
  }

  async *subjects(after = ''): AsyncGenerator<string> {
    const all = () => [...this.#states.keys()].filter((subject) => subject > after).sort();
    yield* await this.answer('subjects', undefined, all);
  }
}
