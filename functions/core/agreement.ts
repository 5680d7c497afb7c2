import type { Leaf } from './fingerprint.ts';
import type { PlaceId } from './place.ts';

/** One key's leaf in one replica; `undefined` where the key is absent. */
export interface HeldLeaf {
  readonly replica: PlaceId;
  readonly leaf: Leaf | undefined;
}

export interface Disagreement {
  readonly reference: HeldLeaf;
  /** Those that are not like the reference, in the order given. */
  readonly odd: readonly HeldLeaf[];
}

/**
 * Finds who disagrees on one key; nobody does if all *raw* or all *normalised* leaves are equal. Each way is taken as
 * a whole, so that `PRIMARY_REGION=us-east-1` everywhere (raw) and an ARN of the own region everywhere (normalised)
 * agree, and a mix of the two does not. The way that names fewer replicas is believed, raw before normalised.
 *
 * The reference is the primary if it is there; else the first of the largest group of equals, where of two groups of
 * one size the one that holds the key wins.
 */
export function disagreement(
  held: readonly HeldLeaf[],
  primary: PlaceId | undefined,
): Disagreement | undefined {
  const byRaw = compare(held, primary, 'raw');
  const byNormalised = compare(held, primary, 'normalised');
  if (byRaw === undefined || byNormalised === undefined) return undefined;
  return byNormalised.odd.length < byRaw.odd.length ? byNormalised : byRaw;
}

/** `undefined` if nobody is odd. */
function compare(
  held: readonly HeldLeaf[],
  primary: PlaceId | undefined,
  way: keyof Leaf,
): Disagreement | undefined {
  const isLike = (one: HeldLeaf, other: HeldLeaf) => one.leaf?.[way] === other.leaf?.[way];
  const sizes = new Map<string | undefined, number>();
  const sizeOf = ({ leaf }: HeldLeaf) => sizes.get(leaf?.[way]) ?? 0;
  for (const one of held) sizes.set(one.leaf?.[way], sizeOf(one) + 1);
  const weight = (one: HeldLeaf) => sizeOf(one) + (one.leaf ? 0.5 : 0);
  const most = Math.max(...held.map(weight));
  const reference =
    held.find(({ replica }) => replica === primary) ?? held.find((holder) => weight(holder) === most);
  const odd = reference ? held.filter((holder) => !isLike(holder, reference)) : [];
  return reference && odd.length > 0 ? { reference, odd } : undefined;
}
