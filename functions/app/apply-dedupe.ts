import { copyOf, dedupeKeyOf, isPreferred } from '../core/dedupe.ts';
import { invariant } from '../core/errors.ts';
import { isSameItem, itemOfText, keyOf, textOfItem, type WireItem } from '../core/item.ts';
import { OBJECT_NAMES, type ProofEntry, type Run, type Skip, salted } from '../core/run.ts';
import type { ItemStore } from '../ports/item-store.ts';
import { allOf } from './all-of.ts';
import type { Applied, Batch } from './apply.ts';
import type { PlanEntry } from './gather.ts';
import type { Grip } from './grip.ts';
import { ifLost, type Quarantined, quarantine, quarantined } from './quarantine.ts';
import type { RunPorts } from './run-ports.ts';

/*
 * One loser, and what may happen at each moment:
 *
 *   read keeper and loser ── quarantine ── held ── remove, if still what was read ── read keeper ── proof, no longer held
 *                         │             │      │                                   │             │
 *   we die here           nothing       an     the next worker waits until we cannot be alive, reads both, and goes on from there
 *                         happened      object too much
 *   somebody writes       not the same any more: it stays                          keeper gone: put back
 */

/** Removes the losers of one batch that still are copies of a keeper that still stands; each is in quarantine before. */
export async function applyDedupe(ports: RunPorts, grip: Grip, batch: Batch): Promise<Applied> {
  const { run, segment } = grip;
  const found = await readBoth(ports, grip, batch.entries);
  const judged = batch.entries.map((entry) => ({ entry, ...found(entry) }));
  const outcomes = new Map<string, Outcome>();
  const removable: Quarantined[] = [];
  for (const { entry, loser, keeper } of judged) {
    const skip = whyNot(run, entry, loser, keeper);
    if (skip === undefined && loser) removable.push({ ...entry, item: textOfItem(loser) });
    else outcomes.set(entry.key, { outcome: skip ?? 'GONE', item: loser });
  }
  if (removable.length > 0) {
    const name = OBJECT_NAMES.quarantine(run.id, segment.index, batch.number, segment.epoch);
    await quarantine(ports, run, name, removable);
    await grip.checkpoint({ held: name });
    await remove(ports, grip, removable, outcomes, false);
  }
  return { entries: proven(grip, batch.entries, outcomes), object: grip.segment.held };
}

/**
 * Brings a batch to its end that a worker has begun and not finished: whatever it had done already is found out from the table.
 * @param batch `undefined` if the plan is not there any more: then the quarantined items tell what it was.
 * @returns What became of each entry, for the proof.
 */
export async function settleHeld(
  ports: RunPorts,
  grip: Grip,
  batch: Batch | undefined,
): Promise<readonly ProofEntry[]> {
  const { run, segment } = grip;
  const held = await quarantined(ports, run, segment.held ?? '').catch(ifLost);
  const found = await readBoth(ports, grip, held ?? []);
  const outcomes = new Map<string, Outcome>();
  const removable: Quarantined[] = [];
  for (const entry of held ?? []) {
    const { loser, keeper } = found(entry);
    const item = itemOfText(entry.item);
    if (loser === undefined) {
      outcomes.set(entry.key, await goneBecauseOf(ports, grip, item, keeper, 'unconfirmed'));
    } else if (isSameItem(loser, item)) {
      const skip = whyNot(run, entry, loser, keeper);
      if (skip === undefined) removable.push(entry);
      else outcomes.set(entry.key, { outcome: skip, item });
    } else {
      outcomes.set(entry.key, { outcome: 'CHANGED', item });
    }
  }
  await remove(ports, grip, removable, outcomes, true);
  // what is not in the object was not to be removed, and its reason was not written down: it is found again
  const entries = batch?.entries ?? held ?? [];
  const others = entries.filter(({ key }) => !outcomes.has(key));
  const again = await readBoth(ports, grip, others);
  for (const entry of others) {
    const { loser, keeper } = again(entry);
    const outcome = held ? (whyNot(run, entry, loser, keeper) ?? 'CHANGED') : 'QUARANTINE_LOST';
    outcomes.set(entry.key, { outcome, item: loser });
  }
  return proven(grip, entries, outcomes);
}

/** What became of an entry, and the item as it was. */
interface Outcome {
  readonly outcome: ProofEntry['outcome'];
  readonly item: WireItem | undefined;
}

/**
 * Removes what is held, one after the other looks at what is to stay, and puts back what must not have gone.
 * @param isBegun Whether another worker may have removed some of it.
 */
async function remove(
  ports: RunPorts,
  grip: Grip,
  held: readonly Quarantined[],
  outcomes: Map<string, Outcome>,
  isBegun: boolean,
): Promise<void> {
  const { run, segment } = grip;
  const store = ports.items(run.table);
  await allOf(held, async (entry) => {
    const item = itemOfText(entry.item);
    const { removed } = await grip.write(() => store.removeIfSame(item));
    if (removed === undefined) {
      const isGone = isBegun && !(await readNow(store, grip, entry.key));
      if (!isGone) {
        outcomes.set(entry.key, { outcome: 'CHANGED', item });
        return;
      }
    } else if (!isSameItem(removed, item)) {
      // an attribute was added since it was read: it goes back, also where it cannot be kept beside
      const whole = { ...entry, item: textOfItem(removed) };
      const [keeping] = await Promise.allSettled([quarantineNow(ports, grip, segment.held ?? '', whole)]);
      const back = await putBack(ports, grip, removed);
      if (keeping.status === 'rejected' && back.outcome !== 'returned') throw keeping.reason;
      outcomes.set(entry.key, { ...back, item });
      return;
    }
    const keeper = await readNow(store, grip, entry.because);
    const outcome = removed === undefined ? 'unconfirmed' : 'removed';
    outcomes.set(entry.key, await goneBecauseOf(ports, grip, item, keeper, outcome));
  });
}

