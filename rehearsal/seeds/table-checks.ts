import type { Audit } from '../../functions/app/audit.ts';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import { allSegmentsOf } from '../../functions/app/run-state.ts';
import type { Keep } from '../../functions/contract/tables.ts';
import { contentHash, itemOfText, textOfItem } from '../../functions/core/item.ts';
import {
  OBJECT_NAMES,
  type ProofEntry,
  REMOVED,
  type Run,
  type Segment,
  salted,
} from '../../functions/core/run.ts';
import type { ObjectStore } from '../../functions/ports/object-store.ts';
import type { RunLedger } from '../../functions/ports/run-ledger.ts';
import { groupOf, keptOf, keyOfText, nameOf, timeOf, transformed } from './table-application.ts';
import type { Change, TableOracle, WatchedTable } from './table-oracle.ts';

/** What is known when a run is asked for, and whom to ask. */
export interface Seen {
  readonly oracle: TableOracle;
  readonly ledger: RunLedger;
  readonly objects: ObjectStore;
  /** The table that is scanned, and the one that an apply changes. */
  readonly source: WatchedTable;
  readonly changed: WatchedTable;
  readonly keep: Keep;
  /** Number of the first change that comes later. */
  readonly from: number;
  /** Whether the application writes nothing until it has ended. */
  readonly isQuiet: boolean;
}

/** What a dedupe left alone in the apply, and not in the check after it. */
const CHECK_SKIPS: readonly string[] = ['REAPPEARED', 'KEEPER_LOST', 'NOT_AS_WRITTEN'];

type Counts = ReadonlyMap<string, number>;

/**
 * What a dry run says, against what its checkpoints say that it read, and against the table if nobody wrote meanwhile.
 * @returns How many entries its plan has.
 */
export async function checkDryRun(seen: Seen, dry: RunStatus): Promise<number> {
  const { oracle } = seen;
  const { run, segments } = await remembered(seen, dry.id);
  const entries = segments.reduce(
    (sum, { phase, records }) => sum + (phase === 'gather' ? (records[0] ?? 0) : 0),
    0,
  );
  const { duplicates, counts, scanned } = dry;
  const said = duplicates + (counts.missing ?? 0) + (counts.older ?? 0);
  if (said !== entries) oracle.blame(17, `${dry.id} says ${said}, and plans ${entries}`);
  if (run.rule.kind === 'dedupe') {
    const read = await readCopies(seen, run.id, segments);
    if (read !== duplicates) oracle.blame(17, `${dry.id} says ${duplicates} copies, and has read ${read}`);
  }
  if (!seen.isQuiet) return entries;
  const [source, target] = [seen.source, seen.changed].map(({ there }) => [...there.values()]) as [
    string[],
    string[],
  ];
  const there = run.rule.kind === 'dedupe' ? source.length : source.length + target.length;
  if (scanned !== there)
    oracle.blame(17, `${dry.id} says that it read ${scanned} items, and there are ${there}`);
  const wanted =
    run.rule.kind === 'dedupe'
      ? [...grouped(source).values()].reduce(
          (sum, all) => sum + all.length - keptOf(all, seen.keep).length,
          0,
        )
      : source.filter((text) => filled(run, text, seen.changed.there) !== undefined).length;
  if (said !== wanted) oracle.blame(17, `${dry.id} says ${said}, and it is ${wanted}`);
  return entries;
}

/** How many copies are too many in what the checkpoints of a scan name. */
async function readCopies({ objects }: Seen, run: string, segments: readonly Segment[]): Promise<number> {
  const groups = new Map<string, Map<string, string | null>>();
  for (const { phase, index, spills, records } of segments) {
    if (phase !== 'scatter') continue;
    for (const flush of spills) {
      for (const partition of records.keys()) {
        const content = await objects.read(OBJECT_NAMES.spill(run, partition, index, flush));
        for (const line of content?.toString().split('\n') ?? []) {
          const [group, key, order] = JSON.parse(line) as [string, string, string | null];
          groups.set(group, (groups.get(group) ?? new Map<string, string | null>()).set(key, order));
        }
      }
    }
  }
  const usable = [...groups.values()].filter(
    (copies) => new Set([...copies.values()].map((order) => order?.[0])).size === 1,
  );
  return usable.reduce((sum, copies) => sum + ([...copies.values()].includes(null) ? 0 : copies.size - 1), 0);
}

