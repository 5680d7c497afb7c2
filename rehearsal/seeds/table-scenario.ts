import { memoryObjectStore } from '../../functions/adapters/local/memory-objects.ts';
import { SimulatedRunLedger } from '../../functions/adapters/sim/run-ledger.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { allOf } from '../../functions/app/all-of.ts';
import type { Audit } from '../../functions/app/audit.ts';
import { nextStep } from '../../functions/app/next-step.ts';
import { undoOf } from '../../functions/app/plan-run.ts';
import { type ReconcilePorts, type RunStatus, reconcile } from '../../functions/app/reconcile.ts';
import type { RunLimits } from '../../functions/app/run-ports.ts';
import { allSegmentsOf } from '../../functions/app/run-state.ts';
import { type Task, type Worked, work } from '../../functions/app/work.ts';
import { type ParsedConfig, parseConfig } from '../../functions/contract/config.ts';
import { TIME_TO_WRITE_MS, WORKER_MS_MAX } from '../../functions/contract/deployment.ts';
import { runRequestSchema, type WrittenRequest } from '../../functions/contract/requests.ts';
import { KEEPS, type Keep, type RunKind } from '../../functions/contract/tables.ts';
import { invariant, RecohereError } from '../../functions/core/errors.ts';
import { itemOfText, textOfItem, type WireItem } from '../../functions/core/item.ts';
import type { Phase, Run, Segment } from '../../functions/core/run.ts';
import type { ObjectStore } from '../../functions/ports/object-store.ts';
import type { RunLedger } from '../../functions/ports/run-ledger.ts';
import { Fate, type Odds } from '../fate.ts';
import type { Fault } from '../faults.ts';
import { instead, type Moment } from '../haunted.ts';
import type { InvariantNumber, Violation } from '../invariants.ts';
import { Application, PLANTED, transformed } from './table-application.ts';
import {
  checkApply,
  checkAudit,
  checkDryRun,
  checkForgotten,
  checkUndo,
  type Seen,
  spillsOf,
} from './table-checks.ts';
import { type Spoilable, spoilt, type TableMutation } from './table-mutations.ts';
import { type Branch, nameOfSegment, TableOracle, type WatchedTable } from './table-oracle.ts';
import { Meter } from './table-pace.ts';
import { TABLE_WRITES, TableProcess } from './table-process.ts';

const REGION = 'us-east-1';
const SOURCE = 'orders';
const TARGET = 'orders-v2';
const START = Date.UTC(2026, 0, 5);

/** How often each fault may strike, of a million chances: seldom, and often. */
const STRIKES: Readonly<Partial<Record<Fault, readonly [seldom: number, often: number]>>> = {
  'call throttled': [500, 20_000],
  'call failed': [500, 20_000],
  'answer lost': [500, 20_000],
  'process killed': [500, 8_000],
  'process frozen': [500, 8_000],
  'swap lost': [10_000, 120_000],
  'clock skewed': [200_000, 800_000],
};

/** DynamoDB compares what was read: an attribute that was added since is lost with a worker that dies before it has put it back. */
const LOSING: readonly Fault[] = ['process killed', 'process frozen', 'answer lost', 'call failed'];

/** Tries of one call of a worker, as the state machine makes them. */
const TRIES_MAX = 5;
const STEPS_MAX = 500;
/** How often the operator looks, and how long until nothing more goes wrong. */
const LOOKS_EVERY_MS = 20_000;
const TROUBLE_MS_MAX = 3 * 3_600_000;
const PATIENCE_MS_MAX = 2 * TROUBLE_MS_MAX;
const REQUESTS_MAX = 30;
/** How long the operator waits where another run has the table. */
const TAKEN_MS = 300_000;
const MILLION = 1_000_000;
/** Of so many items one is added to right before a worker takes it away, or writes over it, where the application adds at all. */
const GROWS_ONE_OF = 2;

/** What somebody asks for while a run is at work. Most cancel it. */
const CROSSING = ['cancel', 'cancel', 'cancel', 'resume', 'undo', 'status', 'forget'] as const;
type Crossing = (typeof CROSSING)[number];

