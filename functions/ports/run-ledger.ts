import type { Phase, Proof, Run, Segment } from '../core/run.ts';

/** What is remembered of runs. Runs and segments change by compare-and-swap only. */
export interface RunLedger {
  /** Strongly consistent. @throws RecohereError `FUTURE_ITEM`, `MALFORMED_ITEM`; so do all that read */
  readRun(id: string): Promise<Run | undefined>;
  /** Replaces a run by its next version, which must be one more than what is there; 1 for a new one. @returns Whether it did. */
  swapRun(next: Run): Promise<boolean>;
  /** Ids, newest first by `startedAt`, which never changes. Eventually consistent. */
  runs(limit: number): Promise<readonly string[]>;
  /** Strongly consistent; a new one, of version 0, if nothing is remembered. */
  readSegment(run: string, phase: Phase, index: number): Promise<Segment>;
  /** As {@link swapRun}. Also, no epoch follows a higher one. */
  swapSegment(next: Segment): Promise<boolean>;
  /** Writes one link of a chain, over one of the same epoch or an older one. What a newer epoch or release wrote stays as it is. */
  record(proof: Proof): Promise<void>;
  /** The proofs of a segment, in order. Strongly consistent, page by page. */
  proofs(run: string, phase: Phase, index: number): AsyncIterable<Proof>;
  /**
   * Lets one run change a table.
   * @param holder Names the run, and which of its attempts.
   * @param insteadOf Who may lose it: one that is known to have ended.
   * @returns Who has it now: the one that asked, or another.
   * @throws RecohereError `TABLE_BUSY` if it was taken and given back all the while
   */
  takeTable(arn: string, holder: string, insteadOf?: string): Promise<string>;
  /** Harmless if another has it. */
  releaseTable(arn: string, holder: string): Promise<void>;
}
