import type { ClosedEpisode, SubjectState } from '../core/episode.ts';

/** What is remembered of subjects. A state is one item, and changes by compare-and-swap only. */
export interface Ledger {
  /**
   * The state of a subject, strongly consistent; a new one, of version 0, if nothing is remembered.
   * @throws RecohereError `FUTURE_ITEM` for an item that a later release wrote: it is left alone
   */
  read(subject: string): Promise<SubjectState>;
  /**
   * Replaces a state by the next, whose version must be one more than what is there.
   * @returns Whether it did; if not, somebody else was faster and nothing was written.
   */
  swap(next: SubjectState): Promise<boolean>;
  /** Keeps an episode that a state remembers as its last. Writing it again is harmless. */
  record(episode: ClosedEpisode): Promise<void>;
  /** Closed episodes of a subject, newest first. @param limit At most so many. */
  history(subject: string, limit: number): Promise<readonly ClosedEpisode[]>;
  /** All subjects that have a state, in order. @param after Only those that come after this name. */
  subjects(after?: string): AsyncIterable<string>;
}