/** What one seed is to be. */
interface Setting {
  readonly kind: RunKind;
  readonly keep: Keep;
  readonly groups: number;
  /** Whether the application adds attributes. */
  readonly mayAdd: boolean;
  /** Whether it writes nothing until the dry run has ended, which then must have found all that there is. */
  readonly isQuietFirst: boolean;
  /** Writes of the application by itself, and as many at calls of workers, of which so many meet one. */
  readonly acts: number;
  readonly actsPerMillion: number;
  readonly limits: RunLimits;
  readonly config: ParsedConfig;
  readonly pageItems: number;
  readonly partitions: number;
  readonly callMs: number;
  readonly odds: Odds;
  /** Requests that cross the apply; whether it is undone in the end, and whether it is resumed if it has been cancelled. */
  readonly crossing: readonly Crossing[];
  readonly isUndone: boolean;
  readonly isResumed: boolean;
  /** Whether what it removed is erased in the end. */
  readonly isForgotten: boolean;
  /** Whether a dedupe of the same table is asked for at the same time. */
  readonly isRivalled: boolean;
  /** Whether some workers do not see that their run is to stop. */
  readonly isDeaf: boolean;
  /** Whether something is gone that the scan has written down. */
  readonly isSpillLost: boolean;
}

/** What playing one seed came to. */
interface TablePlay {
  readonly violations: readonly Violation[];
  /** Chances that struck. */
  readonly struck: readonly string[];
  /** How often each invariant was held against something. */
  readonly judged: ReadonlyMap<InvariantNumber, number>;
  /** How often what seeds must bring about was. */
  readonly reached: ReadonlyMap<Branch, number>;
  /** What the runs told in the end. */
  readonly told: readonly RunStatus[];
}

/**
 * Plays a data run from its dry run to its undo, with workers that die, freeze and are refused, requests that cross, and an application
 * that goes on writing.
 * @param only Chances that strike, and no others. @default what the odds of the seed say
 */
export async function playTable({
  seed,
  only,
  struck,
  mutation,
}: {
  readonly seed: number;
  readonly only?: readonly string[] | undefined;
  /** Where to note what strikes; see {@link Fate}. */
  readonly struck?: string[];
  readonly mutation?: TableMutation;
}): Promise<TablePlay> {
  const setting = settingOf(seed);
  const fate = new Fate(seed, setting.odds, only, struck);
  const world = new TableWorld(setting, fate, mutation);
  const told = await world.clock.run(() => world.play());
  const { violations, judged, reached } = world.oracle;
  return { violations, struck: fate.struck, judged, reached, told };
}

function settingOf(seed: number): Setting {
  const random = new SeededRandom(seed, 'table setting');
  const kind = random.below(4) === 0 ? 'backfill' : 'dedupe';
  const keep = random.pick(KEEPS);
  const mayAdd = random.below(kind === 'backfill' ? 3 : 4) === 0;
  const odds: Partial<Record<Fault, number>> = {};
  for (const [fault, [seldom, often]] of Object.entries(STRIKES) as [Fault, readonly [number, number]][]) {
    odds[fault] = mayAdd && LOSING.includes(fault) ? 0 : random.pick([0, seldom, often]);
  }
  return {
    kind,
    keep,
    groups: 4 + random.below(12),
    mayAdd,
    isQuietFirst: random.below(3) === 0,
    acts: random.pick([3, 15, 40]),
    actsPerMillion: random.pick([15_000, 40_000, 200_000]),
    limits: {
      workerMs: WORKER_MS_MAX,
      concurrency: 1 + random.below(4),
      flushCharacters: 100 + random.below(500),
      passRecords: 8 + random.below(30),
      batchEntries: random.pick([2, 4, 5]),
    },
    config: configOf(kind, keep, random),
    pageItems: 2 + random.below(8),
    partitions: 1 + random.below(3),
    callMs: random.pick([3, 100, 3_000]),
    odds,
    crossing: Array.from({ length: random.below(4) }, () => random.pick(CROSSING)),
    isUndone: kind === 'dedupe' && random.below(2) === 0,
    isResumed: random.below(3) > 0,
    isForgotten: random.below(4) === 0,
    isRivalled: random.below(12) === 0,
    isDeaf: random.below(3) === 0,
    isSpillLost: random.below(16) === 0,
  };
}

