import { SimulatedTable, type TableCall } from '../../functions/adapters/sim/simulated-table.ts';
import { hasEnded } from '../../functions/app/run-state.ts';
import {
  isSameItem,
  itemOfText,
  type KeyNames,
  keyOf,
  textOfItem,
  type WireItem,
} from '../../functions/core/item.ts';
import {
  OBJECT_NAMES,
  type Proof,
  REMOVED,
  type Run,
  type Segment,
  salted,
} from '../../functions/core/run.ts';
import type { Clock } from '../../functions/ports/clock.ts';
import type { ItemStore } from '../../functions/ports/item-store.ts';
import type { ObjectStore } from '../../functions/ports/object-store.ts';
import type { RunLedger } from '../../functions/ports/run-ledger.ts';
import { instead } from '../haunted.ts';
import type { InvariantNumber, Violation } from '../invariants.ts';
import { groupOf, isToStay, nameOf, PLANTED, timeOf, transformed } from './table-application.ts';

/** One change of one item. */
export interface Change {
  /** Of all changes. */
  readonly number: number;
  readonly table: string;
  /** Text of the item's primary key, and of the item before and after. */
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** The run that did it; `undefined` for the application. */
  readonly by: string | undefined;
}

const KEYS: KeyNames = ['id'];

/** A table of which every change is seen in the moment in which it happens. */
export class WatchedTable extends SimulatedTable {
  readonly name: string;
  /** What lies there, by key, as texts. */
  readonly there = new Map<string, string>();
  readonly #onChange: (change: Omit<Change, 'number'>) => void;
  #by: string | undefined;

  constructor(name: string, region: string, onChange: (change: Omit<Change, 'number'>) => void) {
    super({ name, region }, KEYS);
    this.name = name;
    this.#onChange = onChange;
  }

  /** The table as a process has it that works on a run. */
  as(run: string): ItemStore {
    return new Proxy<ItemStore>(this, {
      get: (target, method) => {
        const made: unknown = Reflect.get(target, method, target);
        if (typeof made !== 'function') return made;
        return (...given: unknown[]) => {
          this.#by = run; // it is read in the same breath
          return Reflect.apply(made, target, given);
        };
      },
    });
  }

  override put(item: WireItem): void {
    super.put(item);
    this.#changed(textOfItem(keyOf(item, KEYS)), undefined);
  }

  override remove(key: WireItem): void {
    super.remove(key);
    this.#changed(textOfItem(key), undefined, true);
  }

  protected override answer<T>(call: TableCall, keys: readonly WireItem[], act: () => T): Promise<T> {
    const by = this.#by;
    return super.answer(call, keys, () => {
      const writes = this.history.length;
      const answer = act();
      const isRemoved = isRemoval(answer) && answer.removed !== undefined;
      const [key] = keys;
      if (key && (isRemoved || this.history.length > writes)) this.#changed(textOfItem(key), by, isRemoved);
      return answer;
    });
  }

  #changed(key: string, by: string | undefined, isRemoved = false): void {
    const before = this.there.get(key);
    const after = isRemoved ? undefined : this.history.at(-1);
    if (after === undefined) this.there.delete(key);
    else this.there.set(key, after);
    this.#onChange({ table: this.name, key, before, after, by });
  }
}

function isRemoval(answer: unknown): answer is { readonly removed: unknown } {
  return typeof answer === 'object' && answer !== null && 'removed' in answer;
}

/** What seeds must bring about, or a mistake in it would not be seen. */
export const BRANCHES = [
  'third batch of an apply',
  'third batch of an undo',
  'removed item had grown',
  'item written over had grown',
  'spill lost',
  'wait for ghosts',
] as const;
export type Branch = (typeof BRANCHES)[number];

