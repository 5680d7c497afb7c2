import type { Keep, Where } from '../contract/tables.ts';
import { canonicalNumber, compareNumbers, compareTexts } from './decimal.ts';
import {
  attributeOf,
  type KeyNames,
  keyOf,
  sha256,
  textOfItem,
  type WireItem,
  type WireValue,
} from './item.ts';

/** What makes items copies of one thing, and which of them stays. */
export interface DedupeRule {
  /** Attributes that copies have in common. */
  readonly key: readonly string[];
  readonly keep: Keep;
  /** Attribute that puts copies in order. */
  readonly by: string;
  /** What an item must be to be looked at. */
  readonly where: Where;
}

/** What is remembered of one item that is looked at. */
export interface Copy {
  /** Hash of its dedupe key; {@link GROUP_CHARACTERS} of hex. That two keys have the same is checked before anything is removed. */
  readonly group: string;
  /** Its primary key, as text. */
  readonly key: string;
  /** What it has in `by`: `N` or `S` and the value; `null` if that is missing, and `?` if it has another type. */
  readonly order: string | null;
}

/** 16 bytes. */
export const GROUP_CHARACTERS = 32;

/** Why a group is left alone. */
export const GROUP_SKIPS = ['BY_MISSING', 'BY_MIXED', 'BY_UNUSABLE', 'TOO_MANY_COPIES'] as const;
export type GroupSkip = (typeof GROUP_SKIPS)[number];

/** The copies of one thing: which stays and which go, or why all of them stay. */
export type Grouped =
  | { readonly keeper: string; readonly losers: readonly string[] }
  | { readonly skip: GroupSkip; readonly keys: readonly string[] };

/** Attributes that tell everything of an item that matters. */
export function attributesOf({ key, by, where }: DedupeRule, names: KeyNames): readonly string[] {
  return [...new Set([...names, ...key, by, ...Object.keys(where)])];
}

/** `undefined` for an item that the rule does not speak of: it is not like `where`, or has no dedupe key. */
export function copyOf(item: WireItem, rule: DedupeRule, names: KeyNames): Copy | undefined {
  const shared = dedupeKeyOf(item, rule);
  if (shared === undefined) return undefined;
  return {
    group: sha256(shared).slice(0, GROUP_CHARACTERS),
    key: textOfItem(keyOf(item, names)),
    order: orderOf(attributeOf(item, rule.by)),
  };
}

/** The whole dedupe key as text, the same for all copies and for nothing else. */
export function dedupeKeyOf(item: WireItem, { key, where }: DedupeRule): string | undefined {
  if (!Object.entries(where).every(([name, wanted]) => isLike(attributeOf(item, name), wanted)))
    return undefined;
  const values = key.map((name) => attributeOf(item, name));
  if (values.includes(undefined)) return undefined;
  const canonical = (values as WireValue[]).map((value) =>
    'N' in value ? { N: canonicalNumber(value.N) } : value,
  );
  return textOfItem(Object.fromEntries(canonical.map((value, position) => [position, value])));
}

/**
 * Chooses what stays of one group, the same whoever asks: by order, and by primary key where that is the same. An item that was seen
 * twice is one item. `undefined` if it has no copies.
 */
export function grouped(copies: readonly Copy[], keep: Keep): Grouped | undefined {
  const all = [...new Map(copies.map((copy) => [copy.key, copy])).values()];
  if (all.length < 2) return undefined;
  const keys = all.map(({ key }) => key);
  const skip = (reason: GroupSkip) => ({ skip: reason, keys });
  if (all.some(({ order }) => order === null)) return skip('BY_MISSING');
  if (all.some(({ order }) => order === '?')) return skip('BY_UNUSABLE');
  if (new Set(all.map(({ order }) => order?.[0])).size > 1) return skip('BY_MIXED');
  const keeper = all.reduce((best, copy) => (isPreferred(copy, best, keep) ? copy : best));
  return { keeper: keeper.key, losers: keys.filter((key) => key !== keeper.key) };
}

/** Whether the first of two copies with an order of the same type is the one that stays. */
export function isPreferred(a: Omit<Copy, 'group'>, b: Omit<Copy, 'group'>, keep: Keep): boolean {
  const order = compareOrders(a.order ?? '', b.order ?? '');
  if (order === 0) return a.key < b.key;
  return keep === 'oldest' ? order < 0 : order > 0;
}

/** Order of two values of one type, as {@link Copy} has them. */
export function compareOrders(a: string, b: string): number {
  return a[0] === 'N' ? compareNumbers(a.slice(1), b.slice(1)) : compareTexts(a, b);
}

/** What puts items in order: numbers and texts; nothing else has an order that anybody would expect. */
export function orderOf(value: WireValue | undefined): string | null {
  if (value === undefined) return null;
  if ('N' in value) return `N${value.N}`;
  return 'S' in value ? `S${value.S}` : '?';
}

function isLike(value: WireValue | undefined, wanted: Where[string]): boolean {
  if (value === undefined) return false;
  if (typeof wanted === 'object') return 'S' in value && value.S.startsWith(wanted.beginsWith);
  if (typeof wanted === 'boolean') return 'BOOL' in value && value.BOOL === wanted;
  if (typeof wanted === 'number') return 'N' in value && compareNumbers(value.N, String(wanted)) === 0;
  return 'S' in value && value.S === wanted;
}