function configOf(kind: RunKind, keep: Keep, random: SeededRandom): ParsedConfig {
  const version = random.pick([{ version: 'at' }, { version: 'at' }, {}]);
  const parsed = parseConfig({
    hub: { region: REGION },
    replicas: [{ region: REGION }],
    tables: [
      {
        name: SOURCE,
        apply: true,
        readUnitsPerSecond: random.pick([20, 600, 1_000]),
        writeUnitsPerSecond: random.pick([1, 5, 100]),
        dedupe: { key: 'order', keep, by: 'at' },
        ...(kind === 'backfill' && { backfill: { to: TARGET, transform: '../none.ts', ...version } }),
      },
    ],
  });
  invariant(parsed.ok, 'the config of a rehearsal is right');
  return parsed.config;
}

/** Tables, what works on them, and who watches. */
class TableWorld {
  readonly clock = new VirtualClock(START);
  readonly oracle = new TableOracle(this.clock);
  readonly #setting: Setting;
  readonly #fate: Fate;
  readonly #mutation: TableMutation | undefined;
  readonly #ledger = new SimulatedRunLedger();
  readonly #objects: ObjectStore;
  readonly #tables: ReadonlyMap<string, WatchedTable>;
  readonly #application: Application;
  readonly #names = new Map<string, number>();
  /** What no process may throw. */
  readonly #defects: unknown[] = [];
  readonly #executions = new Map<string, number>();
  /** Runs of which something is gone that they have written down. */
  readonly #spillLost = new Set<string>();
  #acts = 0;
  #isApplicationQuiet: boolean;

  constructor(setting: Setting, fate: Fate, mutation: TableMutation | undefined) {
    this.#setting = setting;
    this.#fate = fate;
    this.#mutation = mutation;
    this.#objects = this.oracle.objects(memoryObjectStore());
    this.#isApplicationQuiet = true;
    this.#tables = new Map([SOURCE, TARGET].map((name) => [name, this.oracle.table(name, REGION)]));
    this.#application = new Application(fate.random('application'), setting.groups, setting.mayAdd);
    this.#fill();
  }

