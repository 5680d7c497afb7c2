import { memoryObjectStore } from '../functions/adapters/local/memory-objects.ts';
import { SimulatedRunLedger } from '../functions/adapters/sim/run-ledger.ts';
import { SimulatedTable } from '../functions/adapters/sim/simulated-table.ts';
import { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import type { Audit } from '../functions/app/audit.ts';
import { type ReconcilePorts, type RunStatus, reconcile } from '../functions/app/reconcile.ts';
import { runHere } from '../functions/app/run-here.ts';
import { PROCESS_LIMITS } from '../functions/app/run-ports.ts';
import { runProgress } from '../functions/app/run-progress.ts';
import type { ParsedConfig } from '../functions/contract/config.ts';
import type { RunProgress } from '../functions/contract/overview.ts';
import { runRequestSchema, type WrittenRequest } from '../functions/contract/requests.ts';
import type { Where } from '../functions/contract/tables.ts';
import { compareTexts } from '../functions/core/decimal.ts';
import { RecohereError } from '../functions/core/errors.ts';
import { textOfItem, type WireItem, type WireValue } from '../functions/core/item.ts';
import { listed } from '../functions/core/words.ts';
import type { Measurements, MetricSample } from './alarms.ts';
import type { Fate } from './fate.ts';
import { BEGIN } from './installation.ts';
import type { InvariantNumber, Violation } from './invariants.ts';

type Table = ParsedConfig['tables'][number];

/** One run, as far as somebody would look at it. */
export type ToldRun = Pick<
  RunStatus,
  | 'id'
  | 'kind'
  | 'mode'
  | 'state'
  | 'table'
  | 'scanned'
  | 'duplicates'
  | 'removed'
  | 'restored'
  | 'counts'
  | 'skipped'
  | 'costUsd'
>;

/** An apply that was asked for where `maxRemovals` is one less than what its dry run found. */
export interface ToldRefusal {
  readonly table: string;
  readonly kind: RunStatus['kind'];
  readonly found: number;
}

/** What became of the tables. */
export interface PlayedTables {
  readonly from: number;
  readonly until: number;
  readonly leftOut: readonly string[];
  readonly runs: readonly ToldRun[];
  readonly refusals: readonly ToldRefusal[];
  readonly progress: readonly RunProgress[];
  readonly measurements: Measurements;
  readonly checked: readonly InvariantNumber[];
  readonly violations: readonly Violation[];
}

/** Items of a table, and those of them that were written twice, or that the other table lacks. */
const ITEMS = 2_000;
const TWICE = 120;
const SECOND_MS = 1_000;
/** Primary key of all tables: nothing that a config would name. */
const KEY = 'primaryKey';
const RUNS_SHOWN = 20;
/** Tables of a config that there is time for. */
const TABLES_MAX = 20;

/**
 * Runs over the first tables of a config, in one process and without faults: what is there twice is found, removed in batches and put back;
 * gaps are found and filled.
 */
export function playTables(config: ParsedConfig, fate: Fate): Promise<PlayedTables> {
  const clock = new VirtualClock(BEGIN);
  return clock.run(() => new Desk(config, fate, clock).play());
}

/** Whoever asks for runs, and looks at what became of them. */
class Desk {
  readonly #config: ParsedConfig;
  readonly #clock: VirtualClock;
  readonly #fate: Fate;
  readonly #tables = new Map<string, SimulatedTable>();
  readonly #ports: ReconcilePorts;
  readonly #runs: ToldRun[] = [];
  readonly #refusals: ToldRefusal[] = [];
  readonly #samples: MetricSample[] = [];
  readonly #checked: InvariantNumber[] = [];
  readonly #violations: Violation[] = [];

  constructor(config: ParsedConfig, fate: Fate, clock: VirtualClock) {
    this.#config = config;
    this.#fate = fate;
    this.#clock = clock;
    const objects = memoryObjectStore();
    this.#ports = {
      clock,
      random: fate.random('runs'),
      ledger: new SimulatedRunLedger(),
      items: (table) => this.#table(table.name, table.region, table.account),
      objects: () => objects,
      transforms: async () => async (item) => item, // a user's own module is not run here
      telemetry: {
        publish: (metric, value) => this.#samples.push({ at: clock.now(), metric, value }),
      },
      limits: PROCESS_LIMITS,
      start: async () => {},
    };
  }

  async play(): Promise<PlayedTables> {
    const { tables } = this.#config;
    for (const table of tables.slice(0, TABLES_MAX)) {
      if (table.dedupe) await this.#dedupe(table, table.dedupe);
      if (table.backfill) await this.#backfill(table, table.backfill);
    }
    const progress = await runProgress(this.#ports, RUNS_SHOWN);
    return {
      from: BEGIN,
      until: this.#clock.now(),
      leftOut: leftOutOf(tables),
      runs: this.#runs,
      refusals: this.#refusals,
      progress,
      measurements: { samples: this.#samples, counts: [] },
      checked: this.#checked,
      violations: this.#violations,
    };
  }

  async #dedupe(table: Table, rule: NonNullable<Table['dedupe']>): Promise<void> {
    const store = this.#storeOf(table, table.name);
    const twice = Math.min(TWICE, table.maxRemovals);
    for (const item of ordersOf(rule, this.#fate.random('orders', table.name), twice)) store.put(item);
    const before = textsIn(store);
    const expected = keptBy(rule, store.items());
    const dry = await this.#run({ ...this.#requestFor(table), kind: 'dedupe' });
    this.#expect(
      16,
      dry.duplicates === before.size - expected.size,
      `${dry.id} found ${dry.duplicates} duplicates`,
    );
    if (!table.apply) return;
    const applied = await this.#apply(table, dry);
    this.#expect(16, isSame(textsIn(store), expected), `${applied.id} left other items than the rule keeps`);
    const isTrue = applied.removed === before.size - expected.size;
    this.#expect(17, isTrue, `${applied.id} says that it removed ${applied.removed}`);
    const undone = await this.#run({ kind: 'undo', run: applied.id });
    this.#expect(15, isSame(textsIn(store), before), `${undone.id} did not put everything back`);
  }

  async #backfill(table: Table, { to, version }: NonNullable<Table['backfill']>): Promise<void> {
    const [source, target] = [this.#storeOf(table, table.name), this.#storeOf(table, to)];
    const gaps = Math.min(TWICE, table.maxRemovals);
    if (source.items().length === 0) {
      for (let order = 0; order < ITEMS; order++) source.put({ [KEY]: { S: `order-${order}` } });
    }
    source.items().forEach((item, position) => {
      const written = version === undefined ? item : { ...item, [version]: { N: '2' } };
      source.put(written);
      if (position >= gaps) target.put(written);
      else if (version !== undefined && position % 2 === 0) target.put({ ...written, [version]: { N: '1' } });
    });
    const expected = textsIn(source);
    const dry = await this.#run({ ...this.#requestFor(table), kind: 'backfill' });
    const found = foundBy(dry);
    this.#expect(16, found === Math.min(gaps, expected.size), `${dry.id} found ${found} gaps`);
    if (!table.apply) return;
    const applied = await this.#apply(table, dry);
    this.#expect(
      16,
      isSame(textsIn(target), expected),
      `${applied.id} left the target other than the source`,
    );
  }

  /** Applies a dry run, once it was refused, and goes along its proofs. */
  async #apply(table: Table, dry: RunStatus): Promise<RunStatus> {
    const count = foundBy(dry);
    const request: WrittenRequest = {
      ...this.#requestFor(table),
      kind: dry.kind,
      mode: 'apply',
      plan: dry.id,
      count,
    };
    const isRefused = await this.#isTooMuch(table, count - 1, request);
    if (isRefused) this.#refusals.push({ table: table.name, kind: dry.kind, found: count });
    this.#expect(17, isRefused, `an apply of ${dry.id} began although it found more than maxRemovals`);
    const applied = await this.#run(request);
    const { breaks, isRootSame, isQuarantineRead } = (await this.#ask({
      kind: 'audit',
      run: applied.id,
    })) as Audit;
    const isWhole = breaks.length === 0 && isRootSame !== false;
    // of a backfill, proofs alone are gone along: what it has written over is not looked for
    this.#expect(isQuarantineRead ? 14 : 17, isWhole, `the proofs of ${applied.id} are broken`);
    return applied;
  }

  /** Whether a request is refused where a table has another `maxRemovals`. */
  async #isTooMuch(table: Table, maxRemovals: number, request: WrittenRequest): Promise<boolean> {
    const tables = this.#config.tables.map((each) => (each === table ? { ...each, maxRemovals } : each));
    try {
      await this.#ask(request, { ...this.#config, tables });
      return false;
    } catch (error) {
      if (error instanceof RecohereError && error.code === 'TOO_MANY') return true;
      throw error;
    }
  }

  async #run(request: WrittenRequest): Promise<RunStatus> {
    const { id: run } = (await this.#ask(request)) as RunStatus;
    await runHere(this.#ports, run);
    const status = (await this.#ask({ kind: 'status', run })) as RunStatus;
    const { id, kind, mode, state, table, scanned, duplicates, removed, restored } = status;
    const { counts, skipped, costUsd } = status;
    this.#runs.push({
      id,
      kind,
      mode,
      state,
      table,
      scanned,
      duplicates,
      removed,
      restored,
      counts,
      skipped,
      costUsd,
    });
    this.#expect(17, state === 'finished', `${id} ${state} ${status.failure?.code ?? ''}`);
    await this.#clock.sleep(SECOND_MS); // ids of runs begin with the second
    return status;
  }

  #ask(request: WrittenRequest, config = this.#config): Promise<unknown> {
    return reconcile(this.#ports, config, runRequestSchema.parse(request));
  }

  /** With the place, for tables of several places may have one name. */
  #requestFor(table: Table) {
    const { region, account } = this.#placeOf(table);
    return { table: table.name, region, ...(account !== undefined && { account }) };
  }

  #storeOf(table: Table, name: string): SimulatedTable {
    const { region, account } = this.#placeOf(table);
    return this.#table(name, region, account);
  }

  #placeOf({ region, account }: Table) {
    const { hub } = this.#config;
    return { region: region ?? hub.region, account: account ?? hub.account };
  }

  #table(name: string, region: string, account: string | undefined): SimulatedTable {
    const key = `${account ?? ''} ${region} ${name}`;
    const table =
      this.#tables.get(key) ?? new SimulatedTable({ name, region, account }, [KEY], this.#clock, () => 5);
    this.#tables.set(key, table);
    return table;
  }

  #expect(invariant: InvariantNumber, holds: boolean, words: string): void {
    this.#checked.push(invariant);
    if (!holds) this.#violations.push({ invariant, at: this.#clock.now(), words });
  }
}

