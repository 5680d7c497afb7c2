import type { NextLook, Step, SubjectState } from '../core/episode.ts';
import { RecohereError } from '../core/errors.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Random } from '../ports/random.ts';
import type { Wakes } from '../ports/wakes.ts';

/**
 * Swaps that one look may try. Each loss means that somebody else has written: two batches of ten messages that speak of
 * one subject, and a sweep. More would be a live-lock.
 */
const SWAPS_MAX = 21;

const DELAY_MAX_SECONDS = 60;

export interface SettlePorts {
  readonly random: Random;
  readonly ledger: Ledger;
  readonly wakes: Wakes;
}

/**
 * Takes a step into the ledger: the swap, then what is told of it, the next wake-up and history, all of who swapped. If another
 * handler was faster, its state is read and the step is made again from there. History is what a state remembers as its
 * last episode, and is written once more before another one takes its place: a handler that dies in between loses none,
 * and one that lost its swap has written none.
 * @param tell Publishes what the step means. First of all, for nothing tells of this step again.
 * @throws RecohereError `CONTENDED`, retryable
 */
export async function settle(
  ports: SettlePorts,
  subject: string,
  take: (state: SubjectState) => Step,
  tell: (step: Step) => void,
): Promise<SubjectState> {
  for (let swaps = 0; swaps < SWAPS_MAX; swaps++) {
    const before = await ports.ledger.read(subject);
    const taken = take(before);
    if (taken.state === before) return before;
    const next = { ...taken.state, version: before.version + 1 };
    if (taken.closed && before.last) await ports.ledger.record(before.last);
    if (!(await ports.ledger.swap(next))) continue;
    tell(taken);
    if (taken.next) await askForNextLook(ports, next, taken.next);
    if (taken.closed) await ports.ledger.record(taken.closed);
    return next;
  }
  throw new RecohereError('CONTENDED', `${SWAPS_MAX} swaps of one subject were lost`, { retryable: true });
}

/** Delays double with each look that saw no movement, to a minute at most, and half of each is chance. */
async function askForNextLook(
  { wakes, random }: SettlePorts,
  { subject, wake }: SubjectState,
  { looks }: NextLook,
): Promise<void> {
  const delay = Math.min(DELAY_MAX_SECONDS, 2 ** looks);
  const [chance = 0] = random.bytes(1);
  await wakes.send({ subject, wake }, Math.ceil(delay / 2 + (delay / 2) * (chance / 255)));
}
