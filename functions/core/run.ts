import { isDeepStrictEqual } from 'node:util';
import type { Keep, RunMode, Where } from '../contract/tables.ts';
import type { BackfillSkip } from './backfill.ts';
import type { GroupSkip } from './dedupe.ts';
import { type KeyNames, sha256 } from './item.ts';

/** A table, as a config names it. */
export interface TableRef {
  readonly name: string;
  readonly region: string;
  /** @default the account of the caller's own credentials */
  readonly account?: string | undefined;
}

/** What a run is to do, fixed when it is planned: a config that is deployed later does not change it. */
export type Rule =
  | {
      readonly kind: 'dedupe';
      readonly key: readonly string[];
      readonly keep: Keep;
      readonly by: string;
      readonly where: Where;
    }
  | { readonly kind: 'backfill'; readonly to: string; readonly version?: string | undefined };

/** The steps of each mode, one after the other. */
export const PHASES = {
  'dry-run': ['scatter', 'gather'],
  apply: ['apply', 'check'],
  undo: ['undo'],
} as const satisfies Record<RunMode, readonly string[]>;
export type Phase = (typeof PHASES)[RunMode][number];

/**
 * `running`; `cancelling`: workers stop, and what they held is settled; then `cancelled`, from which a run can be resumed. `failed`:
 * it cannot go on, and `failure` says why. `finished`.
 */
export const RUN_STATES = ['running', 'cancelling', 'cancelled', 'failed', 'finished'] as const;
export type RunState = (typeof RUN_STATES)[number];

/** How a run is divided, fixed when it is planned. */
export interface Layout {
  /** Segments of a scan of the source, and of the target of a backfill. */
  readonly segments: number;
  /** Segments that the table is divided into: more than `segments` if a run reads a sample only. */
  readonly totalSegments: number;
  /** Parts of what a scan finds, by hash. */
  readonly partitions: number;
  /** Segments that are worked on at once. */
  readonly concurrency: number;
  /** Of the whole run. */
  readonly readUnitsPerSecond: number;
  readonly writeUnitsPerSecond: number;
  /** Errors in items that a run bears. */
  readonly maxErrors: number;
}

/** Why an item was not worked on. */
export const ITEM_SKIPS = [
  // apply: what has changed since the dry run
  'GONE', // the item that was to be removed, or the source of what was to be written, is not there any more
  'CHANGED', // it, or the item in the target, was written to meanwhile
  'KEEPER_GONE', // the copy that was to stay is not there, or is no copy any more
  // scatter of a backfill
  'TRANSFORM_FAILED',
  // check
  'REAPPEARED', // somebody wrote an item again that was removed
  'KEEPER_LOST', // the copy that stayed is not there any more
  'NOT_AS_WRITTEN', // an item of the target is not what was written there
  // undo
  'RECREATED', // somebody wrote another item where one was to be put back
  'QUARANTINE_LOST', // its quarantined copy is not there any more, or is not what it was
] as const;
export type Skip = GroupSkip | BackfillSkip | (typeof ITEM_SKIPS)[number];

/** What is counted, of items unless said otherwise. */
export const COUNTS = [
  'scanned', // items of the source and, of a backfill, of the target
  'unkeyed', // not like `where`, or without a dedupe key; or for which the transform gave nothing
  'groups', // of copies
  'duplicates', // that a dedupe would remove
  'missing', // in the target of a backfill
  'older', // there, than what would be written
  'equal', // in source and target
  'newer', // there, than what would be written
  'extra', // in the target, and made of nothing
  'removed',
  'unconfirmed', // of those removed: gone when it was looked again after a crash, by us or by somebody else
  'returned', // removed, and put back at once
  'written', // to the target of a backfill
  'verified', // by the check after an apply
  'restored', // by an undo
  'retries', // of calls
] as const;
export type Count = (typeof COUNTS)[number];

/** What was counted, and what it took. */
export interface Tally {
  readonly counts: Readonly<Partial<Record<Count, number>>>;
  readonly skipped: Readonly<Partial<Record<Skip, number>>>;
  readonly readUnits: number;
  readonly writeUnits: number;
}

export const NOTHING: Tally = { counts: {}, skipped: {}, readUnits: 0, writeUnits: 0 };

/** An item that was left alone, named by a salted hash of its primary key. */
export interface Problem {
  readonly reason: Skip;
  readonly key: string;
}