/** What of the tables of a config is not played, and why. */
function leftOutOf(all: ParsedConfig['tables']): readonly string[] {
  const tables = all.slice(0, TABLES_MAX);
  const named = (what: string, which: readonly Table[], why: string) =>
    which.length > 0 ? [`${what} of ${listed(which.map(({ name }) => name))}: ${why}`] : [];
  const filled = tables.filter(({ backfill }) => backfill !== undefined);
  return [
    ...(all.length > TABLES_MAX
      ? [`${all.length - TABLES_MAX} of ${all.length} tables: so many take too long`]
      : []),
    ...named(
      'apply and undo',
      tables.filter(({ apply }) => !apply),
      'the config lets no run change it',
    ),
    ...named(
      'undo of the backfill',
      filled.filter(({ apply }) => apply),
      'what it wrote cannot be taken back',
    ),
    ...named('transform', filled, 'a backfill copies'),
  ];
}

function foundBy({ kind, duplicates, counts }: RunStatus): number {
  return kind === 'dedupe' ? duplicates : (counts.missing ?? 0) + (counts.older ?? 0);
}

type DedupeRule = NonNullable<Table['dedupe']>;

/** Orders that a rule looks at, some of them written twice, a few seconds apart, under another key. */
function ordersOf(
  { key, by, where }: DedupeRule,
  chance: ReturnType<Fate['random']>,
  twice: number,
): readonly WireItem[] {
  const wanted = Object.fromEntries(Object.entries(where).map(([name, want]) => [name, wantedValue(want)]));
  const item = (order: number, copy: number): WireItem => {
    const id = { S: `${order}-${copy}-${chance.below(1_000_000)}` };
    const keys = [key].flat().map((name) => [name, keyValue(where[name], order)]);
    return { ...wanted, [KEY]: id, ...Object.fromEntries(keys), [by]: { N: String(order * 10 + copy) } };
  };
  const first = Array.from({ length: ITEMS - twice }, (_, order) => item(order, 0));
  return [...first, ...Array.from({ length: twice }, (_, order) => item(order * 3, 1))];
}