/** Sees everything that happens to tables, ledger and objects, in the moment in which it happens, and knows what must not. */
export class TableOracle {
  readonly violations: Violation[] = [];
  /** How often what must be brought about was. */
  readonly reached = new Map<Branch, number>();
  /** How often each invariant was held against something. */
  readonly judged = new Map<InvariantNumber, number>();
  /** All that ever happened to items, in order. */
  readonly changes: Change[] = [];
  readonly runs = new Map<string, Run>();
  /** As they were first seen, with the salt that is forgotten later. */
  readonly begun = new Map<string, Run>();
  /** How much had happened when they began a phase, by `<run> <phase>`, and when they ended. */
  readonly begins = new Map<string, number>();
  readonly ends = new Map<string, number>();
  readonly #clock: Clock;
  readonly #changesOf = new Map<string, Map<string, Change[]>>();
  readonly #tables = new Map<string, WatchedTable>();
  /** Names of quarantine objects, and the key of the copy that stays, by texts of the items that lie in them. */
  readonly #quarantined = new Map<string, Map<string, string>>();
  readonly #objects = new Map<string, readonly string[]>();
  readonly #keepers = new Map<string, string>();
  /** Quarantine objects that a segment named before anything was removed. */
  readonly #committed = new Set<string>();
  /** What runs have taken away or written over, and nobody has changed since. */
  readonly #taken = new Map<string, Change>();
  /** What a run has removed while no copy stood, by key: the key of the copy that was to stay. */
  readonly #owed = new Map<
    string,
    { readonly run: string; readonly text: string; readonly because: string }
  >();
  /** Which attempts of runs have taken tables, by ARN. */
  readonly #holders = new Map<string, string>();
  /** Versions and epochs of what lies in the ledger. */
  readonly #stored = new Map<string, { readonly version: number; readonly epoch: number }>();
  readonly #blamed = new Set<string>();
  /** Runs that were marked as forgotten, if only for a moment. */
  readonly #marked = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A new table. */
  table(name: string, region: string): WatchedTable {
    const table = new WatchedTable(name, region, (change) => this.#changed(change));
    this.#tables.set(name, table);
    return table;
  }

  /** What happened to an item, in order. */
  changesOf(table: string, key: string): readonly Change[] {
    return this.#changesOf.get(table)?.get(key) ?? [];
  }

  /** Keys of all items that ever were in a table. */
  keysOf(table: string): readonly string[] {
    return [...(this.#changesOf.get(table)?.keys() ?? [])];
  }

  /** What lay in one place before a change, and after each one until another: texts, or `undefined` for nothing. */
  moments(
    table: string,
    key: string,
    from: number,
    to = this.changes.length,
  ): readonly (string | undefined)[] {
    const changes = this.changesOf(table, key);
    const before = changes.findLast(({ number }) => number < from)?.after;
    const later = changes.filter(({ number }) => number >= from && number < to);
    return [before, ...later.map(({ after }) => after)];
  }

  /** Whether somebody has had erased what a run removed. */
  isForgotten(run: string | undefined): boolean {
    return this.runs.get(run ?? '')?.isForgotten === true;
  }

  /** Whether somebody has at least begun to, and may have been refused. */
  wasToBeForgotten(run: string | undefined): boolean {
    return this.#marked.has(run ?? '');
  }

  /** The key of the copy that stays, of an item that was quarantined. */
  keeperOf(key: string): string | undefined {
    return this.#keepers.get(key);
  }

  /** Whether an invariant holds: notes that it was judged, and if it does not, why, once. */
  expect(invariant: InvariantNumber, holds: boolean, why: () => string): void {
    this.judged.set(invariant, (this.judged.get(invariant) ?? 0) + 1);
    if (holds) return;
    const words = why();
    const said = `${invariant} ${words}`;
    if (this.#blamed.has(said)) return;
    this.#blamed.add(said);
    this.violations.push({ invariant, at: this.#clock.now(), words });
  }

  /** Notes that something was brought about. */
  reach(branch: Branch): void {
    this.reached.set(branch, (this.reached.get(branch) ?? 0) + 1);
  }

  /** What is written or told where no value may get to. */
  told(where: string, what: unknown): void {
    this.expect(11, !JSON.stringify(what)?.includes(PLANTED), () => `a value is in ${where}`);
  }

  /** Objects of which all writes are seen. */
  objects(store: ObjectStore): ObjectStore {
    return {
      read: (name) => store.read(name),
      list: (prefix) => store.list(prefix),
      write: (name, content) => {
        const written = store.write(name, content);
        this.told('the name of an object', name);
        if (name.startsWith(OBJECT_NAMES.quarantineOf('').slice(0, -1))) this.#keep(name, content.toString());
        const grown = /^quarantine\/(dedupe|backfill).*\/\d+\.\d+\.\w+$/.exec(name)?.[1];
        if (grown) this.reach(grown === 'dedupe' ? 'removed item had grown' : 'item written over had grown');
        return written;
      },
      remove: (name) => {
        const removed = store.remove(name);
        this.#lose(name);
        return removed;
      },
    };
  }

  /**
   * The ledger as one process has it.
   * @param known Versions that the process has read or written, as `<kind> <id> <version>`.
   */
  ledger(ledger: RunLedger, by: string, known: ReadonlySet<string>): RunLedger {
    const swapped = (name: string, next: Run | Segment) => {
      const epoch = 'epoch' in next ? next.epoch : 0;
      const before = this.#stored.get(name) ?? { version: 0, epoch: 0 };
      this.#stored.set(name, { version: next.version, epoch });
      this.told('the ledger', next);
      const isNext = next.version === before.version + 1;
      this.expect(6, isNext, () => `${name}: ${next.version} follows ${before.version}`);
      this.expect(6, epoch >= before.epoch, () => `${name}: epoch ${epoch} follows ${before.epoch}`);
      const isRead = before.version === 0 || known.has(`${name} ${before.version}`);
      this.expect(
        6,
        isRead,
        () => `${name}: ${by} writes over version ${before.version}, which it has not read`,
      );
    };
    return instead(ledger, {
      swapRun: async (next) => {
        const isDone = await ledger.swapRun(next);
        if (isDone) {
          swapped(`run ${next.id}`, next);
          this.#runSwapped(next);
        }
        return isDone;
      },
      swapSegment: async (next) => {
        const isDone = await ledger.swapSegment(next);
        if (isDone) {
          swapped(nameOfSegment(next), next);
          if (next.held !== undefined) this.#committed.add(next.held);
        }
        return isDone;
      },
      takeTable: async (arn, holder, insteadOf) => {
        const taken = await ledger.takeTable(arn, holder, insteadOf);
        this.#holders.set(arn, taken);
        return taken;
      },
      releaseTable: async (arn, holder) => {
        await ledger.releaseTable(arn, holder);
        if (this.#holders.get(arn) === holder) this.#holders.delete(arn);
      },
      record: async (proof) => {
        this.told('a proof', proof);
        this.#proved(proof);
        await ledger.record(proof);
      },
    });
  }

  /** When all is over: nothing is between two places. */
  end(): void {
    for (const [text, { key, by }] of this.#taken) {
      const isKept = this.#quarantined.has(text) || this.isForgotten(by);
      this.expect(15, isKept, () => `${nameOf(key)} is neither in the table nor in quarantine`);
    }
  }

  #changed(change: Omit<Change, 'number'>): void {
    const { before, by } = change;
    const seen = { ...change, number: this.changes.length };
    this.changes.push(seen);
    const { table, key } = change;
    const ofTable = this.#changesOf.get(table) ?? new Map<string, Change[]>();
    this.#changesOf.set(table, ofTable.set(key, [...(ofTable.get(key) ?? []), seen]));
    // what lies there again is taken anew if it goes again; what the application takes away is its own affair
    if (before !== undefined) this.#taken.delete(before);
    if (by !== undefined) this.#changedBy(by, seen);
    this.#settleOwed(seen);
  }

  #changedBy(by: string, change: Change): void {
    const { key, before, after } = change;
    const run = this.runs.get(by);
    const isAtWork = run !== undefined && !hasEnded(run);
    this.expect(17, isAtWork, () => `${by} has ended, and changes ${nameOf(key)}`);
    const holder = this.#holders.get(run?.changes ?? '') ?? 'nobody';
    const isHolder = holder.startsWith(`${by}.`);
    this.expect(17, isHolder, () => `${by} changes ${nameOf(key)}, and ${holder} has the table`);
    if (before !== undefined) this.#took(run, change, before);
    if (after === undefined) return;
    this.#taken.delete(after);
    if (run?.rule.kind === 'backfill') {
      this.#wrote(run, change, after);
      return;
    }
    const wasKept = this.#quarantined.has(after);
    this.expect(14, wasKept, () => `${by} puts ${nameOf(key)} where nothing of it was in quarantine`);
  }

  /** What a backfill writes is made of a source that was there since it began, and is newer than what it is written over. */
  #wrote({ id, table, rule }: Run, { key, before }: Change, after: string): void {
    const hasVersion = rule.kind === 'backfill' && rule.version !== undefined;
    const isNewer = hasVersion && (timeOf(before ?? '{}') ?? Infinity) < (timeOf(after) ?? 0);
    this.expect(
      16,
      before === undefined || isNewer,
      () => `${id} writes over ${nameOf(key)}, which is no older`,
    );
    const sources = this.moments(table.name, key, this.begins.get(`${id} apply`) ?? 0);
    const made = sources.map((text) => text !== undefined && transformed(itemOfText(text)));
    const isMade = made.some((item) => item && textOfItem(item) === after);
    this.expect(16, isMade, () => `${id} writes ${nameOf(key)}, which is not made of what there is`);
  }

  #took(run: Run | undefined, change: Change, text: string): void {
    const { key } = change;
    this.#taken.set(text, change);
    const own = OBJECT_NAMES.quarantineOf(run?.id ?? '');
    const objects = [...(this.#quarantined.get(text) ?? [])].filter(([name]) => name.startsWith(own));
    const isDedupe = run?.rule.kind === 'dedupe';
    const kept = objects.find(([name]) => !isDedupe || this.#committed.has(name));
    const wasKept = kept !== undefined || this.#isGrown(key, text);
    this.expect(14, wasKept, () => `${nameOf(key)} is taken away before it is in quarantine`);
    if (kept === undefined) return;
    const [, because] = kept;
    if (run === undefined || run.rule.kind !== 'dedupe') return;
    if (!this.#stands(change.table, because, text)) this.#owed.set(key, { run: run.id, text, because });
    // keeper and copy are read together: the copy as it is removed
    const { keep } = run.rule;
    const written = this.changesOf(change.table, key).findLast(({ number }) => number < change.number);
    const keepers = this.moments(change.table, because, (written?.number ?? 0) + 1);
    const isRight = keepers.some((keeper) => keeper !== undefined && isToStay(keeper, text, keep));
    const why = () => `${nameOf(key)} is removed although ${nameOf(because)} never was to stay in its place`;
    this.expect(16, isRight, why);
  }

  /** Whether an item is one that lies in quarantine, and more: it had got more attributes when it was removed. */
  #isGrown(key: string, text: string): boolean {
    const item = itemOfText(text);
    return [...this.#quarantined.keys()].some((other) => {
      const kept = itemOfText(other);
      const isOfKey = textOfItem(keyOf(kept, KEYS)) === key;
      return (
        isOfKey &&
        Object.entries(kept).every(([name, value]) =>
          isSameItem({ value }, item[name] && { value: item[name] }),
        )
      );
    });
  }

  /** Whether a copy of an item stands. */
  #stands(table: string, keeper: string, text: string): boolean {
    const there = this.#tables.get(table)?.there.get(keeper);
    return there !== undefined && groupOf(there) === groupOf(text);
  }

  /** A last copy that was removed is made up for once it is back, or a copy of it. */
  #settleOwed({ table, key, after }: Change): void {
    if (after === undefined) return;
    for (const [removed, { text, because }] of this.#owed) {
      if (removed === key || (because === key && this.#stands(table, because, text)))
        this.#owed.delete(removed);
    }
  }

  #keep(name: string, content: string): void {
    const lines = content.split('\n').map((line) => JSON.parse(line) as [string, string, string]);
    this.#forgetLines(name);
    for (const [key, because, text] of lines) {
      this.#keepers.set(key, because);
      const objects = this.#quarantined.get(text) ?? new Map<string, string>();
      this.#quarantined.set(text, objects.set(name, because));
    }
    const before = this.#objects.get(name) ?? [];
    this.#objects.set(
      name,
      lines.map(([, , text]) => text),
    );
    this.#checkKept(name, before);
  }

  #lose(name: string): void {
    const before = this.#objects.get(name) ?? [];
    this.#forgetLines(name);
    this.#objects.delete(name);
    this.#checkKept(name, before);
  }

  #forgetLines(name: string): void {
    for (const text of this.#objects.get(name) ?? []) {
      const objects = this.#quarantined.get(text);
      objects?.delete(name);
      if (objects?.size === 0) this.#quarantined.delete(text);
    }
  }

  #checkKept(name: string, texts: readonly string[]): void {
    for (const text of texts) {
      const taken = this.#taken.get(text);
      if (taken === undefined) continue;
      const isKept = this.#quarantined.has(text) || this.isForgotten(taken.by);
      this.expect(15, isKept, () => `${nameOf(taken.key)} is lost: ${name} is written over, or gone`);
    }
  }

