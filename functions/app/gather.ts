import { type Compared, compared, type Side } from '../core/backfill.ts';
import { type Copy, GROUP_CHARACTERS, type Grouped, grouped } from '../core/dedupe.ts';
import { OBJECT_NAMES, PLAN_CHUNK, type Run, type Segment } from '../core/run.ts';
import { slotOf } from '../core/shuffle.ts';
import type { Grip } from './grip.ts';
import { textsOfLine } from './lines.ts';
import type { RunPorts } from './run-ports.ts';
import { segmentsOf } from './run-state.ts';
import { spillLost } from './scatter.ts';

/** Copies of one thing that are told apart at all. */
export const COPIES_MAX = 250_000;
/** `["`, which stands before the hash in each line. */
const BEFORE_GROUP = 2;
/** Of a number of 32 bits in hex, of which a hash has four. */
const WORD_CHARACTERS = 8;
const DIGIT_0 = 48;
const LETTER_A = 97;
/** Of 100,000 records, one in ten shares its counter with another by chance. */
const COUNTERS = 2 ** 20;
const END_OF_LINE = 10;

/**
 * One entry of a plan. Dedupe: what goes, because of what stays. Backfill: what is written, because of an item of the source. All are
 * texts of primary keys; `group` of dedupe is the hash of what both have in common.
 */
export interface PlanEntry {
  readonly key: string;
  readonly because: string;
  readonly group?: string | undefined;
}

/**
 * Finds what belongs together among the records of one partition, which holds all that have the same hash, and writes the plan. It
 * reads only what checkpoints of the scatter name, and does the same however often it is done.
 */
export async function gather(ports: RunPorts, grip: Grip): Promise<void> {
  const { run, segment } = grip;
  const { partitions } = run.layout;
  const all = await segmentsOf(ports, run, 'scatter');
  const expected = all.reduce((sum, { records }) => sum + (records[segment.index] ?? 0), 0);
  const passes = Math.max(1, Math.ceil(expected / ports.limits.passRecords));
  const done = segment.cursor === undefined ? NO_PASS : progressOf(segment.cursor);
  const plan = await Plan.goOn(ports, run, segment.index, done.entries);
  let found = done.found;
  for (let pass = done.passes; pass < passes; pass++) {
    const records = new Records();
    for await (const content of spilled(ports, run, all, segment.index)) {
      if (!(await grip.mayGoOn())) return;
      const isOwn = (word: number) => slotOf(word, partitions * passes) === segment.index * passes + pass;
      found += passes === 1 ? records.addAll(content) : records.add(content, isOwn);
    }
    // a dedupe has nothing to say of what has no copy
    if (run.rule.kind === 'backfill') {
      for (const line of records.alone()) await judge(grip, plan, [line], 0);
    }
    const groups = new Map<string, string[]>();
    const left = new Map<string, number>();
    for (const line of records.others()) {
      const group = line.slice(BEFORE_GROUP, BEFORE_GROUP + GROUP_CHARACTERS);
      const lines = groups.get(group);
      if (lines === undefined) groups.set(group, [line]);
      else if (lines.length < COPIES_MAX) lines.push(line);
      else left.set(group, (left.get(group) ?? 0) + 1);
    }
    for (const [group, lines] of groups) await judge(grip, plan, lines, left.get(group) ?? 0);
    const entries = await plan.write();
    if (pass + 1 < passes)
      await grip.checkpoint({ cursor: textOfProgress({ passes: pass + 1, found, entries }) });
  }
  if (found !== expected) throw spillLost();
  await grip.checkpoint({ isDone: true, records: [await plan.write()] });
}

/** What was done of a partition that takes several passes. */
interface PassProgress {
  readonly passes: number;
  readonly found: number;
  readonly entries: number;
}

const NO_PASS: PassProgress = { passes: 0, found: 0, entries: 0 };

function textOfProgress({ passes, found, entries }: PassProgress): string {
  return [passes, found, entries].join(' ');
}

function progressOf(cursor: string): PassProgress {
  const [passes = 0, found = 0, entries = 0] = cursor.split(' ').map(Number);
  return { passes, found, entries };
}

/** What committed flushes hold of one partition, object by object. */
async function* spilled(
  ports: RunPorts,
  run: Run,
  segments: readonly Segment[],
  partition: number,
): AsyncGenerator<Buffer> {
  const objects = ports.objects(run.table);
  for (const { index, spills, records } of segments) {
    if (!records[partition]) continue;
    for (const flush of spills) {
      const content = await objects.read(OBJECT_NAMES.spill(run.id, partition, index, flush));
      if (content) yield content;
    }
  }
}

/** @param left How many more of the same hash there were than are told apart. */
async function judge(grip: Grip, plan: Plan, lines: readonly string[], left: number): Promise<void> {
  const { rule } = grip.run;
  if (rule.kind === 'dedupe') {
    if (lines.length < 2) return;
    const copies = lines.map(copyOfLine);
    if (left > 0) {
      grip.count('groups');
      grip.skipUnnamed('TOO_MANY_COPIES', left);
      return skipAll(grip, { skip: 'TOO_MANY_COPIES', keys: copies.map(({ key }) => key) });
    }
    const found = grouped(copies, rule.keep);
    if (found === undefined) return;
    grip.count('groups');
    if ('skip' in found) return skipAll(grip, found);
    grip.count('duplicates', found.losers.length);
    const { group } = copies[0] as Copy;
    for (const key of found.losers) await plan.add({ key, because: found.keeper, group });
    return;
  }
  const found = compared(lines.map(sideOfLine), rule.version !== undefined);
  if ('skip' in found) return skipAll(grip, found);
  grip.count(found.is);
  if (found.is === 'missing' || found.is === 'older') {
    await plan.add({ key: found.target, because: found.source });
  }
}