/** Problems that a segment names, and a report. The rest is counted. */
export const PROBLEMS_PER_SEGMENT_MAX = 20;
export const PROBLEMS_PER_REPORT_MAX = 100;

/** What runs write to objects, by their names. */
export const OBJECT_NAMES = {
  /** All that a run wrote down of what it found. */
  of: (run: string) => `runs/${run}/`,
  /** Records of one partition: of one flush of one segment, by one worker. */
  spill: (run: string, partition: number, segment: number, flush: string) =>
    `runs/${run}/scatter/${partition}/${segment}.${flush}`,
  /** Entries of the plan, {@link PLAN_CHUNK} in each. How many is in the name: a worker that is late writes over none that has more. */
  plan: (run: string, partition: number, chunk: number, entries: number) =>
    `runs/${run}/plan/${partition}/${chunk}.${entries}`,
  /** The same as releases named it before there was a count: their dry runs can still be applied. */
  formerPlan: (run: string, partition: number, chunk: number) => `runs/${run}/plan/${partition}/${chunk}`,
  /** Where a segment of the scan goes on: a primary key, which is not for the ledger. */
  cursor: (run: string, segment: number, name: string) => `runs/${run}/cursors/${segment}.${name}`,
  /** Primary keys of items that were left alone. */
  problems: (run: string, phase?: Phase, index?: number, version?: number) =>
    `runs/${run}/problems/${phase === undefined ? '' : `${phase}-${index}.${version}`}`,
  /** All that a run removed. */
  quarantineOf: (run: string) => `quarantine/${run}/`,
  /** One batch of what a run removed. */
  quarantine: (run: string, partition: number, proof: number, epoch: number) =>
    `quarantine/${run}/${partition}/${proof}.${epoch}`,
} as const;

/** Entries of one object of a plan. */
export const PLAN_CHUNK = 1_000;

/** Entries that are applied together wherever a run is no rehearsal. Divides {@link PLAN_CHUNK}. */
export const BATCH = 50;

/** What is remembered of a run. One item, changed by compare-and-swap only. */
export interface Run {
  readonly id: string;
  readonly mode: RunMode;
  readonly table: TableRef;
  readonly rule: Rule;
  readonly version: number;
  readonly state: RunState;
  readonly phase: Phase;
  readonly layout: Layout;
  /** Executions that have worked on it, from 1. */
  readonly attempt: number;
  /** The dry run that is applied, or the apply that is undone. */
  readonly of?: string | undefined;
  /** Makes hashes of keys useless to whoever does not have it. */
  readonly salt: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt?: number | undefined;
  /** Names of the attributes of the table's primary key, and of the target's of a backfill. */
  readonly keys: KeyNames;
  readonly targetKeys?: KeyNames | undefined;
  /** ARN of the table that it changes, if it does: one run at a time may. */
  readonly changes?: string | undefined;
  /** What it is thought to have to do, for progress only. Dry run: items to scan, which AWS counts every six hours. Else entries. */
  readonly expected: number;
  /** When it ended: what was counted, */
  readonly tally?: Tally | undefined;
  /** the first problems, */
  readonly problems?: readonly Problem[] | undefined;
  /** and the hash over the heads of all chains of proofs. */
  readonly proofRoot?: string | undefined;
  readonly failure?: { readonly code: string; readonly permission?: string | undefined } | undefined;
  /** Its quarantined copies are erased, or are about to be: nobody puts them back any more. */
  readonly isForgotten?: boolean | undefined;
}

/**
 * What is remembered of a piece of a run's phase: a segment of a scan, or a partition. One item, changed by compare-and-swap only, so
 * that lease, epoch and checkpoint never disagree.
 */
export interface Segment {
  readonly run: string;
  readonly phase: Phase;
  readonly index: number;
  readonly version: number;
  /** Grows whenever somebody else takes over. */
  readonly epoch: number;
  readonly lease?: Lease | undefined;
  /** Until then, in epoch milliseconds, a worker that was taken over from may still be alive. */
  readonly ghostUntil: number;
  readonly isDone: boolean;
  /** Where the next page begins; each phase has its own words. */
  readonly cursor?: string | undefined;
  /** Scatter: items that were read, whether or not they count yet; for progress only. */
  readonly seen?: number | undefined;
  /** Scatter: the flushes that count, as `<epoch>.<number>`, which are part of the names of their objects. */
  readonly spills: readonly string[];
  /** Scatter: records in each partition. Gather: entries of the plan, in one number. */
  readonly records: readonly number[];
  /** Apply: the quarantine object of the batch that is being removed or written; of a backfill that writes over nothing, it is not there. */
  readonly held?: string | undefined;
  /** Apply and undo: proofs so far, and the hash of the last one. */
  readonly proofs: number;
  readonly head: string;
  readonly tally: Tally;
  readonly problems: readonly Problem[];
}

