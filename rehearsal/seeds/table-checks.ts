import type { Audit } from '../../functions/app/audit.ts';
import type { PlanEntry } from '../../functions/app/gather.ts';
import { batchesOf } from '../../functions/app/plan-entries.ts';
import { undoOf } from '../../functions/app/plan-run.ts';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import type { RunLimits } from '../../functions/app/run-ports.ts';
import { allSegmentsOf } from '../../functions/app/run-state.ts';
import type { Keep } from '../../functions/contract/tables.ts';
import { sideOf } from '../../functions/core/backfill.ts';
import { copyOf } from '../../functions/core/dedupe.ts';
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
import { groupOf, isToStay, keptOf, keyOfText, nameOf, timeOf, transformed } from './table-application.ts';
import type { Change, TableOracle, WatchedTable } from './table-oracle.ts';

/** What is known when a run is asked for, and whom to ask. */
export interface Seen {
  readonly oracle: TableOracle;
  readonly ledger: RunLedger;
  readonly objects: ObjectStore;
  readonly limits: RunLimits;
  /** The table that is scanned, and the one that an apply changes. */
  readonly source: WatchedTable;
  readonly changed: WatchedTable;
  readonly keep: Keep;
  /** Number of the first change that comes later. */
  readonly from: number;
}

/** What goes or is written, by the text of its key. */
export type Plan = ReadonlyMap<string, PlanEntry>;

/** What a dedupe left alone in the apply, and not in the check after it. */
const CHECK_SKIPS: readonly string[] = ['REAPPEARED', 'KEEPER_LOST', 'NOT_AS_WRITTEN'];

type Counts = ReadonlyMap<string, number>;
/** Items as a scan read them, by keys. */
type Items = ReadonlyMap<string, string>;

/** What a dry run says and plans, against what it read, and that against what was there to be read. */
export async function checkDryRun(seen: Seen, dry: RunStatus): Promise<Plan> {
  const { oracle, source, changed } = seen;
  const { run, segments } = await remembered(seen, dry.id);
  const { rule } = run;
  const planned = await plannedBy(seen, run, segments);
  const { duplicates, counts } = dry;
  const said = duplicates + (counts.missing ?? 0) + (counts.older ?? 0);
  oracle.expect(17, said === planned.size, () => `${dry.id} says ${said}, and plans ${planned.size}`);
  const lines = await linesOf(seen, run, segments);
  const [read, there] = [source, changed].map((table) => readOf(seen, run, table, lines)) as [Items, Items];
  const wanted = rule.kind === 'dedupe' ? losersOf([...read.values()], seen.keep) : lacking(run, read, there);
  for (const key of new Set([...planned.keys(), ...wanted.keys()])) {
    const isWanted = planned.get(key)?.because === wanted.get(key);
    const why = () => `${dry.id} plans of ${nameOf(key)} what does not follow from what it read`;
    oracle.expect(17, isWanted, why);
  }
  checkScanned(seen, dry, rule.kind === 'dedupe' ? [source] : [source, changed]);
  return planned;
}

async function plannedBy({ objects, limits }: Seen, run: Run, segments: readonly Segment[]): Promise<Plan> {
  const plan = new Map<string, PlanEntry>();
  for (const { phase, index, records } of segments) {
    if (phase !== 'gather') continue;
    for await (const { entries } of batchesOf(
      { objects: () => objects, limits },
      run,
      index,
      records[0] ?? 0,
      0,
    )) {
      for (const entry of entries) plan.set(entry.key, entry);
    }
  }
  return plan;
}

/** What the checkpoints of a scan name: a line for each item, by the name of its table and its key. */
async function linesOf({ objects, source, changed }: Seen, run: Run, segments: readonly Segment[]) {
  const lines = new Map<string, string>();
  for await (const { index, content } of spillsOf(objects, run, segments)) {
    const isMade = run.rule.kind === 'backfill' && index < run.layout.segments;
    const { name } = run.rule.kind === 'backfill' && !isMade ? changed : source;
    for (const line of content.split('\n'))
      lines.set(`${name} ${(JSON.parse(line) as string[])[isMade ? 2 : 1]}`, line);
  }
  return lines;
}

