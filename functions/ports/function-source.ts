import type { Refusal } from '../core/errors.ts';
import type { Place } from '../core/place.ts';
import type { Sealed } from '../core/sealed.ts';

/** What Lambda says of one version of a function. Fields are named as Lambda names them. */
export interface FunctionDescription {
  readonly name: string;
  readonly account: string;
  /** `$LATEST` or a number. */
  readonly version: string;
  readonly revisionId: string;
  /** Epoch milliseconds. */
  readonly lastModified: number;
  /** Environment variables; no variables and no environment at all are the same. A refusal if it cannot be decrypted. */
  readonly environment: Sealed<ReadonlyMap<string, string>> | Refusal;
  readonly codeSha256: string;
  /** Settings that can be compared, as texts; one that does not apply is not there. */
  readonly settings: ReadonlyMap<string, string>;
  /** Whether Lambda has finished the last update. Lists of functions do not say. */
  readonly progress: 'settled' | 'unsettled' | 'failed' | undefined;
}

export interface FunctionPage {
  /** At most {@link PAGE_SIZE}. */
  readonly functions: readonly FunctionDescription[];
  readonly next?: string | undefined;
}

/** Most functions that Lambda lists in one call. */
export const PAGE_SIZE = 50;

export interface Alias {
  readonly version: string;
  /** Whether a second version has a share of the traffic. */
  readonly weighted: boolean;
}

/** `values` empty: the tag must be there, with any value. */
export interface TagFilter {
  readonly key: string;
  readonly values: readonly string[];
}

export interface TaggedPage {
  readonly functions: readonly { readonly name: string; readonly tags: ReadonlyMap<string, string> }[];
  readonly next?: string | undefined;
}

/**
 * Reads functions, changes nothing. Every other method is one call of a control plane, so that calls can be counted and
 * paced by the caller.
 * @throws RefusedError from every method, if AWS or the way to it refuses
 */
export interface FunctionSource {
  /** The account of the caller's own credentials, the same in all places. Asked for once, however often it is called. */
  ownAccount(place: Place): Promise<string>;
  /** One page of all functions of a place, as `$LATEST`, sorted in no particular way. */
  list(place: Place, from?: string): Promise<FunctionPage>;
  /** One version of one function, `$LATEST` unless named; `undefined` if it does not exist. */
  read(place: Place, name: string, version?: string): Promise<FunctionDescription | undefined>;
  /** `undefined` if the function has no such alias, or does not exist. */
  alias(place: Place, name: string, alias: string): Promise<Alias | undefined>;
  /** One page of the functions that carry all these tags, with all their tags. */
  tagged(place: Place, filters: readonly TagFilter[], from?: string): Promise<TaggedPage>;
}
