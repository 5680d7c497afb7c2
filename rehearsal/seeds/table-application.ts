import type { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import type { Keep } from '../../functions/contract/tables.ts';
import { compareTexts } from '../../functions/core/decimal.ts';
import { itemOfText, textOfItem, type WireItem } from '../../functions/core/item.ts';
import type { WatchedTable } from './table-oracle.ts';

/** In every value of every item, so that it is seen wherever a value has got to. */
export const PLANTED = 'planted';

/** What a write of the application does. */
const ACTS = ['update', 'reorder', 'regroup', 'remove', 'write', 'add'] as const;
type Act = (typeof ACTS)[number];

/** The user's own application. It goes on writing, whatever a run does meanwhile. */
export class Application {
  readonly #random: SeededRandom;
  readonly #groups: number;
  /** What it may do. */
  readonly acts: readonly Act[];
  #written = 0;

  /**
   * @param groups How many things there are copies of.
   * @param mayAdd Whether it adds attributes to items: DynamoDB cannot compare what was not read, so that a process that dies in the wrong
   * moment loses one.
   */
  constructor(random: SeededRandom, groups: number, mayAdd: boolean) {
    this.#random = random;
    this.#groups = groups;
    this.acts = mayAdd ? ACTS : ACTS.filter((act) => act !== 'add');
  }

  /** One write to an item, be it there or not. @param key Text of its primary key. */
  act(table: WatchedTable, key: string, wanted: Act = this.#random.pick(this.acts)): void {
    const text = table.there.get(key);
    const act = text === undefined ? 'write' : wanted;
    if (act === 'remove') table.remove(itemOfText(key));
    else table.put(this.#changed(act, itemOfText(text ?? key), itemOfText(key)));
  }

  #changed(act: Exclude<Act, 'remove'>, item: WireItem, key: WireItem): WireItem {
    switch (act) {
      case 'update':
        return { ...item, ...this.#version() };
      case 'reorder':
        return { ...item, ...this.#version(), ...this.#at() };
      case 'regroup':
        return { ...item, ...this.#version(), ...this.#order() };
      case 'add':
        return { ...item, [`note${this.#written}`]: this.#version().v };
      case 'write':
        return this.#fresh(key);
    }
  }

  /** The item of a key, as it is first written. @param group Of which it is a copy. @default by chance */
  item(id: string, group?: number): WireItem {
    return this.#fresh({ id: { S: `${PLANTED}${id}` } }, group);
  }

  #fresh(key: WireItem, group?: number): WireItem {
    const item = { ...key, ...this.#order(group), ...this.#at(), ...this.#version() };
    if (this.#random.below(25) > 0) return item;
    // some cannot be put in order, and some belong to nothing
    const { order, at, ...rest } = item;
    return this.#random.pick<WireItem>([
      { ...rest, order },
      { ...rest, at },
      { ...item, at: { S: `${PLANTED}late` } },
    ]);
  }

  #order(group = this.#random.below(this.#groups)) {
    return { order: { S: `${PLANTED}o${group}` } };
  }

  #at() {
    return { at: { N: String(this.#random.below(4)) } };
  }

  /** No two items that were ever written are the same. */
  #version() {
    return { v: { S: `${PLANTED}v${++this.#written}` } };
  }
}

/** What an item is a copy of; `undefined` if of nothing. @param text Of the item. */
export function groupOf(text: string): string | undefined {
  const { order } = itemOfText(text);
  return order && 'S' in order ? order.S : undefined;
}

/** What a dedupe leaves of the copies of one thing: the one that the rule keeps, or all if they cannot be put in order. */
export function keptOf(copies: readonly string[], keep: Keep): readonly string[] {
  const types = new Set(copies.map((text) => Object.keys(itemOfText(text).at ?? {})[0]));
  if (types.has(undefined) || types.size > 1) return copies;
  const sign = keep === 'oldest' ? 1 : -1;
  // texts are all the same
  const inOrder = copies.toSorted(
    (a, b) => sign * ((timeOf(a) ?? 0) - (timeOf(b) ?? 0)) || compareTexts(keyOfText(a), keyOfText(b)),
  );
  return inOrder.slice(0, 1);
}

/** Whether of two copies of one thing it is the first that stays; not if they are no copies, or cannot be put in order. */
export function isToStay(keeper: string, copy: string, keep: Keep): boolean {
  const group = groupOf(copy);
  if (group === undefined || groupOf(keeper) !== group) return false;
  const kept = keptOf([copy, keeper], keep);
  return kept.length === 1 && kept[0] === keeper;
}

/** What is made of an item for the other table: nothing of some. */
export function transformed(item: WireItem): WireItem | null {
  return item.order === undefined ? null : { ...item, copied: { BOOL: true } };
}

/** Text of the primary key of an item. */
export function keyOfText(text: string): string {
  const { id } = itemOfText(text);
  return textOfItem({ ...(id && { id }) });
}

/** The number that puts an item in order. */
export function timeOf(text: string): number | undefined {
  const { at } = itemOfText(text);
  return at && 'N' in at ? Number(at.N) : undefined;
}

/** A primary key as words of ours may name it. */
export function nameOf(key: string): string {
  return `item ${key.slice(key.indexOf(PLANTED) + PLANTED.length, -3)}`;
}