/** The objects that the checkpoints of a scan name, each with the index of its segment. */
export async function* spillsOf(
  objects: ObjectStore,
  { id }: Run,
  segments: readonly Segment[],
): AsyncGenerator<{ readonly name: string; readonly index: number; readonly content: string }> {
  for (const { phase, index, spills, records } of segments) {
    if (phase !== 'scatter') continue;
    for (const flush of spills) {
      for (const partition of records.keys()) {
        const name = OBJECT_NAMES.spill(id, partition, index, flush);
        const content = await objects.read(name);
        if (content) yield { name, index, content: content.toString() };
      }
    }
  }
}

/** The items that a scan found in a table: each as it was at some moment of the scan, and none is left out that was there all the while. */
function readOf(
  { oracle, source, from }: Seen,
  run: Run,
  table: WatchedTable,
  lines: ReadonlyMap<string, string>,
): Items {
  const read = new Map<string, string>();
  for (const key of oracle.keysOf(table.name)) {
    const line = lines.get(`${table.name} ${key}`);
    const texts = oracle.moments(table.name, key, from, oracle.ends.get(run.id));
    const known = texts.findIndex((text) => lineOf(run, text, table === source) === line);
    oracle.expect(17, known !== -1, () => `${run.id} has read of ${nameOf(key)} what never was there`);
    const text = texts[known];
    if (line !== undefined && text !== undefined) read.set(key, text);
  }
  return read;
}

/** What a scan writes down of an item; `undefined` if nothing. */
function lineOf({ rule, keys }: Run, text: string | undefined, isSource: boolean): string | undefined {
  if (text === undefined) return undefined;
  const item = itemOfText(text);
  if (rule.kind === 'dedupe') {
    const copy = copyOf(item, rule, keys);
    return copy && JSON.stringify([copy.group, copy.key, copy.order]);
  }
  const made = isSource ? transformed(item) : item;
  if (made === null) return undefined;
  const side = sideOf(made, keys, rule.version, isSource ? keyOfText(text) : null);
  return JSON.stringify([side.group, side.target, side.source, side.content, side.version]);
}

/** Keys of copies that are too many, each with the key of the one that stays. */
function losersOf(texts: readonly string[], keep: Keep): ReadonlyMap<string, string> {
  const losers = new Map<string, string>();
  for (const copies of grouped(texts).values()) {
    const kept = keptOf(copies, keep);
    for (const text of copies)
      if (!kept.includes(text)) losers.set(keyOfText(text), keyOfText(kept[0] ?? ''));
  }
  return losers;
}

/** The same of what a target lacks. */
function lacking(run: Run, source: Items, target: Items): ReadonlyMap<string, string> {
  const keys = [...source].flatMap(([key, text]) =>
    filled(run, text, target.get(key)) === undefined ? [] : [key],
  );
  return new Map(keys.map((key) => [key, key]));
}

/** A scan has read what was there all the while, and may have read what was there for a while. */
function checkScanned(
  { oracle, from }: Seen,
  { id, scanned }: RunStatus,
  tables: readonly WatchedTable[],
): void {
  const all = tables.flatMap(({ name }) =>
    oracle.keysOf(name).map((key) => oracle.moments(name, key, from, oracle.ends.get(id))),
  );
  const least = all.filter((texts) => !texts.includes(undefined)).length;
  const most = all.filter((texts) => texts.some((text) => text !== undefined)).length;
  const why = () => `${id} says that it read ${scanned} items, and there were ${least} to ${most}`;
  oracle.expect(17, scanned >= least && scanned <= most, why);
}

