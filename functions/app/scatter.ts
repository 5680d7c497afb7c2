import { sideOf } from '../core/backfill.ts';
import { attributesOf, copyOf } from '../core/dedupe.ts';
import { RecohereError, RefusedError } from '../core/errors.ts';
import { itemOfText, keyOf, textOfItem, type WireItem } from '../core/item.ts';
import { OBJECT_NAMES, type Run } from '../core/run.ts';
import { slotOf, wordOf } from '../core/shuffle.ts';
import type { ScanRequest } from '../ports/item-store.ts';
import { allOf } from './all-of.ts';
import type { Grip } from './grip.ts';
import { isItemText } from './lines.ts';
import type { RunPorts } from './run-ports.ts';
import { tooManyErrors } from './run-state.ts';

/** What becomes of an item that was scanned: a record with the hash by which it meets others; nothing; or `null` for a failure. */
type Scatterer = (item: WireItem) => Scattered | Promise<Scattered>;
type Scattered = readonly [group: string, ...rest: unknown[]] | undefined | null;

/**
 * Reads one segment of the table once, and writes a record for each item into the partition of its hash. What was written counts only
 * once a checkpoint names it: a worker that dies has written nothing.
 */
export async function scatter(ports: RunPorts, grip: Grip): Promise<void> {
  const { run, segment } = grip;
  const { layout, rule, table } = run;
  const isTarget = segment.index >= layout.segments;
  const store = ports.items(isTarget && rule.kind === 'backfill' ? { ...table, name: rule.to } : table);
  const scan = scanOf(run, segment.index);
  const recordOf = await scattererOf(ports, grip, isTarget);
  const spill = new Spill(layout.partitions);
  const objects = ports.objects(table);
  let from = await cursorOf(ports, grip);
  for (;;) {
    if (!(await grip.mayGoOn())) return flush(false);
    const limit = pageLimit(grip);
    const page = await grip.read(() =>
      store.scan({ ...scan, ...(from && { from }), ...(limit && { limit }) }),
    );
    grip.count('scanned', page.scanned);
    let unkeyed = page.scanned - page.items.length;
    for (const item of page.items) {
      const made = recordOf(item);
      const record = made instanceof Promise ? await made : made; // to wait for what is there takes as long as to make it
      if (record) spill.add(slotOf(wordOf(record[0]), layout.partitions), JSON.stringify(record));
      else if (record === undefined) unkeyed++;
    }
    grip.count('unkeyed', unkeyed);
    spill.endPage();
    from = page.next;
    if (from === undefined) return flush(true);
    if (spill.characters >= ports.limits.flushCharacters) await flush(false);
  }

  async function flush(isDone: boolean): Promise<void> {
    const { epoch, spills, records, index, version } = grip.segment;
    const name = `${epoch}.${spills.length}`;
    const written = spill.take();
    await allOf([...written], async ([partition, { pages }]) => {
      const content = Buffer.concat(pages).subarray(0, -1); // but for the last end of line
      await objects.write(OBJECT_NAMES.spill(run.id, partition, index, name), content);
    });
    const cursor = from && `${epoch}.${version + 1}`;
    if (from && cursor) {
      await objects.write(OBJECT_NAMES.cursor(run.id, index, cursor), Buffer.from(textOfItem(from)));
    }
    const sums = Array.from({ length: layout.partitions }, (_, at) => records[at] ?? 0);
    for (const [partition, { records: more }] of written) sums[partition] = (sums[partition] ?? 0) + more;
    await grip.checkpoint({
      isDone,
      ...(cursor && { cursor }),
      spills: written.size > 0 ? [...spills, name] : spills,
      records: sums,
    });
  }
}

/** Where a segment goes on. It is a primary key, so it is not in the ledger. @throws RecohereError `SPILL_LOST` */
async function cursorOf(ports: RunPorts, { run, segment }: Grip): Promise<WireItem | undefined> {
  if (segment.cursor === undefined) return undefined;
  const name = OBJECT_NAMES.cursor(run.id, segment.index, segment.cursor);
  const content = await ports.objects(run.table).read(name);
  const text = content?.toString();
  if (!isItemText(text)) throw spillLost();
  return itemOfText(text);
}