/** What an apply says that it did, against what it did; and what is left, against the rule. */
export async function checkApply(seen: Seen, applied: RunStatus, planned: number): Promise<void> {
  const { oracle, changed } = seen;
  const { run, segments } = await remembered(seen, applied.id);
  const entries = await provedBy(seen, run, segments);
  const outcomes = countsOf(entries.map(({ outcome }) => outcome));
  const isFinished = applied.state === 'finished';
  if (isFinished ? entries.length !== planned : entries.length > planned)
    oracle.blame(17, `${run.id} proves ${entries.length} entries of ${planned}`);
  checkCounts(oracle, applied, outcomes, isFinished);
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  const own = new Set(oracle.changes.filter(({ by }) => by === run.id).map(({ key }) => key));
  for (const key of new Set([...own, ...oracle.changes.map((change) => change.key)])) {
    const entry = byKey.get(salted(run.salt, key));
    const changes = oracle.changesOf(changed.name, key).filter(({ by }) => by === run.id || by === undefined);
    const wrong =
      run.rule.kind === 'dedupe'
        ? wrongWithRemoval(run, entry, changes)
        : wrongWithWrite(run, entry, changes, isTouched(seen, key));
    if (wrong)
      oracle.blame(17, `${nameOf(key)} is told to be ${entry?.outcome ?? 'left alone'}, and ${wrong}`);
  }
  if (isFinished) checkLeft(seen, run);
}

function checkCounts(
  oracle: TableOracle,
  { id, removed, verified, counts, skipped }: RunStatus,
  outcomes: Counts,
  isFinished: boolean,
): void {
  const of = (...names: readonly string[]) => names.reduce((sum, name) => sum + (outcomes.get(name) ?? 0), 0);
  const same = (what: string, said: number, proved: number) => {
    if (said !== proved) oracle.blame(17, `${id} says ${said} ${what}, and proves ${proved}`);
  };
  same('removed', removed, of(...REMOVED));
  same('unconfirmed', counts.unconfirmed ?? 0, of('unconfirmed'));
  same('returned', counts.returned ?? 0, of('returned'));
  same('written', counts.written ?? 0, of('written'));
  const done = [...REMOVED, 'returned', 'written'];
  const inApply = Object.entries(skipped).filter(([name]) => !CHECK_SKIPS.includes(name));
  for (const [name, count] of inApply) same(name, count, of(name));
  const left = [...outcomes].filter(([name]) => !done.includes(name));
  same(
    'left alone',
    inApply.reduce((sum, [, count]) => sum + count, 0),
    left.reduce((sum, [, count]) => sum + count, 0),
  );
  if (!isFinished) return;
  const wrong = CHECK_SKIPS.reduce((sum, name) => sum + (skipped[name as keyof typeof skipped] ?? 0), 0);
  same('looked at again', verified + wrong, of(...REMOVED, 'written'));
}

/** What is wrong with what is told of one item of a table from which copies were removed. */
function wrongWithRemoval(
  { id, salt }: Run,
  entry: ProofEntry | undefined,
  changes: readonly Change[],
): string | undefined {
  const last = changes.findLast(({ by }) => by === id);
  const isRemoved = last !== undefined && last.after === undefined;
  const isTouchedSince = changes.some(({ by, number }) => by === undefined && number > (last?.number ?? -1));
  switch (entry?.outcome) {
    case 'removed':
      if (!isRemoved) return 'was not removed';
      return salted(salt, last.before ?? '') === entry.item ? undefined : 'was something else';
    case 'unconfirmed':
      // by whom nobody knows
      return isRemoved || changes.some(({ by, after }) => by === undefined && after === undefined)
        ? undefined
        : 'was not removed';
    case 'returned':
      return last?.after !== undefined ? undefined : 'was not put back';
    case 'RECREATED':
      return isTouchedSince || last?.after !== undefined ? undefined : 'nobody wrote it again';
    default:
      return isRemoved && !isTouchedSince ? 'was removed' : undefined;
  }
}

/** The same of a table that was filled. @param isTouched Whether the application wrote to it, or to its source. */
function wrongWithWrite(
  { id, salt }: Run,
  entry: ProofEntry | undefined,
  changes: readonly Change[],
  isTouched: boolean,
): string | undefined {
  const last = changes.findLast(({ by }) => by === id);
  if (entry?.outcome !== 'written') return last && !isTouched ? 'was written' : undefined;
  // an item that a worker finds as it is to be was written by one that died, or by the application
  const was = changes.some(
    ({ after }) => after !== undefined && salted(salt, contentHash(itemOfText(after))) === entry.item,
  );
  return was ? undefined : 'was not written';
}

/** Of each key that nobody else has written to since the plan was begun, what is left is what the rule keeps. */
function checkLeft(seen: Seen, run: Run): void {
  const { oracle, source, changed, from } = seen;
  const end = oracle.ends.get(run.id) ?? 0;
  const before = asOf(oracle, source.name, from);
  const left = asOf(oracle, changed.name, end);
  const written = oracle.changes.slice(from, end).filter(({ by }) => by === undefined);
  if (run.rule.kind === 'backfill') {
    const there = asOf(oracle, changed.name, from);
    const keys = new Set(written.map(({ key }) => key));
    for (const [key, text] of before) {
      const isRight = left.get(key) === (filled(run, text, there) ?? there.get(key));
      if (!isRight && !keys.has(key)) oracle.blame(16, `${nameOf(key)} is not in the target as it is to be`);
    }
    return;
  }
  const touched = new Set(
    written.flatMap((change) =>
      [change.before, change.after].map((text) => (text === undefined ? undefined : groupOf(text))),
    ),
  );
  const groups = grouped([...left.values()]);
  for (const [group, copies] of grouped([...before.values()])) {
    if (touched.has(group)) continue;
    const wanted = keptOf(copies, seen.keep);
    const there = groups.get(group) ?? [];
    const isSame = there.length === wanted.length && wanted.every((text) => there.includes(text));
    const names = copies.map((text) => nameOf(keyOfText(text))).join(', ');
    if (!isSame)
      oracle.blame(16, `of ${names} there are ${there.length} left and not ${wanted.length}, or others`);
  }
}