function skipAll(grip: Grip, { skip, keys }: Extract<Grouped | Compared, { readonly skip: unknown }>): void {
  for (const key of keys) grip.skip(skip, key);
}

/** @throws RecohereError `SPILL_LOST` */
function copyOfLine(line: string): Copy {
  const [group, key, order] = textsOfLine(line) ?? [];
  if (!group || !key || order === undefined) throw spillLost();
  return { group, key, order };
}

/** @throws RecohereError `SPILL_LOST` */
function sideOfLine(line: string): Side {
  const [group, target, source, content, version] = textsOfLine(line) ?? [];
  if (!group || !target || !content || version === undefined) throw spillLost();
  if (source === undefined || source === '') throw spillLost();
  return { group, target, source, content, version };
}

/**
 * Records of one pass, as bytes: all of them as texts would weigh several times as much. Most have a hash of their own, and of these no
 * text is made but when it is asked for.
 */
class Records {
  readonly #contents: Buffer[] = [];
  /** How many records have the same counter, 2 if they are more. */
  readonly #counters = new Uint8Array(COUNTERS);

  /** @param content Lines. @returns How many. */
  addAll(content: Buffer): number {
    let records = 0;
    for (let start = 0; start < content.length; start = endOfLine(content, start) + 1) {
      this.#count(content, start);
      records++;
    }
    this.#contents.push(content);
    return records;
  }

  /**
   * @param content Lines.
   * @param isOwn Whether lines whose hash begins so are of this pass.
   * @returns How many are.
   */
  add(content: Buffer, isOwn: (word: number) => boolean): number {
    const kept = Buffer.allocUnsafeSlow(content.length + 1);
    let length = 0;
    for (let start = 0, end = 0; start < content.length; start = end + 1) {
      end = endOfLine(content, start);
      if (!isOwn(wordAt(content, start + BEFORE_GROUP))) continue;
      length += content.copy(kept, length, start, end);
      kept[length++] = END_OF_LINE;
    }
    return this.addAll(Buffer.from(kept.subarray(0, length)));
  }

  #count(content: Buffer, start: number): void {
    const counter = counterAt(content, start);
    this.#counters[counter] = Math.min(2, (this.#counters[counter] ?? 0) + 1);
  }

  /** Lines of which it is known that no other has the same hash. */
  alone(): Generator<string> {
    return this.#lines((count) => count === 1);
  }

  /** All other lines, in order. */
  others(): Generator<string> {
    return this.#lines((count) => count > 1);
  }

  *#lines(isWanted: (count: number) => boolean): Generator<string> {
    for (const content of this.#contents) {
      for (let start = 0, end = 0; start < content.length; start = end + 1) {
        end = endOfLine(content, start);
        const count = this.#counters[counterAt(content, start)] ?? 0;
        if (isWanted(count)) yield content.toString('utf8', start, end);
      }
    }
  }
}

function endOfLine(content: Buffer, start: number): number {
  const end = content.indexOf(END_OF_LINE, start);
  return end === -1 ? content.length : end;
}

/** What a hash begins with says where its record belongs; what follows is as good as any other for a counter. */
function counterAt(content: Buffer, start: number): number {
  return wordAt(content, start + BEFORE_GROUP + WORD_CHARACTERS) % COUNTERS;
}

/** A number of 32 bits in hex, read without making a text of it: there is one in each of millions of lines. */
function wordAt(content: Buffer, start: number): number {
  let word = 0;
  for (let at = start; at < start + WORD_CHARACTERS; at++) {
    const code = content[at] ?? 0;
    word = word * 16 + (code < LETTER_A ? code - DIGIT_0 : code - LETTER_A + 10);
  }
  return word;
}

/** Entries of one partition, written in objects of {@link PLAN_CHUNK}. */
class Plan {
  readonly #ports: RunPorts;
  readonly #run: Run;
  readonly #partition: number;
  #lines: string[] = [];
  #chunks: number;

  private constructor(ports: RunPorts, run: Run, partition: number, chunks: number) {
    this.#ports = ports;
    this.#run = run;
    this.#partition = partition;
    this.#chunks = chunks;
  }

  /** Goes on where so many entries are written. @throws RecohereError `SPILL_LOST` */
  static async goOn(ports: RunPorts, run: Run, partition: number, entries: number): Promise<Plan> {
    const plan = new Plan(ports, run, partition, Math.floor(entries / PLAN_CHUNK));
    const begun = entries % PLAN_CHUNK;
    if (begun === 0) return plan;
    const content = await ports.objects(run.table).read(plan.#nameOf(begun));
    plan.#lines = content?.toString().split('\n') ?? [];
    if (plan.#lines.length !== begun) throw spillLost();
    return plan;
  }

  async add({ key, because, group }: PlanEntry): Promise<void> {
    this.#lines.push(JSON.stringify([key, because, group]));
    if (this.#lines.length < PLAN_CHUNK) return;
    await this.write();
    this.#lines = [];
    this.#chunks++;
  }

  /** Writes what is not written yet. @returns How many entries there are. */
  async write(): Promise<number> {
    const { length } = this.#lines;
    if (length > 0) {
      const content = Buffer.from(this.#lines.join('\n'));
      await this.#ports.objects(this.#run.table).write(this.#nameOf(length), content);
    }
    return this.#chunks * PLAN_CHUNK + length;
  }

  #nameOf(entries: number): string {
    return OBJECT_NAMES.plan(this.#run.id, this.#partition, this.#chunks, entries);
  }
}