function wantedValue(want: Where[string]): WireValue {
  if (typeof want === 'object') return { S: `${want.beginsWith}1` };
  if (typeof want === 'string') return { S: want };
  return typeof want === 'number' ? { N: String(want) } : { BOOL: want };
}

/** What copies have in common, and others have not, as far as a condition on it leaves room. */
function keyValue(want: Where[string] | undefined, order: number): WireValue {
  if (want === undefined) return { S: `order-${order}` };
  return typeof want === 'object' ? { S: `${want.beginsWith}${order}` } : wantedValue(want);
}

/** What a dedupe is to leave. */
function keptBy({ key, keep, by }: DedupeRule, items: readonly WireItem[]): ReadonlySet<string> {
  const groups = new Map<string, WireItem[]>();
  for (const item of items) {
    const group = JSON.stringify([key].flat().map((name) => item[name]));
    groups.set(group, [...(groups.get(group) ?? []), item]);
  }
  const time = (item: WireItem) => Number((item[by] as { readonly N: string }).N);
  const sign = keep === 'oldest' ? 1 : -1;
  const kept = [...groups.values()].flatMap((copies) =>
    copies
      .toSorted((a, b) => sign * (time(a) - time(b)) || compareTexts(textOfItem(a), textOfItem(b)))
      .slice(0, 1),
  );
  return new Set(kept.map(textOfItem));
}

function textsIn(table: SimulatedTable): ReadonlySet<string> {
  return new Set(table.items().map(textOfItem));
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((text) => b.has(text));
}
