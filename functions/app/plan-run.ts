import type { ParsedConfig, WatchedTable } from '../contract/config.ts';
import type { Hazard } from '../contract/names.ts';
import type { RunRequest } from '../contract/requests.ts';
import type { RunKind } from '../contract/tables.ts';
import { RecohereError } from '../core/errors.ts';
import { sha256 } from '../core/item.ts';
import { isSame, type Layout, type Rule, type Run, type TableRef, type Tally } from '../core/run.ts';
import { isSample } from '../core/run-report.ts';
import type { TableFacts } from '../ports/item-store.ts';
import type { RunPorts } from './run-ports.ts';
import { existingRun, forgotten, hasEnded } from './run-state.ts';

type TableRequest = Extract<RunRequest, { readonly table: string }>;

/** Bytes of a table that one segment has, about. */
export const SEGMENT_BYTES = 256 * 1024 * 1024;
const SEGMENTS_MIN = 4;
export const SEGMENTS_MAX = 1_000;
/** What DynamoDB takes. */
const TOTAL_SEGMENTS_MAX = 1_000_000;
/** Read units a second that keep one worker busy: two full pages. More workers would wait, and Lambda bills waiting too. */
export const UNITS_PER_WORKER = 256;
/** Items of a table whose records one partition has, about. */
export const PARTITION_ITEMS = 50_000;
export const PARTITIONS_MAX = 1_024;
/** Seven days: records of dry runs are kept for longer, and what is older says little of a table. */
const PLAN_AGE_MS_MAX = 604_800_000;
const SALT_BYTES = 16;
const NAME_CHARACTERS = 16;
const TOKEN_CHARACTERS = 24;
const HASH_CHARACTERS = 6;

/** What a run is made of, as far as several make it in the same way. */
export type NewRun = Omit<Run, 'version' | 'salt' | 'startedAt' | 'attempt' | 'state'>;

/** The table of the config that a request means. @throws RecohereError `NO_SUCH_TABLE`, `AMBIGUOUS_TABLE` */
export function tableOf(
  { hub, tables }: ParsedConfig,
  { table, region, account }: Pick<TableRequest, 'table' | 'region' | 'account'>,
): { readonly table: WatchedTable; readonly ref: TableRef } {
  const found = tables
    .map((each) => ({ table: each, ref: refOf(hub, each) }))
    .filter(({ ref }) => ref.name === table && (region ?? ref.region) === ref.region)
    .filter(({ ref }) => (account ?? ref.account) === ref.account);
  const [only] = found;
  if (only === undefined)
    throw new RecohereError('NO_SUCH_TABLE', 'the config has no such table; if yours has, deploy it');
  if (found.length > 1) {
    throw new RecohereError(
      'AMBIGUOUS_TABLE',
      'the config has several tables of this name: name the region, or the account',
    );
  }
  return only;
}

function refOf(
  hub: ParsedConfig['hub'],
  { name, region = hub.region, account = hub.account }: WatchedTable,
): TableRef {
  return { name, region, ...(account !== undefined && { account }) };
}

/**
 * Plans a dry run: what it looks for, and how it is divided.
 * @throws RecohereError `NO_RULE`, `KEY_IS_PRIMARY`, and what {@link RunPorts.items} throws
 */
export async function planDryRun(
  ports: RunPorts,
  config: ParsedConfig,
  request: TableRequest,
): Promise<NewRun> {
  const { table, ref } = tableOf(config, request);
  const rule = ruleOf(table, request.kind);
  const facts = await ports.items(ref).describe();
  if (rule.kind === 'dedupe' && facts.keys.every((name) => rule.key.includes(name))) {
    throw new RecohereError(
      'KEY_IS_PRIMARY',
      'tables[].dedupe.key holds the primary key of the table, so that no two items can share it: name other attributes',
    );
  }
  const target =
    rule.kind === 'backfill' ? await ports.items({ ...ref, name: rule.to }).describe() : undefined;
  return {
    id: runId(request.kind, 'dry', ref, request.token ?? timeToken(ports)),
    mode: 'dry-run',
    table: ref,
    rule,
    phase: 'scatter',
    layout: layoutOf(ports, table, [facts, ...(target ? [target] : [])], request.sample),
    keys: facts.keys,
    ...(target && { targetKeys: target.keys }),
    expected: Math.round((facts.items + (target?.items ?? 0)) * (request.sample ?? 1)),
  };
}