/** What an apply says that it did, against what it did; and what it did, against the rule. */
export async function checkApply(seen: Seen, applied: RunStatus, plan: Plan): Promise<void> {
  const { oracle, changed } = seen;
  const { run, segments } = await remembered(seen, applied.id);
  const entries = await provedBy(seen, run, segments);
  const outcomes = countsOf(entries.map(({ outcome }) => outcome));
  const isFinished = applied.state === 'finished';
  const isProved = isFinished ? entries.length === plan.size : entries.length <= plan.size;
  oracle.expect(17, isProved, () => `${run.id} proves ${entries.length} entries of ${plan.size}`);
  checkCounts(oracle, applied, outcomes, isFinished);
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  const end = oracle.ends.get(run.id) ?? 0;
  for (const key of oracle.keysOf(changed.name)) {
    const entry = byKey.get(salted(run.salt, key));
    const changes = oracle.changesOf(changed.name, key).filter(({ number }) => number < end);
    const wrong =
      run.rule.kind === 'dedupe'
        ? wrongWithRemoval(run, entry, changes)
        : wrongWithWrite(run, entry, changes, isTouched(seen, run, key));
    const why = () => `${nameOf(key)} is told to be ${entry?.outcome ?? 'left alone'}, and ${wrong}`;
    oracle.expect(17, wrong === undefined, why);
    const planned = plan.get(key);
    if (entry === undefined || planned === undefined) continue;
    const possible = outcomesOf(seen, run, planned);
    const { outcome } = entry;
    if (possible === undefined) continue;
    const isPossible = possible.has(outcome === 'unconfirmed' ? 'removed' : outcome);
    oracle.expect(
      16,
      isPossible,
      () => `${nameOf(key)} is ${outcome}, and was to be ${[...possible].join(' or ')}`,
    );
  }
  if (isFinished) checkLooks(seen, run, applied, plan, byKey);
}

/** What may become of an entry of a plan whose item nobody else writes to; `undefined` if somebody does. */
function outcomesOf(
  { oracle, source, changed, keep }: Seen,
  run: Run,
  { key, because, group }: PlanEntry,
): ReadonlySet<ProofEntry['outcome']> | undefined {
  const [from, to] = [oracle.begins.get(`${run.id} apply`) ?? 0, oracle.ends.get(run.id)];
  const isWritten = oracle
    .changesOf(changed.name, key)
    .some(({ by, number }) => by !== run.id && number >= from && number < (to ?? 0));
  if (isWritten) return undefined;
  const [text] = oracle.moments(changed.name, key, from, from);
  const others = oracle.moments(source.name, because, from, to);
  const { rule, keys } = run;
  if (rule.kind === 'backfill') {
    const outcomes = others.map((other) => writeOf(run, other, text));
    // a worker that dies has written what the next one finds changed
    return new Set(others.length > 1 ? [...outcomes, 'CHANGED'] : outcomes);
  }
  if (text === undefined) return new Set(['GONE']);
  const isOfPlan = copyOf(itemOfText(text), rule, keys)?.group === group;
  const outcomes = new Set(
    others.map((other) => {
      if (!isOfPlan) return 'CHANGED';
      if (other === undefined) return 'KEEPER_GONE';
      return isToStay(other, text, keep) ? 'removed' : 'CHANGED';
    }),
  );
  return outcomes.size > 1 ? new Set([...outcomes, 'returned']) : outcomes;
}

/** What becomes of an item of a target because of its source. */
function writeOf(run: Run, source: string | undefined, there: string | undefined): ProofEntry['outcome'] {
  if (source === undefined) return 'GONE';
  const made = transformed(itemOfText(source));
  const isThere = made !== null && textOfItem(made) === there;
  return isThere || filled(run, source, there) !== undefined ? 'written' : 'CHANGED';
}