  /** @returns What the runs told in the end. */
  async play(): Promise<readonly RunStatus[]> {
    const { kind, isQuietFirst, isUndone, isResumed, isRivalled, crossing } = this.#setting;
    this.#isApplicationQuiet = isQuietFirst;
    const living = this.#liveApplication();
    const whole = { crossing, isUndone, isResumed };
    const rival = { crossing: [], isUndone: false, isResumed: true };
    const ids = await Promise.all([
      this.#playRuns(kind, 'one', whole),
      ...(isRivalled ? [this.#playRuns('dedupe', 'two', rival)] : []),
    ]);
    this.#fate.end();
    await this.clock.sleep(2 * WORKER_MS_MAX); // whoever is frozen wakes, or is dead
    this.#isApplicationQuiet = true;
    await living;
    const told: RunStatus[] = [];
    for (const run of ids.flat()) {
      // whoever had it forgotten may have died in the midst of that
      if (this.oracle.isForgotten(run)) await this.#ask('operator', { kind: 'forget', run });
      told.push(await this.#clerk<RunStatus>({ kind: 'status', run }));
      checkAudit(this.oracle, await this.#clerk<Audit>({ kind: 'audit', run }));
      if (this.oracle.isForgotten(run)) await checkForgotten(this.oracle, this.#objects, run);
    }
    this.oracle.end();
    return told;
  }

  /** A dry run, its apply, and what is asked for then. @returns Ids of the runs. */
  async #playRuns(
    kind: RunKind,
    token: string,
    { crossing, isUndone, isResumed }: Pick<Setting, 'crossing' | 'isUndone' | 'isResumed'>,
  ): Promise<readonly string[]> {
    const { oracle } = this;
    const seen: Seen = {
      oracle,
      ledger: this.#ledger,
      objects: this.#objects,
      limits: this.#setting.limits,
      source: this.#table(SOURCE),
      changed: this.#table(kind === 'dedupe' ? SOURCE : TARGET),
      keep: this.#setting.keep,
      from: oracle.changes.length,
    };
    const dry = await this.#ended({ kind, table: SOURCE, token });
    if (dry?.state !== 'finished') return dry ? [dry.id] : [];
    const plan = await checkDryRun(seen, dry);

    this.#isApplicationQuiet = false;
    this.#acts = 0;
    const { duplicates, counts } = dry;
    const count = duplicates + (counts.missing ?? 0) + (counts.older ?? 0);
    const asked = { kind, table: SOURCE, mode: 'apply', plan: dry.id, count } as const;
    const crossed = (run: string) => crossing.map((kind) => ({ kind, run }));
    const applied = await this.#ended(asked, crossed, isResumed);
    if (applied === undefined) return [dry.id];
    await checkApply(seen, applied, plan);

    const { id } = applied;
    const undo = undoOf(id);
    const hasUndo = oracle.runs.has(undo);
    if (hasUndo || (isUndone && !oracle.isForgotten(id))) {
      const undone = await this.#ended(
        hasUndo ? { kind: 'status', run: undo } : { kind: 'undo', run: id },
        () => [
          { kind: 'cancel', run: undo },
          { kind: 'forget', run: id },
        ],
        isResumed,
      );
      if (undone) await checkUndo(seen, applied, undone);
    }
    if (this.#setting.isForgotten) await this.#ask('operator', { kind: 'forget', run: id });
    return [dry.id, id, ...(oracle.runs.has(undo) ? [undo] : [])];
  }

  /** The application removes much of what an undo has put back: whoever is late with that would put it back again. */
  #removeAgain(undo: string): void {
    const random = this.#fate.random('removed again', undo);
    const table = this.#table(SOURCE);
    const restored = this.oracle.changes.filter(({ by, after }) => by === undo && after !== undefined);
    for (const { key, after } of restored)
      if (random.below(3) > 0 && table.there.get(key) === after) this.#application.act(table, key, 'remove');
  }

  #table(name: string): WatchedTable {
    const table = this.#tables.get(name);
    invariant(table, 'a rehearsal has the tables that it speaks of');
    return table;
  }

  #fill(): void {
    const { groups, kind, partitions, pageItems } = this.#setting;
    const random = this.#fate.random('fill');
    const [source, target] = [this.#table(SOURCE), this.#table(TARGET)];
    for (let group = 0; group < groups; group++) {
      for (let copy = 0; copy <= random.below(4); copy++) {
        source.put(this.#application.item(`${group}-${copy}`, group));
        if (kind === 'backfill' && random.below(2) === 0)
          this.#fillTarget(target, source.history.at(-1) ?? '', random);
      }
    }
    for (const table of [source, target]) {
      table.set({ items: partitions * 50_000 });
      table.pageItems = pageItems;
    }
    // what AWS counts of both tables is added up
    if (kind === 'backfill') target.set({ items: 0 });
  }

  /** As it is to be, older, newer, or of nothing in the source. */
  #fillTarget(target: WatchedTable, text: string, random: SeededRandom): void {
    const made = transformed(itemOfText(text));
    if (made === null) return;
    const other = { id: { S: `${PLANTED}x${random.below(1_000)}` } };
    const at = { at: { N: String(random.below(4)) } };
    target.put(random.pick<WireItem>([made, { ...made, ...at }, { ...made, ...at }, { ...made, ...other }]));
  }

  async #liveApplication(): Promise<void> {
    const random = this.#fate.random('application lives');
    for (let acts = 0; acts < this.#setting.acts; acts++) {
      await this.clock.sleep(random.below(60_000));
      const table = this.#table(this.#setting.kind === 'backfill' ? random.pick([SOURCE, TARGET]) : SOURCE);
      const key = [...table.there.keys()][random.below(table.there.size)];
      if (key !== undefined && !this.#isApplicationQuiet) this.#application.act(table, key);
    }
  }

  /** The application may write to the very items that a call is about. */
  async #actAt(of: string, call: string, moment: Moment, given: readonly unknown[]): Promise<void> {
    if (this.#isApplicationQuiet) return;
    const keys = keysOf(call, given);
    const [first] = keys;
    if (first === undefined) return;
    const random = this.#fate.random('application at', of);
    const table = this.#tables.get(call.slice(0, call.indexOf('.'))) ?? this.#table(SOURCE);
    // between what a worker has read and what it writes
    const mayGrow = this.#setting.mayAdd && moment === 'before' && TABLE_WRITES.test(call);
    if (mayGrow && table.there.has(first) && random.below(GROWS_ONE_OF) === 0)
      this.#application.act(table, first, 'add');
    if (this.#acts >= this.#setting.acts || random.below(MILLION) >= this.#setting.actsPerMillion) return;
    const act = random.pick(this.#application.acts);
    for (let left = Math.min(keys.length, 1 + random.below(8)); left > 0; left--) {
      this.#acts++;
      const key = random.pick(keys);
      this.#application.act(table, random.pick([key, this.oracle.keeperOf(key) ?? key]), act);
    }
  }

  /** Asks for a run, sees to it that it comes to its end, and says what became of it. */
  async #ended(
    asked: WrittenRequest,
    crossing: (id: string) => readonly (WrittenRequest & { readonly run: string })[] = () => [],
    isResumed = true,
  ): Promise<RunStatus | undefined> {
    const { clock, oracle } = this;
    const begun = (await this.#ask('operator', asked)) as RunStatus | undefined;
    const isBegun = begun !== undefined;
    oracle.expect(13, isBegun, () => `a ${asked.kind} could not be asked for although all was calm`);
    if (!isBegun) return undefined;
    const { id } = begun;
    const random = this.#fate.random('crossing', id);
    let isCrossed = false;
    const crossed = crossing(id).map(async (request, position) => {
      await clock.sleep(random.below(random.pick([5_000, 60_000, 600_000])));
      await this.#ask(`crossing ${position}`, request, 1);
    });
    void Promise.all(crossed).then(() => {
      isCrossed = true;
    });
    const startedAt = clock.now();
    for (;;) {
      await clock.sleep(LOOKS_EVERY_MS);
      if (this.#defects.length > 0) throw this.#defects[0];
      const { mode, of, state, failure } = (await this.#ledger.readRun(id)) ?? {};
      if (mode === 'undo' && state === 'finished') this.#removeAgain(id);
      // two who ask for different things at the same time may be in each other's way
      const isInTheWay = failure?.code === 'TABLE_TAKEN';
      const isLost = this.#spillLost.has(id);
      const isErased = mode === 'undo' && oracle.wasToBeForgotten(of);
      const mayFail =
        isInTheWay ||
        (isLost && failure?.code === 'SPILL_LOST') ||
        (isErased && failure?.code === 'FORGOTTEN');
      const words = () => `${id} says that it cannot go on: ${failure?.code}`;
      oracle.expect(17, failure === undefined || mayFail, words);
      const isFooled = isLost && state === 'finished';
      oracle.expect(17, !isFooled, () => `${id} has finished, and what it had written down is gone`);
      if (isLost && state === 'failed') {
        oracle.reach('spill lost');
        break;
      }
      const isGivenUp = !isResumed || oracle.runs.has(undoOf(id)) || oracle.isForgotten(id) || isErased;
      const isStopped = state === 'cancelled' && isGivenUp;
      if (isCrossed && (state === 'finished' || isStopped)) break;
      const time = clock.now() - startedAt;
      if (time > TROUBLE_MS_MAX) this.#fate.end();
      oracle.expect(
        13,
        time <= PATIENCE_MS_MAX,
        () => `${id} does not end although all is calm: it is ${state}`,
      );
      if (time > PATIENCE_MS_MAX) return undefined;
      if (state === 'finished' || isStopped || (this.#executions.get(id) && state !== 'cancelled')) continue;
      const isToStop = state === 'cancelling' || (isErased && state === 'failed');
      await this.#ask('operator', { kind: isToStop ? 'cancel' : 'resume', run: id }, 1);
    }
    return this.#clerk<RunStatus>({ kind: 'status', run: id });
  }

  /** Makes a request in a process of its own, and again if that fails. */
  async #ask(who: string, request: WrittenRequest, tries = REQUESTS_MAX): Promise<unknown> {
    const parsed = runRequestSchema.parse(request);
    for (let asked = 0; asked < tries; asked++) {
      const ended = await this.#perform(
        `${who} ${request.kind}`,
        'run' in request ? request.run : '',
        undefined,
        (ports) => reconcile(ports, this.#setting.config, parsed),
      );
      if (ended.outcome === 'ok') return ended.result;
      const isTaken = ended.outcome === 'failed' && ended.code === 'TABLE_TAKEN';
      if (ended.outcome === 'failed' && !ended.isRetryable && !isTaken) return undefined;
      await this.clock.sleep(isTaken ? TAKEN_MS : 10_000 * (asked + 1));
      if (asked > tries / 2) this.#fate.end();
    }
    return undefined;
  }

  /** What the state machine does. */
  async #execute(run: string): Promise<void> {
    for (let step = 0; step < STEPS_MAX; step++) {
      const steering = await this.#task('steer', run, undefined, (ports) => nextStep(ports, run));
      if (steering === undefined || steering.next === 'end' || steering.next === 'fail') return;
      if (steering.next === 'wait') {
        this.oracle.reach('wait for ghosts');
        await this.clock.sleep(steering.seconds * 1000);
        continue;
      }
      const { phase, segments, concurrency } = steering;
      if (phase === 'gather' && this.#setting.isSpillLost) await this.#loseSpill(run);
      let isGivenUp = false;
      await allOf(
        segments,
        async (index) => {
          isGivenUp = !(await this.#workOn({ run, phase, index })) || isGivenUp;
        },
        concurrency,
      );
      if (isGivenUp) return;
    }
  }

  /** Something is gone before anybody reads it. */
  async #loseSpill(id: string): Promise<void> {
    const run = this.oracle.runs.get(id);
    if (run === undefined || this.#spillLost.has(id)) return;
    const segments = await allSegmentsOf({ ledger: this.#ledger }, run);
    for await (const { name } of spillsOf(this.#objects, run, segments)) {
      this.#spillLost.add(id);
      return this.#objects.remove(name);
    }
  }

  async #workOn(task: Task): Promise<boolean> {
    for (let step = 0; step < STEPS_MAX; step++) {
      const worked = await this.#task<Worked>(`${task.phase} ${task.index}`, task.run, task.phase, (ports) =>
        work(ports, task, ports.clock.now() + WORKER_MS_MAX - TIME_TO_WRITE_MS),
      );
      if (worked === undefined) return false;
      if (worked.isDone) return true;
      await this.clock.sleep(worked.waitSeconds * 1000);
    }
    return false;
  }

  async #task<T>(
    what: string,
    run: string,
    phase: Phase | undefined,
    act: (ports: ReconcilePorts) => Promise<T>,
  ): Promise<T | undefined> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const ended = await this.#perform(`${run} ${what}`, run, phase, act);
      if (ended.outcome === 'ok') return ended.result;
      if (ended.outcome === 'failed' && !ended.isRetryable) return undefined;
      await this.clock.sleep(2_000 * 2 ** tries);
    }
    return undefined;
  }

  /** Does something in a new process. */
  async #perform<T>(
    what: string,
    run: string,
    phase: Phase | undefined,
    act: (ports: ReconcilePorts) => Promise<T>,
  ) {
    const number = (this.#names.get(what) ?? 0) + 1;
    this.#names.set(what, number);
    const process = new TableProcess(
      this.clock,
      this.#fate,
      `${what} ${number}`,
      this.#setting.callMs,
      (...at) => this.#actAt(...at),
    );
    const ended = await process.perform(() => act(this.#ports(process, run, phase)));
    if (ended.outcome !== 'failed') return ended;
    const { error } = ended;
    if (!(error instanceof RecohereError)) throw error;
    this.oracle.expect(17, error.code !== 'INVARIANT', () => `${what}: ${error.message}`);
    this.oracle.told('an error', [error.message, error.context, String(error.cause)]);
    return { outcome: 'failed', code: error.code, isRetryable: error.retryable } as const;
  }

  /** Asks for something that is told, when all is calm. */
  async #clerk<T>(request: WrittenRequest): Promise<T> {
    const process = new TableProcess(this.clock, new Fate(this.#fate.seed, {}), 'clerk', 1, async () => {});
    const answer = await reconcile(
      this.#ports(process, '', undefined, true),
      this.#setting.config,
      runRequestSchema.parse(request),
    );
    this.oracle.told(`what is said to ${request.kind}`, answer);
    return answer as T;
  }

  #ports(process: TableProcess, run: string, phase: Phase | undefined, isRight = false): ReconcilePorts {
    const known = new Set<string>();
    const contended = this.#contended(process, this.oracle.ledger(this.#ledger, process.name, known));
    const isDeaf =
      this.#setting.isDeaf && phase !== undefined && this.#fate.random('deaf', process.name).below(2) === 0;
    const meter = new Meter(this.oracle, this.clock, run, phase, this.#setting.limits.batchEntries);
    const raw: Spoilable = {
      ledger: process.with(isDeaf ? deaf(contended) : contended, 'ledger', ['proofs']),
      items: memoized((name) => meter.of(process.with(this.#table(name).as(run), name))),
      objects: memoized(() => process.with(this.#objects, 'objects', ['list'])),
    };
    const { ledger, items, objects } = this.#mutation && !isRight ? spoilt(this.#mutation, raw, phase) : raw;
    return {
      clock: process.clock,
      random: this.#fate.random('process', process.name),
      ledger: learning(ledger, known),
      items,
      objects,
      transforms: async () => async (item) => transformed(item),
      telemetry: {
        publish: (metric, value, properties) => this.oracle.told(`the metric ${metric}`, [value, properties]),
      },
      limits: this.#setting.limits,
      ...process.with(
        {
          start: async (id: string) => {
            const add = (more: number) => this.#executions.set(id, (this.#executions.get(id) ?? 0) + more);
            add(1);
            void this.#execute(id)
              .catch((error) => this.#defects.push(error))
              .finally(() => add(-1));
          },
        },
        'executions',
      ),
    };
  }

  /** A ledger in which somebody else may write the same just before. */
  #contended(process: TableProcess, ledger: RunLedger): RunLedger {
    const isRaced = (name: string) =>
      this.#fate.strikes(['swap lost'], `${process.name} ${name}`) !== undefined;
    const known = new Set<string>();
    const others = learning(this.oracle.ledger(this.#ledger, 'somebody else', known), known);
    return instead(ledger, {
      swapRun: async (next) => {
        const there = next.version > 1 && isRaced('run') ? await others.readRun(next.id) : undefined;
        if (there) await others.swapRun({ ...there, version: there.version + 1 });
        return ledger.swapRun(next);
      },
      swapSegment: async (next) => {
        if (next.version > 1 && isRaced(nameOfSegment(next))) {
          const there = await others.readSegment(next.run, next.phase, next.index);
          await others.swapSegment({ ...there, version: there.version + 1 });
        }
        return ledger.swapSegment(next);
      },
    });
  }
}

/** Reads of its run after which a worker has seen that it goes on although the worker has taken a segment. */
const HEEDED_READS = 2;

/** A ledger as a worker has it that does not see that its run is to stop, until it has; whoever only begins sees it. */
function deaf(ledger: RunLedger): RunLedger {
  let seen = 0;
  return instead(ledger, {
    readRun: async (id) => {
      const run = await ledger.readRun(id);
      if (run?.state === 'running') seen++;
      return run?.state === 'cancelling' && seen >= HEEDED_READS ? { ...run, state: 'running' } : run;
    },
  });
}

/** A ledger that remembers which versions whoever uses it has read or written. */
function learning(ledger: RunLedger, known: Set<string>): RunLedger {
  const learnRun = (run: Run) => known.add(`run ${run.id} ${run.version}`);
  const learnSegment = (segment: Segment) => known.add(`${nameOfSegment(segment)} ${segment.version}`);
  return instead(ledger, {
    readRun: async (id) => {
      const run = await ledger.readRun(id);
      if (run) learnRun(run);
      return run;
    },
    readSegment: async (run, phase, index) => {
      const segment = await ledger.readSegment(run, phase, index);
      learnSegment(segment);
      return segment;
    },
    swapRun: async (next) => {
      const isDone = await ledger.swapRun(next);
      if (isDone) learnRun(next);
      return isDone;
    },
    swapSegment: async (next) => {
      const isDone = await ledger.swapSegment(next);
      if (isDone) learnSegment(next);
      return isDone;
    },
  });
}

/** Keys of the items that a call is about: that it reads or writes, or has just found. */
function keysOf(call: string, [asked, content]: readonly unknown[]): readonly string[] {
  if (call === 'objects.write') {
    if (!String(asked).includes('/scatter/')) return [];
    return String(content)
      .split('\n')
      .map((line) => (JSON.parse(line) as [string, string])[1]);
  }
  if (!/(get|removeIfSame|putIfAbsent|replaceIfSame)$/.test(call)) return [];
  return [asked as WireItem | readonly WireItem[]].flat().map(({ id }) => textOfItem({ ...(id && { id }) }));
}

/** The same for the same table. */
function memoized<T>(make: (name: string) => T): (table: { readonly name: string }) => T {
  const made = new Map<string, T>();
  return ({ name }) => {
    const known = made.get(name) ?? make(name);
    made.set(name, known);
    return known;
  };
}