/**
 * Plans what a dry run has found to be done, after everything has been asked that could forbid it. Nothing is changed yet.
 * @throws RecohereError with the reason, `APPLY_OFF`, `NO_PLAN` …
 */
export async function planApply(
  ports: RunPorts,
  config: ParsedConfig,
  request: TableRequest,
): Promise<NewRun> {
  const { table, ref } = tableOf(config, request);
  const rule = ruleOf(table, request.kind);
  if (!table.apply)
    throw refusal(
      'APPLY_OFF',
      'the config does not let runs change this table: set tables[].apply, and deploy',
    );
  if (request.sample !== undefined) throw refusal('BAD_REQUEST', 'a sample can be read, and not applied');
  if (request.plan === undefined || request.count === undefined) {
    throw refusal('NO_PLAN', 'name the dry run that is applied, and how many items it said');
  }
  const plan = await existingRun(ports, request.plan);
  if (plan.mode !== 'dry-run' || plan.state !== 'finished' || isSample(plan)) {
    throw refusal('NO_PLAN', 'only a dry run of the whole table that has finished can be applied');
  }
  if (plan.rule.kind !== request.kind || !isSame(plan.table, ref))
    throw refusal('OTHER_TABLE', 'the plan is of another table or kind: make a dry run of this one');
  if (!isSame(plan.rule, rule))
    throw refusal('PLAN_OUTDATED', 'the config has changed since: make a new dry run');
  if (ports.clock.now() - (plan.endedAt ?? 0) > PLAN_AGE_MS_MAX) {
    throw refusal('PLAN_OUTDATED', 'the dry run is older than seven days: make a new one');
  }
  const count = entriesOfPlan(plan.tally);
  if (count !== request.count)
    throw refusal('OTHER_COUNT', `the dry run found ${count} items, not ${request.count}`);
  if (count > table.maxRemovals)
    throw refusal(
      'TOO_MANY',
      `the dry run found ${count} items, and tables[].maxRemovals is ${table.maxRemovals}`,
    );
  const changed = rule.kind === 'backfill' ? { ...ref, name: rule.to } : ref;
  const store = ports.items(changed);
  const facts = await store.describe();
  const hazards = hazardsOf(facts).filter((hazard) => !request.acknowledge.includes(hazard));
  if (hazards.length > 0) {
    throw refusal(
      'HAZARDS',
      `removals and writes may reach others or be final; acknowledge: ${hazards.join(', ')}`,
    );
  }
  await store.tryWriting(rule.kind === 'dedupe' ? ['remove', 'put'] : ['put']);
  return {
    id: plan.id.replace('-dry-', '-apply-'),
    mode: 'apply',
    table: ref,
    rule,
    phase: 'apply',
    layout: plan.layout,
    keys: plan.keys,
    ...(plan.targetKeys && { targetKeys: plan.targetKeys }),
    of: plan.id,
    changes: facts.arn,
    expected: count,
  };
}

/**
 * Plans to put back what an apply has removed.
 * @throws RecohereError with the reason
 */
export async function planUndo(ports: RunPorts, id: string): Promise<NewRun> {
  const applied = await existingRun(ports, id);
  if (applied.mode !== 'apply' || applied.rule.kind !== 'dedupe')
    throw refusal('NOT_UNDOABLE', 'only what a dedupe removed can be put back');
  if (!hasEnded(applied)) throw refusal('NOT_ENDED', 'the run has not ended: cancel it, or resume it');
  if (applied.isForgotten) throw forgotten();
  const store = ports.items(applied.table);
  await store.tryWriting(['put']);
  const { arn } = await store.describe();
  return {
    id: undoOf(applied.id),
    mode: 'undo',
    table: applied.table,
    rule: applied.rule,
    phase: 'undo',
    layout: applied.layout,
    keys: applied.keys,
    of: applied.id,
    changes: arn,
    expected: applied.tally?.counts.removed ?? 0,
  };
}