  #runSwapped(run: Run): void {
    const { id, phase } = run;
    const before = this.runs.get(id);
    if (before === undefined) this.begun.set(id, run);
    if (before?.phase !== phase) this.begins.set(`${id} ${phase}`, this.changes.length);
    // what is written of a run that has ended does not end it again
    if (before === undefined || !hasEnded(before)) this.ends.set(id, this.changes.length);
    this.runs.set(id, run);
    if (run.isForgotten) this.#marked.add(id);
    if (run.mode !== 'apply' || !hasEnded(run)) return;
    for (const [key, owed] of this.#owed) this.expect(16, owed.run !== id, () => alone(key, owed.because));
  }

  #proved({ run, phase, number, entries }: Proof): void {
    if (number === 2) this.reach(phase === 'undo' ? 'third batch of an undo' : 'third batch of an apply');
    const { salt = '' } = this.begun.get(run) ?? {};
    for (const [key, { run: by, because }] of this.#owed) {
      const hash = salted(salt, key);
      const isProved = entries.some((entry) => entry.key === hash && REMOVED.includes(entry.outcome));
      this.expect(16, by !== run || !isProved, () => alone(key, because));
    }
  }
}

/** That nothing stands where a copy was removed. */
function alone(key: string, because: string): string {
  return `${nameOf(key)} is removed although ${nameOf(because)} was no copy of it any more`;
}

/** What a segment is called in words, and in what a process knows. */
export function nameOfSegment({ run, phase, index }: Pick<Segment, 'run' | 'phase' | 'index'>): string {
  return `${run} ${phase} ${index}`;
}
