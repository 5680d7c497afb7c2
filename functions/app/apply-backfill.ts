import { isOrdered } from '../core/backfill.ts';
import { compareOrders, orderOf } from '../core/dedupe.ts';
import { invariant, RefusedError } from '../core/errors.ts';
import { attributeOf, contentHash, isSameItem, keyOf, textOfItem, type WireItem } from '../core/item.ts';
import { OBJECT_NAMES, type Run, type Skip, salted } from '../core/run.ts';
import type { ItemStore } from '../ports/item-store.ts';
import type { Transform } from '../ports/transform.ts';
import { allOf } from './all-of.ts';
import type { Applied, Batch } from './apply.ts';
import { quarantineNow, readAll, readNow } from './apply-dedupe.ts';
import type { PlanEntry } from './gather.ts';
import type { Grip } from './grip.ts';
import { ifLost, quarantine, quarantined } from './quarantine.ts';
import type { RunPorts } from './run-ports.ts';

/** What became of an entry, and the item that is in the target now because of it. */
type Outcome = { readonly outcome: 'written'; readonly item: WireItem } | { readonly outcome: Skip };

/**
 * Writes the items of one batch that the target lacks, or has an older version of. Each is made anew of its source, which is read
 * strongly right before, so that nothing comes back that was deleted; and each is written on a condition: where nothing is, or over
 * what was read. What is written over is in quarantine before.
 */
export async function applyBackfill(ports: RunPorts, grip: Grip, batch: Batch): Promise<Applied> {
  const { run, segment } = grip;
  const { table, rule, salt } = run;
  invariant(rule.kind === 'backfill', 'only a backfill writes');
  const [source, target] = [ports.items(table), ports.items({ ...table, name: rule.to })];
  const transform = await ports.transforms(table);
  const keys = batch.entries.map(({ key }) => key);
  const there = await readAll(target, grip, keys);
  const name = OBJECT_NAMES.quarantine(run.id, segment.index, batch.number, segment.epoch);
  const present = batch.entries.flatMap((entry) => {
    const item = there.get(entry.key);
    return item && rule.version !== undefined ? [{ ...entry, item: textOfItem(item) }] : [];
  });
  // what a worker that died has written over lies in its object alone
  const begun =
    segment.held === undefined ? undefined : await quarantined(ports, run, segment.held).catch(ifLost);
  const replaceable = [...present, ...(begun ?? [])];
  if (replaceable.length > 0) await quarantine(ports, run, name, replaceable);
  // so that what is written is told whatever becomes of this worker, or of the run
  await grip.checkpoint({ held: name });

  const outcomes = new Map<string, Outcome>();
  await allOf(batch.entries, async (entry) => {
    await grip.turnToWrite();
    const made = await make(await readNow(source, grip, entry.because), transform);
    const before = there.get(entry.key);
    const outcome = decide(run, entry, made, before);
    if (!('write' in outcome)) {
      outcomes.set(entry.key, outcome);
      return;
    }
    const { write: item } = outcome;
    const { isDone, replaced } = await put(grip, target, item, before);
    if (replaced && !isSameItem(replaced, before)) {
      await quarantineNow(ports, grip, name, { ...entry, item: textOfItem(replaced) });
    }
    outcomes.set(entry.key, isDone ? { outcome: 'written', item } : { outcome: 'CHANGED' });
  });
  const entries = batch.entries.map(({ key, because }) => {
    const found = outcomes.get(key);
    invariant(found, 'each entry of a batch has an outcome');
    if (found.outcome === 'written') grip.count('written');
    else grip.skip(found.outcome, key);
    return {
      key: salted(salt, key),
      because: salted(salt, because),
      item: 'item' in found ? salted(salt, contentHash(found.item)) : '',
      outcome: found.outcome,
    };
  });
  return { entries, ...(replaceable.length > 0 && { object: name }) };
}

/** What is made of a source, if it is there; `failed` if the transform throws. */
async function make(
  source: WireItem | undefined,
  transform: Transform,
): Promise<WireItem | null | undefined | 'failed'> {
  if (source === undefined) return undefined;
  try {
    return await transform(source);
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    return 'failed';
  }
}

/** What is to be written, or why nothing is. What is there already was written by a worker that died. */
function decide(
  { rule, targetKeys = [''] }: Run,
  { key }: PlanEntry,
  made: Awaited<ReturnType<typeof make>>,
  before: WireItem | undefined,
): Outcome | { readonly write: WireItem } {
  if (made === undefined) return { outcome: 'GONE' };
  if (made === 'failed') return { outcome: 'TRANSFORM_FAILED' };
  if (made === null || textOfItem(keyOf(made, targetKeys)) !== key) return { outcome: 'CHANGED' };
  if (before === undefined) return { write: made };
  if (contentHash(before) === contentHash(made)) return { outcome: 'written', item: made };
  const version = rule.kind === 'backfill' ? rule.version : undefined;
  if (version === undefined) return { outcome: 'CHANGED' };
  const [own, theirs] = [made, before].map((item) => orderOf(attributeOf(item, version))) as [string, string];
  const isNewer = isOrdered(own, theirs) && compareOrders(own, theirs) > 0;
  return isNewer ? { write: made } : { outcome: 'CHANGED' };
}

/** Writes where nothing is, or over what was read. */
async function put(
  grip: Grip,
  target: ItemStore,
  item: WireItem,
  before: WireItem | undefined,
): Promise<{ readonly isDone: boolean; readonly replaced?: WireItem | undefined }> {
  if (before === undefined) return grip.writeOnce(() => target.putIfAbsent(item));
  const { replaced } = await grip.writeOnce(() => target.replaceIfSame(item, before));
  return { isDone: replaced !== undefined, replaced };
}