/** What the looks after an apply say, against what lay there while it looked. */
function checkLooks(
  { oracle, changed }: Seen,
  run: Run,
  { verified, skipped }: RunStatus,
  plan: Plan,
  byKey: ReadonlyMap<string, ProofEntry>,
): void {
  const [from, to] = [oracle.begins.get(`${run.id} check`) ?? 0, oracle.ends.get(run.id)];
  const looks = [...plan.values()].flatMap(({ key, because }) => {
    const { outcome, item } = byKey.get(salted(run.salt, key)) ?? {};
    if (outcome === 'written') {
      const texts = oracle.moments(changed.name, key, from, to);
      return [texts.map((text) => (hashOf(run, text) === item ? 'verified' : 'NOT_AS_WRITTEN'))];
    }
    if (outcome === undefined || !REMOVED.includes(outcome)) return [];
    const isIt = ({ after }: Change) => after !== undefined && salted(run.salt, after) === item;
    const { after: removed } = oracle.changesOf(changed.name, key).find(isIt) ?? {};
    const group = groupOf(removed ?? '{}');
    const keepers = oracle.moments(changed.name, because, from, to);
    const isStanding = (text: string | undefined) => text !== undefined && groupOf(text) === group;
    const there = oracle.moments(changed.name, key, from, to);
    return [
      [
        ...there.flatMap((text) => (text === undefined ? [] : ['REAPPEARED'])),
        ...(there.includes(undefined)
          ? keepers.map((text) => (isStanding(text) ? 'verified' : 'KEEPER_LOST'))
          : []),
      ],
    ];
  });
  for (const name of ['verified', ...CHECK_SKIPS]) {
    const said = name === 'verified' ? verified : (skipped[name as keyof typeof skipped] ?? 0);
    const least = looks.filter((may) => may.every((each) => each === name)).length;
    const most = looks.filter((may) => may.includes(name)).length;
    const isTrue = said >= least && said <= most;
    oracle.expect(17, isTrue, () => `${run.id} says ${said} ${name}, and it was ${least} to ${most}`);
  }
}

function hashOf({ salt }: Run, text: string | undefined): string | undefined {
  return text === undefined ? undefined : salted(salt, contentHash(itemOfText(text)));
}

