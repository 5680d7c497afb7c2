import type { SubjectState } from '../core/episode.ts';
import { RecohereError } from '../core/errors.ts';
import type { Ledger } from '../ports/ledger.ts';

/** Swaps that one change may try: each loss means that a handler has written what it saw. */
const SWAPS_MAX = 10;

/**
 * Changes what is remembered of a subject, whoever else does at the same time.
 * @param change Gives back what it was given if there is nothing to change.
 * @returns The state as it is then.
 * @throws RecohereError `CONTENDED`, retryable
 */
export async function changeState(
  ledger: Ledger,
  subject: string,
  change: (state: SubjectState) => SubjectState,
): Promise<SubjectState> {
  for (let swaps = 0; swaps < SWAPS_MAX; swaps++) {
    const before = await ledger.read(subject);
    const changed = change(before);
    if (changed === before) return before;
    const next = { ...changed, version: before.version + 1 };
    if (await ledger.swap(next)) return next;
  }
  throw new RecohereError('CONTENDED', `${SWAPS_MAX} swaps of one subject were lost`, { retryable: true });
}