/**
 * Keeps an item whole that had changed when it was removed or written over, in an object of its own. Again if that is refused: it is
 * nowhere else.
 * @param object The one of its batch.
 */
export async function quarantineNow(
  ports: RunPorts,
  grip: Grip,
  object: string,
  entry: Quarantined,
): Promise<void> {
  const { run } = grip;
  await grip.writeNow(async () => {
    await quarantine(ports, run, `${object}.${salted(run.salt, entry.key)}`, [entry]);
    return { writeUnits: 0 };
  });
}

/** What becomes of an item that is gone: it is removed if its keeper still is a copy of it, else it is put back. */
async function goneBecauseOf(
  ports: RunPorts,
  grip: Grip,
  item: WireItem,
  keeper: WireItem | undefined,
  outcome: 'removed' | 'unconfirmed',
): Promise<Outcome> {
  const isStanding = keeper !== undefined && isCopy(grip.run, item, keeper);
  return isStanding ? { outcome, item } : putBack(ports, grip, item);
}

/** Puts back what was removed, unless somebody has written another item in its place meanwhile: then it stays in quarantine. */
async function putBack({ items }: RunPorts, grip: Grip, item: WireItem): Promise<Outcome> {
  const store = items(grip.run.table);
  const { isDone } = await grip.writeNow(() => store.putIfAbsent(item));
  if (isDone) return { outcome: 'returned', item };
  // an answer that was lost makes it ask again, and what it then finds in its way is its own
  const there = await readNow(store, grip, textOfItem(keyOf(item, grip.run.keys)));
  return { outcome: isSameItem(there, item) ? 'returned' : 'RECREATED', item };
}

/** Reads one item, strongly and at once. @param key As text. */
export async function readNow(store: ItemStore, grip: Grip, key: string): Promise<WireItem | undefined> {
  const { items } = await grip.readNow(() => store.get([itemOfText(key)]));
  return items[0];
}

/** Why a loser must stay; `undefined` if it may go. What is held has no group, and was of the plan's when it was quarantined. */
function whyNot(
  run: Run,
  { group }: PlanEntry,
  loser: WireItem | undefined,
  keeper: WireItem | undefined,
): Skip | undefined {
  const { rule, keys } = run;
  invariant(rule.kind === 'dedupe', 'only a dedupe removes');
  if (loser === undefined) return 'GONE';
  const copy = copyOf(loser, rule, keys);
  if (copy === undefined || copy.group !== (group ?? copy.group)) return 'CHANGED';
  const kept = keeper && copyOf(keeper, rule, keys);
  if (keeper === undefined || kept === undefined || !isCopy(run, loser, keeper)) {
    return keeper === undefined ? 'KEEPER_GONE' : 'CHANGED';
  }
  invariant(copy.key !== kept.key, 'what stays is not what goes');
  const isOrdered = copy.order !== null && copy.order !== '?' && copy.order[0] === kept.order?.[0];
  return isOrdered && isPreferred(kept, copy, rule.keep) ? undefined : 'CHANGED';
}

/** Whether both are copies of one thing: not by a hash, but by all of the dedupe key. */
function isCopy({ rule }: Run, a: WireItem, b: WireItem): boolean {
  if (rule.kind !== 'dedupe') return false;
  const key = dedupeKeyOf(a, rule);
  return key !== undefined && key === dedupeKeyOf(b, rule);
}

/** Reads losers and keepers, strongly. */
async function readBoth(ports: RunPorts, grip: Grip, entries: readonly PlanEntry[]) {
  const keys = entries.flatMap(({ key, because }) => [key, because]);
  const all = await readAll(ports.items(grip.run.table), grip, keys);
  return ({ key, because }: PlanEntry) => ({ loser: all.get(key), keeper: all.get(because) });
}

/** Reads items by texts of their keys, each once. At most two for each entry of a batch. */
export async function readAll(
  store: ItemStore,
  grip: Grip,
  keys: readonly string[],
): Promise<ReadonlyMap<string, WireItem>> {
  const once = [...new Set(keys)];
  if (once.length === 0) return new Map();
  const { items } = await grip.read(() => store.get(once.map(itemOfText)));
  return new Map(
    once.flatMap((key, position) => {
      const item = items[position];
      return item ? [[key, item] as const] : [];
    }),
  );
}

/** Counts what became of a batch, and says it for the proof. */
function proven(
  grip: Grip,
  entries: readonly PlanEntry[],
  outcomes: ReadonlyMap<string, Outcome>,
): readonly ProofEntry[] {
  const { salt, keys } = grip.run;
  return entries.map(({ key, because }) => {
    const found = outcomes.get(key);
    invariant(found, 'each entry of a batch has an outcome');
    const { outcome, item } = found;
    if (item) invariant(textOfItem(keyOf(item, keys)) === key, 'an outcome speaks of its own item');
    switch (outcome) {
      case 'removed':
        grip.count('removed');
        break;
      case 'unconfirmed':
        grip.count('removed');
        grip.count('unconfirmed');
        break;
      case 'returned':
        grip.count('returned');
        break;
      case 'written':
      case 'restored':
        invariant(false, 'a dedupe removes or leaves alone');
        break;
      default:
        grip.skip(outcome, key);
    }
    return {
      key: salted(salt, key),
      because: salted(salt, because),
      item: item === undefined ? '' : salted(salt, textOfItem(item)),
      outcome,
    };
  });
}
