import { hash } from 'node:crypto';
import type { ComparedFacet } from '../contract/report.ts';
import { invariant } from './errors.ts';
import { Sealed } from './sealed.ts';

/** Format of leaves and roots. A new one is never compared with an old one. */
const FORMAT = 'v1';

/** Bytes that are kept of each HMAC-SHA-256, as two hex digits a byte. */
const KEPT_BYTES = 16;

/** Hex digits: enough to tell the rules of today from those of before. */
const RULES_ID_LENGTH = 8;

/** The block of SHA-256, which the key of HMAC is padded to. */
const BLOCK_BYTES = 64;

/** The installation key. A plain hash of a short value could be guessed; a keyed one cannot. */
export interface FingerprintKey {
  readonly id: string;
  readonly pads: Sealed<Pads>;
  /** What is hashed already, where that is remembered. */
  readonly known?: Sealed<Known>;
}

/** What many replicas have alike, so that it is hashed, and kept, once. */
interface Known {
  /** By the texts that were hashed: values among them. */
  readonly hashes: Map<string, string>;
  /** By roots: the facet is hashed into them. */
  readonly facets: Map<string, FacetFingerprint>;
}

/** Hashes that a key remembers at most: some tens of megabytes. */
const HASHES_KNOWN_MAX = 20_000;

/** The key as HMAC puts it before its inner and outer text: the inner one in UTF-16 units, the outer one in bytes. */
interface Pads {
  readonly inner: string;
  readonly outer: string;
}

/** @param secret 32 to 64 bytes; shorter keys weaken the hash, longer ones add nothing to it. */
export function fingerprintKey(id: string, secret: Uint8Array): FingerprintKey {
  invariant(secret.length >= 32 && secret.length <= BLOCK_BYTES, 'a fingerprint key has 32 to 64 bytes');
  const padded = (byte: number) => {
    const block = Buffer.alloc(BLOCK_BYTES, byte);
    secret.forEach((own, position) => {
      block[position] = own ^ byte;
    });
    return block;
  };
  const inner = padded(0x36).toString('utf16le');
  const outer = padded(0x5c).toString('latin1');
  return { id, pads: new Sealed({ inner, outer }) };
}

/** The same key, which remembers what it hashes. It knows values, so it must be forgotten with the look that it is made for. */
export function rememberingKey({ id, pads }: FingerprintKey): FingerprintKey {
  return { id, pads, known: new Sealed({ hashes: new Map(), facets: new Map() }) };
}

/** The region and account that a replica's own values may name. */
export interface Home {
  readonly region: string;
  readonly account: string;
}

/** A keyed hash, of the value as it stands and of the value with its own region and account taken out. */
export interface Leaf {
  readonly raw: string;
  readonly normalised: string;
}

/** The fingerprint of one facet: what is kept of it once its values are forgotten. */
export interface FacetFingerprint {
  /** `v1.<keyId>`. Fingerprints of unequal prefixes say nothing about each other. */
  readonly prefix: string;
  readonly leaves: ReadonlyMap<string, Leaf>;
  readonly root: Leaf;
}

/**
 * The text that is hashed for a list of texts: `<length>:<text>` of each, one after the other.
 * Lengths count UTF-16 units, and {@link keyedHash} takes the units as they are, so that no two lists, not even
 * with lone surrogates (which UTF-8 would all turn into U+FFFD), give equal bytes.
 */
export function canonical(texts: readonly string[]): string {
  let joined = '';
  for (const text of texts) joined += `${text.length}:${text}`;
  return joined;
}

/**
 * HMAC-SHA-256, written out: `createHmac` makes a stream for each call, which takes longer than the hash itself, and a
 * full environment has about seventy.
 * @see https://www.rfc-editor.org/rfc/rfc2104#section-2
 */
function keyedHash(key: FingerprintKey, texts: readonly string[]): string {
  const text = canonical(texts);
  const hashes = key.known?.reveal().hashes;
  const known = hashes?.get(text);
  if (known !== undefined) return known;
  const { inner, outer } = key.pads.reveal();
  const innerHash = hash('sha256', Buffer.from(inner + text, 'utf16le'), 'binary');
  const kept = hash('sha256', Buffer.from(outer + innerHash, 'latin1'), 'hex').slice(0, 2 * KEPT_BYTES);
  if (hashes !== undefined && hashes.size < HASHES_KNOWN_MAX) hashes.set(text, kept);
  return kept;
}

/**
 * The pieces of a value: `=` before literal text, `{region}` and `{account}` for the replica's own.
 * The mark before literals keeps a value that spells `{region}` itself apart from one that names its region.
 */
export function normalise(value: string, home: Home): string[] {
  const pieces: string[] = [];
  value.split(home.region).forEach((part, afterRegion) => {
    if (afterRegion > 0) pieces.push('{region}');
    part.split(home.account).forEach((literal, afterAccount) => {
      if (afterAccount > 0) pieces.push('{account}');
      pieces.push(`=${literal}`);
    });
  });
  return pieces;
}

function leafOf(key: FingerprintKey, facet: ComparedFacet, name: string, value: string, home: Home): Leaf {
  const raw = keyedHash(key, [facet, name, `=${value}`]);
  const namesHome = value.includes(home.region) || value.includes(home.account);
  return { raw, normalised: namesHome ? keyedHash(key, [facet, name, ...normalise(value, home)]) : raw };
}

/** Tells by which rules something was fingerprinted. What is told by other rules is no movement. */
export function rulesId(rules: readonly string[]): string {
  return hash('sha256', canonical(rules), 'hex').slice(0, RULES_ID_LENGTH);
}

/**
 * Fingerprints one facet. The order of the keys does not matter; different maps never have equal bytes.
 * @param home The replica's own region and account; neither is empty.
 */
export function fingerprint(
  key: FingerprintKey,
  facet: ComparedFacet,
  values: ReadonlyMap<string, string>,
  home: Home,
): FacetFingerprint {
  invariant(home.region && home.account, 'a replica has a region and an account');
  const leaves = new Map<string, Leaf>();
  const raw: string[] = [facet];
  const normalised: string[] = [facet];
  for (const [name, value] of [...values].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const leaf = leafOf(key, facet, name, value, home);
    leaves.set(name, leaf);
    raw.push(name, leaf.raw);
    normalised.push(name, leaf.normalised);
  }
  const root = { raw: keyedHash(key, raw), normalised: keyedHash(key, normalised) };
  const facets = key.known?.reveal().facets;
  const id = `${root.raw} ${root.normalised}`;
  const made = facets?.get(id) ?? { prefix: `${FORMAT}.${key.id}`, leaves, root };
  facets?.set(id, made);
  return made;
}