/** Who works on a segment, in epoch milliseconds. */
interface Lease {
  readonly owner: string;
  readonly takenAt: number;
  readonly until: number;
}

/** What was done to one item, in a chain of which each link has the hash of the one before. */
export interface Proof {
  readonly run: string;
  readonly phase: Phase;
  readonly index: number;
  /** From 0, within its segment. */
  readonly number: number;
  readonly previous: string;
  readonly at: number;
  readonly epoch: number;
  /** The quarantine object that has the items, if any were removed. */
  readonly object?: string | undefined;
  readonly entries: readonly ProofEntry[];
}

/** Keys and items are salted hashes. */
export interface ProofEntry {
  readonly key: string;
  /** The copy that stayed, or the source. */
  readonly because: string;
  /** Of the item before, whole; of a backfill, of what was written. */
  readonly item: string;
  readonly outcome: 'removed' | 'unconfirmed' | 'returned' | 'written' | 'restored' | Skip;
}

/** Of these the item is gone because of us, and is in quarantine. */
export const REMOVED: readonly ProofEntry['outcome'][] = ['removed', 'unconfirmed'];

/** What a chain begins with. */
export const CHAIN_START = '0'.repeat(64);

/** The hash that the next proof, or the segment, remembers. */
export function hashOfProof(proof: Proof): string {
  const { run, phase, index, number, previous, at, epoch, object = null, entries } = proof;
  const told = entries.map(({ key, because, item, outcome }) => [key, because, item, outcome]);
  return sha256(JSON.stringify([run, phase, index, number, previous, at, epoch, object, told]));
}

/** Hash over all chains of a run, in their order. */
export function rootOf(segments: readonly Pick<Segment, 'phase' | 'index' | 'proofs' | 'head'>[]): string {
  return sha256(
    JSON.stringify(segments.map(({ phase, index, proofs, head }) => [phase, index, proofs, head])),
  );
}

/** A primary key, or a whole item, as a report or a proof may name it: of no use to whoever does not have the salt. */
export function salted(salt: string, text: string): string {
  return sha256(JSON.stringify([salt, text])).slice(0, 32);
}

/** Whether two things that were remembered are the same, in whatever order their fields come back. */
export function isSame(a: object, b: object): boolean {
  return isDeepStrictEqual(a, b);
}

export function newSegment(run: string, phase: Phase, index: number): Segment {
  return {
    run,
    phase,
    index,
    version: 0,
    epoch: 0,
    ghostUntil: 0,
    isDone: false,
    spills: [],
    records: [],
    proofs: 0,
    head: CHAIN_START,
    tally: NOTHING,
    problems: [],
  };
}

/** Both, summed up. */
export function added(a: Tally, b: Tally): Tally {
  return {
    counts: summed(a.counts, b.counts),
    skipped: summed(a.skipped, b.skipped),
    readUnits: a.readUnits + b.readUnits,
    writeUnits: a.writeUnits + b.writeUnits,
  };
}

function summed<K extends string>(
  a: Readonly<Partial<Record<K, number>>>,
  b: Readonly<Partial<Record<K, number>>>,
): Partial<Record<K, number>> {
  const sum: Partial<Record<K, number>> = { ...a };
  for (const [name, count] of Object.entries(b) as [K, number][]) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

/** So far apart may the clocks be of who took a lease and of who waits until that one cannot live any more: each wrong by 5 seconds. */
const CLOCKS_APART_MS = 10_000;

/** Takes the lease of a segment; `undefined` if somebody else has it. */
export function taken(
  segment: Segment,
  owner: string,
  now: number,
  leaseMs: number,
  workerMs: number,
): Segment | undefined {
  const { lease, epoch, ghostUntil } = segment;
  if (lease !== undefined && lease.owner !== owner && lease.until > now) return undefined;
  const livesUntil = lease && lease.takenAt + workerMs + CLOCKS_APART_MS; // whoever had it did not give it back
  return {
    ...segment,
    epoch: epoch + 1,
    lease: { owner, takenAt: now, until: now + leaseMs },
    ghostUntil: Math.max(ghostUntil, livesUntil ?? 0),
  };
}