/** The id of the one run that undoes an apply. */
export function undoOf(applied: string): string {
  return `${applied}-undo`;
}

/** A new run, which nobody works on yet. */
export function newRun({ clock, random }: RunPorts, planned: NewRun): Run {
  const salt = Buffer.from(random.bytes(SALT_BYTES)).toString('hex');
  return { ...planned, version: 1, state: 'running', attempt: 1, salt, startedAt: clock.now() };
}

/** How many items the apply of a dry run would remove or write. */
function entriesOfPlan(tally: Tally | undefined): number {
  const { duplicates = 0, missing = 0, older = 0 } = tally?.counts ?? {};
  return duplicates + missing + older;
}

function ruleOf({ dedupe, backfill }: WatchedTable, kind: RunKind): Rule {
  if (kind === 'dedupe' && dedupe) {
    return { kind, key: [dedupe.key].flat(), keep: dedupe.keep, by: dedupe.by, where: dedupe.where };
  }
  if (kind === 'backfill' && backfill) {
    return { kind, to: backfill.to, ...(backfill.version !== undefined && { version: backfill.version }) };
  }
  throw refusal(
    'NO_RULE',
    `the config says nothing of ${kind} for this table: set tables[].${kind}, and deploy`,
  );
}

function layoutOf(
  { limits }: RunPorts,
  { readUnitsPerSecond, writeUnitsPerSecond, maxErrors }: WatchedTable,
  facts: readonly TableFacts[],
  sample: number | undefined,
): Layout {
  const bytes = Math.max(...facts.map((each) => each.bytes));
  const items = facts.reduce((sum, each) => sum + each.items, 0) * (sample ?? 1);
  const segments = between(SEGMENTS_MIN, Math.ceil(bytes / SEGMENT_BYTES), SEGMENTS_MAX);
  return {
    segments,
    totalSegments: Math.min(TOTAL_SEGMENTS_MAX, Math.round(segments / (sample ?? 1))),
    partitions: between(1, Math.ceil(items / PARTITION_ITEMS), PARTITIONS_MAX),
    concurrency: between(
      1,
      Math.ceil(readUnitsPerSecond / UNITS_PER_WORKER),
      Math.min(segments, limits.concurrency),
    ),
    readUnitsPerSecond,
    writeUnitsPerSecond,
    maxErrors,
  };
}

function hazardsOf({ hasStream, hasReplicas, hasPointInTimeRecovery }: TableFacts): Hazard[] {
  return [
    ...(hasStream ? (['streams'] as const) : []),
    ...(hasReplicas ? (['replicas'] as const) : []),
    ...(hasPointInTimeRecovery === true ? [] : (['no-point-in-time-recovery'] as const)),
  ];
}

/** The same for the same request. The hash tells apart tables of one name, and what a name had to lose. */
function runId(kind: RunKind, mode: 'dry', table: TableRef, token: string): string {
  const hash = sha256(JSON.stringify([table.account ?? '', table.region, table.name, token])).slice(
    0,
    HASH_CHARACTERS,
  );
  return `${kind}-${mode}-${slug(table.name, NAME_CHARACTERS)}-${slug(token, TOKEN_CHARACTERS)}-${hash}`;
}

/** A token of a run that was given none. It begins with the time, so that ids of runs tell it. */
export function timeToken({ clock, random }: Pick<RunPorts, 'clock' | 'random'>): string {
  const time = new Date(clock.now()).toISOString().slice(0, 19).replace(/[:-]/g, '');
  return `${time}-${Buffer.from(random.bytes(2)).toString('hex')}`;
}

function slug(text: string, characters: number): string {
  return (
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, characters) || 'x'
  );
}

function between(least: number, wanted: number, most: number): number {
  return Math.min(most, Math.max(least, wanted));
}

function refusal(code: string, message: string): RecohereError {
  return new RecohereError(code, message);
}