/** What a run has written down has an end, too. */
export function spillLost(): RecohereError {
  return new RecohereError(
    'SPILL_LOST',
    'what the scan wrote down is not there any more: make a new dry run',
  );
}

/** Which part of which table a segment is. A run that reads a sample reads segments that are spread over the table. */
function scanOf(
  { layout, rule, keys }: Run,
  index: number,
): Pick<ScanRequest, 'segment' | 'totalSegments' | 'attributes'> {
  const { segments, totalSegments } = layout;
  return {
    segment: (index % segments) * Math.floor(totalSegments / segments),
    totalSegments,
    ...(rule.kind === 'dedupe' && { attributes: attributesOf(rule, keys) }),
  };
}

async function scattererOf(ports: RunPorts, grip: Grip, isTarget: boolean): Promise<Scatterer> {
  const { rule, keys, targetKeys = keys, table, layout } = grip.run;
  if (rule.kind === 'dedupe') {
    return (item) => {
      const copy = copyOf(item, rule, keys);
      return copy && ([copy.group, copy.key, copy.order] as const);
    };
  }
  const recordOf = (item: WireItem, source: string | null) => {
    const side = sideOf(item, targetKeys, rule.version, source);
    return [side.group, side.target, side.source, side.content, side.version] as const;
  };
  if (isTarget) return (item) => recordOf(item, null);
  const transform = await ports.transforms(table);
  return async (item) => {
    const key = textOfItem(keyOf(item, keys));
    try {
      const made = await transform(item);
      return made === null ? undefined : recordOf(made, key);
    } catch (error) {
      if (error instanceof RefusedError) throw error;
      grip.skip('TRANSFORM_FAILED', key);
      const { TRANSFORM_FAILED: before = 0 } = grip.segment.tally.skipped;
      const { TRANSFORM_FAILED: now = 0 } = grip.tally.skipped;
      if (before + now > layout.maxErrors) throw tooManyErrors();
      return null;
    }
  };
}

/** Pages no larger than what a second may take; a full page of DynamoDB has 1 MB, which is 128 units. */
function pageLimit({ reading, segment, tally }: Grip): number | undefined {
  if (reading.unitsPerSecond >= 128) return undefined;
  const scanned = (segment.tally.counts.scanned ?? 0) + (tally.counts.scanned ?? 0);
  const units = segment.tally.readUnits + tally.readUnits;
  // until something is known of their size, as if each had 4 KB
  const unitsEach = scanned > 0 && units > 0 ? units / scanned : 0.5;
  return Math.max(1, Math.floor(reading.unitsPerSecond / unitsEach));
}

/** Records of one partition that were found since the last flush. */
interface Found {
  readonly pages: Buffer[];
  records: number;
}

/**
 * Records that are not written down yet, by partition. Those of pages that have been read are kept as bytes: as texts they would grow old
 * on the heap, which then grows to several times of what is kept.
 */
class Spill {
  readonly #page: Map<number, string[]>;
  readonly #found = new Map<number, Found>();
  characters = 0;

  constructor(partitions: number) {
    this.#page = new Map(Array.from({ length: partitions }, (_, partition) => [partition, []]));
  }

  add(partition: number, line: string): void {
    this.#page.get(partition)?.push(line);
    this.characters += line.length;
  }

  endPage(): void {
    for (const [partition, lines] of this.#page) {
      if (lines.length === 0) continue;
      const found = this.#found.get(partition) ?? { pages: [], records: 0 };
      found.pages.push(Buffer.from(`${lines.join('\n')}\n`));
      found.records += lines.length;
      this.#found.set(partition, found);
      this.#page.set(partition, []);
    }
  }

  /** Those of each partition that has any; then none are left. */
  take(): ReadonlyMap<number, Found> {
    const taken = new Map(this.#found);
    this.#found.clear();
    this.characters = 0;
    return taken;
  }
}