function checkCounts(
  oracle: TableOracle,
  { id, removed, verified, counts, skipped }: RunStatus,
  outcomes: Counts,
  isFinished: boolean,
): void {
  const of = (...names: readonly string[]) => names.reduce((sum, name) => sum + (outcomes.get(name) ?? 0), 0);
  const same = (what: string, said: number, proved: number) => {
    oracle.expect(17, said === proved, () => `${id} says ${said} ${what}, and proves ${proved}`);
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
  const isTouchedSince = changes.some(({ by, number }) => by !== id && number > (last?.number ?? -1));
  switch (entry?.outcome) {
    case 'removed':
      if (!isRemoved) return 'was not removed';
      return salted(salt, last.before ?? '') === entry.item ? undefined : 'was something else';
    case 'unconfirmed':
      // by whom nobody knows
      return isRemoved || changes.some(({ by, after }) => by !== id && after === undefined)
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

/** The same of a table that was filled. @param isTouched Whether anybody else wrote to it, or to its source. */
function wrongWithWrite(
  run: Run,
  entry: ProofEntry | undefined,
  changes: readonly Change[],
  isTouched: boolean,
): string | undefined {
  const isWritten = changes.some(({ by }) => by === run.id);
  if (entry?.outcome !== 'written') return isWritten && !isTouched ? 'was written' : undefined;
  // an item that a worker finds as it is to be was written by one that died, or by the application
  const own = changes.at(-1)?.by === run.id ? changes.slice(-1) : changes;
  return own.some(({ after }) => hashOf(run, after) === entry.item) ? undefined : 'was not written';
}

/** What an undo says that it put back, against the table. */
export async function checkUndo(seen: Seen, applied: RunStatus, undone: RunStatus): Promise<void> {
  const { oracle, changed } = seen;
  const { run, segments } = await remembered(seen, applied.id);
  const removed = (await provedBy(seen, run, segments)).filter(({ outcome }) => REMOVED.includes(outcome));
  const own = await remembered(seen, undone.id);
  const entries = await provedBy(seen, own.run, own.segments);
  const outcomes = countsOf(entries.map(({ outcome }) => outcome));
  const { restored, skipped } = undone;
  const { RECREATED: recreated = 0, QUARANTINE_LOST: lost = 0 } = skipped;
  const isProved =
    restored === (outcomes.get('restored') ?? 0) && recreated === (outcomes.get('RECREATED') ?? 0);
  const why = () => `${undone.id} says that it put back ${restored} items, and proves something else`;
  oracle.expect(17, isProved, why);
  const mayLose = lost === 0 || run.isForgotten === true;
  oracle.expect(17, mayLose, () => `${undone.id} says that ${lost} items are lost`);
  const spokenOf = restored + recreated + lost;
  const isWhole = undone.state !== 'finished' || spokenOf === removed.length;
  oracle.expect(17, isWhole, () => `${undone.id} speaks of ${spokenOf} items of ${removed.length}`);
  const keys = new Map(oracle.keysOf(changed.name).map((key) => [salted(run.salt, key), key]));
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  const [from, to] = [oracle.begins.get(`${undone.id} undo`) ?? 0, oracle.ends.get(undone.id)];
  for (const entry of removed) {
    const key = keys.get(entry.key) ?? '';
    const { outcome } = byKey.get(salted(own.run.salt, key)) ?? {};
    if (outcome === undefined) continue;
    const isSame = (text: string | undefined) => text !== undefined && salted(run.salt, text) === entry.item;
    const texts = oracle.moments(changed.name, key, from, to);
    const possible = texts.map((text) => (text === undefined || isSame(text) ? 'restored' : 'RECREATED'));
    const isPossible = possible.some((each) => each === outcome);
    oracle.expect(
      17,
      isPossible,
      () => `${nameOf(key)} is told to be ${outcome}, and was to be ${possible[0]}`,
    );
    const isBack = outcome !== 'restored' || texts.some(isSame);
    oracle.expect(17, isBack, () => `${nameOf(key)} is not as it was before it was removed`);
  }
}

/** That chains of proofs hold. */
export function checkAudit(oracle: TableOracle, { run, isRootSame, breaks }: Audit): void {
  const broken = () =>
    breaks.map(({ phase, index, number, why }) => `${phase} ${index}, proof ${number}: ${why}`).join(', ');
  oracle.expect(17, breaks.length === 0, () => `${run}: ${broken()}`);
  oracle.expect(17, isRootSame !== false, () => `${run}: the root is not the one of its chains`);
}

/** That of a run that was forgotten nothing is left that says what it was about. */
export async function checkForgotten(oracle: TableOracle, objects: ObjectStore, id: string): Promise<void> {
  const { of = '' } = oracle.runs.get(id) ?? {};
  const folders = [id, of, undoOf(id)].map((run) => OBJECT_NAMES.of(run));
  for (const prefix of [OBJECT_NAMES.quarantineOf(id), ...folders]) {
    const left: string[] = [];
    for await (const name of objects.list(prefix)) left.push(name);
    oracle.expect(17, left.length === 0, () => `${id} is forgotten, and there is ${left.join()}`);
  }
}

async function remembered(
  { ledger, oracle }: Seen,
  id: string,
): Promise<{ readonly run: Run; readonly segments: readonly Segment[] }> {
  const run = oracle.runs.get(id);
  if (run === undefined) throw new Error(`nobody has seen the run ${id}`);
  const { salt = '' } = oracle.begun.get(id) ?? {};
  return { run: { ...run, salt }, segments: await allSegmentsOf({ ledger }, run) };
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

/** What a backfill writes for an item of the source; `undefined` for nothing. @param before What the target has. */
function filled(run: Run, text: string, before: string | undefined): string | undefined {
  const made = transformed(itemOfText(text));
  if (made === null || run.rule.kind !== 'backfill') return undefined;
  const own = textOfItem(made);
  if (before === undefined) return own;
  const [mine, theirs] = [timeOf(own), timeOf(before)];
  const isNewer =
    run.rule.version !== undefined && mine !== undefined && theirs !== undefined && mine > theirs;
  return isNewer ? own : undefined;
}

function isTouched({ oracle, source, changed, from }: Seen, run: Run, key: string): boolean {
  const changes = [source, changed].flatMap(({ name }) => oracle.changesOf(name, key));
  return changes.some(({ by, number }) => by !== run.id && number >= from);
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