/** What an undo says that it put back, against the table. */
export async function checkUndo(seen: Seen, applied: RunStatus, undone: RunStatus): Promise<void> {
  const { oracle, changed } = seen;
  const { run, segments } = await remembered(seen, applied.id);
  const removed = (await provedBy(seen, run, segments)).filter(({ outcome }) => REMOVED.includes(outcome));
  const own = await remembered(seen, undone.id);
  const outcomes = countsOf((await provedBy(seen, own.run, own.segments)).map(({ outcome }) => outcome));
  const { restored, skipped } = undone;
  if (
    restored !== (outcomes.get('restored') ?? 0) ||
    (skipped.RECREATED ?? 0) !== (outcomes.get('RECREATED') ?? 0)
  )
    oracle.blame(17, `${undone.id} says that it put back ${restored} items, and proves something else`);
  if (undone.state !== 'finished') return;
  if (restored + (skipped.RECREATED ?? 0) !== removed.length)
    oracle.blame(
      17,
      `${undone.id} speaks of ${restored + (skipped.RECREATED ?? 0)} items of ${removed.length}`,
    );
  const keys = new Map(oracle.changes.map(({ key }) => [salted(run.salt, key), key]));
  for (const entry of removed) {
    const key = keys.get(entry.key) ?? '';
    const changes = oracle.changesOf(changed.name, key);
    const last = changes.findLast(({ by }) => by === run.id);
    const isTouched = changes.some(({ by, number }) => by === undefined && number > (last?.number ?? -1));
    const there = changed.there.get(key);
    const isBack = there !== undefined && salted(run.salt, there) === entry.item;
    if (!isBack && !isTouched) oracle.blame(17, `${nameOf(key)} is not as it was before it was removed`);
  }
}

/** That chains of proofs hold. */
export function checkAudit(oracle: TableOracle, { run, isRootSame, breaks }: Audit): void {
  for (const { phase, index, number, why } of breaks)
    oracle.blame(17, `${run} ${phase} ${index}, proof ${number}: ${why}`);
  if (isRootSame === false) oracle.blame(17, `${run}: the root is not the one of its chains`);
}

async function remembered(
  { ledger, oracle }: Seen,
  id: string,
): Promise<{ readonly run: Run; readonly segments: readonly Segment[] }> {
  const run = oracle.runs.get(id);
  if (run === undefined) throw new Error(`nobody has seen the run ${id}`);
  return { run, segments: await allSegmentsOf({ ledger }, run) };
}

async function provedBy(
  { ledger }: Seen,
  { id }: Run,
  segments: readonly Segment[],
): Promise<readonly ProofEntry[]> {
  const entries: ProofEntry[] = [];
  for (const { phase, index, proofs } of segments) {
    for await (const proof of ledger.proofs(id, phase, index)) {
      if (proof.number < proofs) entries.push(...proof.entries);
    }
  }
  return entries;
}

/** What a backfill writes for an item of the source; `undefined` for nothing. @param there What the target has. */
function filled(run: Run, text: string, there: ReadonlyMap<string, string>): string | undefined {
  const made = transformed(itemOfText(text));
  if (made === null || run.rule.kind !== 'backfill') return undefined;
  const own = textOfItem(made);
  const before = there.get(keyOfText(own));
  if (before === undefined) return own;
  const [mine, theirs] = [timeOf(own), timeOf(before)];
  const isNewer =
    run.rule.version !== undefined && mine !== undefined && theirs !== undefined && mine > theirs;
  return isNewer ? own : undefined;
}

function isTouched({ oracle, from }: Seen, key: string): boolean {
  return oracle.changes.slice(from).some((change) => change.key === key && change.by === undefined);
}

/** A table as it was before a change. */
function asOf({ changes }: TableOracle, table: string, from: number): ReadonlyMap<string, string> {
  const there = new Map<string, string>();
  for (const change of changes.slice(0, from)) {
    if (change.table !== table) continue;
    if (change.after === undefined) there.delete(change.key);
    else there.set(change.key, change.after);
  }
  return there;
}

function grouped(texts: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const text of texts) {
    const group = groupOf(text);
    if (group !== undefined) groups.set(group, [...(groups.get(group) ?? []), text]);
  }
  return groups;
}

function countsOf(names: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
