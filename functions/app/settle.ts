import pMap from 'p-map';
import type { NextLook, Step, SubjectState } from '../core/episode.ts';
import { RecohereError } from '../core/errors.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Nudges } from '../ports/notices.ts';
import type { Random } from '../ports/random.ts';
import type { Wakes } from '../ports/wakes.ts';

/**
 * Swaps that one look may try. Each loss means that somebody else has written: two batches of ten messages that speak of
 * one subject, and a sweep. More would be a live-lock.
 */
const SWAPS_MAX = 21;

const DELAY_MAX_SECONDS = 60;

/** States that are read at once. */
const READS_AT_ONCE = 10;

export interface SettlePorts {
  readonly random: Random;
  readonly ledger: Ledger;
  readonly wakes: Wakes;
  readonly nudges: Nudges;
}

/**
 * Takes a step into the ledger: the swap, then what is told of it, the next wake-up and history, all of who swapped. If another
 * handler was faster, its state is read and the step is made again from there. History is what a state remembers as its
 * last episode, and is written once more before another one takes its place: a handler that dies in between loses none,
 * and one that lost its swap has written none.
 * @param tell Publishes what the step means. First of all, for nothing tells of this step again.
 * @param known The state as it was read a while ago, which saves reading it where nothing is to be written.
 * @throws RecohereError `CONTENDED`, retryable
 */
export async function settle<T extends Step>(
  ports: Pick<SettlePorts, 'random' | 'ledger' | 'wakes'>,
  subject: string,
  take: (state: SubjectState) => T,
  tell: (step: T) => void,
  known?: SubjectState,
): Promise<SubjectState> {
  for (let swaps = 0; swaps < SWAPS_MAX; swaps++) {
    const before = (swaps === 0 && known) || (await ports.ledger.read(subject));
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
  { wakes, random }: Pick<SettlePorts, 'wakes' | 'random'>,
  { subject, wake }: SubjectState,
  { looks }: NextLook,
): Promise<void> {
  const delay = Math.min(DELAY_MAX_SECONDS, 2 ** looks);
  const [chance = 0] = random.bytes(1);
  await wakes.send({ subject, wake }, Math.ceil(delay / 2 + (delay / 2) * (chance / 255)));
}

/** The state of a step, with what is remembered beside its episode; as it is, if that says the same. */
export function remembering<T extends Step>(
  step: T,
  beside: Pick<SubjectState, 'group' | 'answeredUntil' | 'retiredAt'>,
): T {
  const { state } = step;
  const isKnown = Object.entries(beside).every(([name, value]) => Reflect.get(state, name) === value);
  return isKnown ? step : { ...step, state: { ...state, ...beside } };
}

/** That a look has answered a request by hand, and all that were made before it. @param askedAt @default it answers none */
export function answering(
  { answeredUntil = 0 }: SubjectState,
  askedAt: number | undefined,
): Pick<SubjectState, 'answeredUntil'> {
  return askedAt === undefined ? {} : { answeredUntil: Math.max(answeredUntil, askedAt) };
}

/** Asks for notices. If that fails, the next sweep asks again, and fails if it cannot. */
export async function nudged(nudges: Nudges): Promise<void> {
  await nudges.nudge().catch(() => {});
}

/** All states of a kind, by subject; `undefined` for one that cannot be read: whoever needs it finds out why. */
export async function statesOf(ledger: Ledger): Promise<ReadonlyMap<string, SubjectState | undefined>> {
  const names: string[] = [];
  for await (const subject of ledger.subjects()) names.push(subject);
  const read = async (name: string) => [name, await ledger.read(name).catch(() => undefined)] as const;
  return new Map(await pMap(names, read, { concurrency: READS_AT_ONCE }));
}
