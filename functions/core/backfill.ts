import { compareOrders, GROUP_CHARACTERS, orderOf } from './dedupe.ts';
import { attributeOf, contentHash, type KeyNames, keyOf, sha256, textOfItem, type WireItem } from './item.ts';

/** What is remembered of one item: of the source, as it is to be in the target; or of the target, as it is. */
export interface Side {
  /** Hash of its primary key in the target; {@link GROUP_CHARACTERS} of hex. */
  readonly group: string;
  /** Its primary key in the target, as text. */
  readonly target: string;
  /** The primary key of what it is made of, as text; `null` for an item of the target. */
  readonly source: string | null;
  /** What it says. */
  readonly content: string;
  /** What it has in the `version` attribute, as `orderOf` gives it; `null` too if the config names none. */
  readonly version: string | null;
}

/** Why a target item is left as it is although it is not what the source would make of it. */
export const BACKFILL_SKIPS = ['DIFFERENT', 'COLLISION', 'VERSION_UNUSABLE'] as const;
export type BackfillSkip = (typeof BACKFILL_SKIPS)[number];

/** What is to be done for one item of the target. */
export type Compared =
  | { readonly is: 'equal' | 'extra' | 'newer' }
  | { readonly is: 'missing' | 'older'; readonly source: string; readonly target: string }
  | { readonly skip: BackfillSkip; readonly keys: readonly string[] };

/** @param source The item that it was made of; not given for an item of the target. */
export function sideOf(
  item: WireItem,
  names: KeyNames,
  version: string | undefined,
  source: string | null = null,
): Side {
  const target = textOfItem(keyOf(item, names));
  return {
    group: sha256(target).slice(0, GROUP_CHARACTERS),
    target,
    source,
    content: contentHash(item),
    version: version === undefined ? null : orderOf(attributeOf(item, version)),
  };
}

/**
 * Compares what is known of one key of the target. Something of the source that was seen twice is one item.
 * @param hasVersion Whether the config names an attribute that says which of two items is newer.
 */
export function compared(sides: readonly Side[], hasVersion: boolean): Compared {
  const target = sides.find(({ source }) => source === null);
  const sources = sides.filter((side): side is Side & { readonly source: string } => side.source !== null);
  const [made] = sources;
  if (made === undefined) return { is: 'extra' };
  const keys = [...new Set(sources.map(({ source }) => source))];
  if (keys.length > 1) return { skip: 'COLLISION', keys };
  const { source, target: key } = made;
  if (target === undefined) return { is: 'missing', source, target: key };
  if (target.content === made.content) return { is: 'equal' };
  if (!hasVersion) return { skip: 'DIFFERENT', keys };
  if (!isOrdered(made.version, target.version)) return { skip: 'VERSION_UNUSABLE', keys };
  const order = compareOrders(made.version, target.version as string);
  if (order === 0) return { skip: 'DIFFERENT', keys };
  return order > 0 ? { is: 'older', source, target: key } : { is: 'newer' };
}

/** Whether two versions can be compared: both are there, and both are numbers or both are texts. */
export function isOrdered(a: string | null, b: string | null): a is string {
  return a !== null && b !== null && a !== '?' && a[0] === b[0];
}
