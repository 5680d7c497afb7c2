/** Parts of a function that are compared key by key, each on its own. */
export const COMPARED_FACETS = ['env', 'code', 'settings'] as const;
export type ComparedFacet = (typeof COMPARED_FACETS)[number];

/** All parts of a replica; `traffic` is what an alias does with the invocations. */
export const FACETS = [...COMPARED_FACETS, 'traffic'] as const;
type Facet = (typeof FACETS)[number];

/** Why something could not be read; each code has one meaning, whatever AWS's own text was. */
export const REFUSAL_CODES = [
  'ACCESS_DENIED',
  'NO_CREDENTIALS',
  'CREDENTIALS_EXPIRED',
  'CREDENTIALS_REJECTED',
  'REGION_UNREACHABLE',
  'UNAVAILABLE',
  'KEY_UNUSABLE',
  'OTHER_ACCOUNT',
  'NO_BUILD_ID',
  'THROTTLED',
  'UNEXPECTED_ANSWER',
  'NOT_READ',
  'TOO_OLD',
  'OTHER_KEY',
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** Why one replica, or one facet of it, could not be read. Never holds AWS's own text, which may quote values. */
export interface Refusal {
  readonly code: RefusalCode;
  /** The call as IAM names it, such as `lambda:ListFunctions`. */
  readonly call?: string;
  /** The permission that AWS says is missing, such as `kms:Decrypt`. */
  readonly permission?: string;
}

interface Named {
  /** The replica: `region`, or `account/region` where the config names the account. */
  readonly replica: string;
  /** The part that it speaks of: one facet, or the replica as a whole. */
  readonly facet: Facet | 'replica';
  /** Names of the keys concerned, sorted. Never their values. Empty if the finding is not about keys. */
  readonly keys: readonly string[];
}

/** Keys of the replica are not like those of the `reference`, the replica that they were compared with. */
export interface Difference extends Named {
  readonly kind: 'missing' | 'extra' | 'different';
  readonly facet: ComparedFacet;
  readonly reference: string;
}

/**
 * The replica as a whole is `missing`, or `extra`: not expected there, or claimed by a second function, named in `keys`.
 * Or the alias that `keys` names is `missing`.
 */
export interface Presence extends Named {
  readonly kind: 'missing' | 'extra';
  readonly facet: 'replica' | 'traffic';
}

/** An update is under way, or the alias in `keys` splits its traffic (`unsettled`), or an update has failed. */
export interface Unsettled extends Named {
  readonly kind: 'unsettled' | 'failed';
  readonly facet: 'replica' | 'traffic';
}

interface Unobservable extends Named {
  readonly kind: 'unobservable';
  readonly refusal: Refusal;
}

/** The code is not the one that a deploy asked for; `keys` has the name of what tells it apart. */
export interface Unexpected extends Named {
  readonly kind: 'unexpected';
  readonly facet: 'code';
}

/** One named difference between the copies of a subject, or between them and what was asked for. */
export type Finding = Difference | Presence | Unsettled | Unobservable | Unexpected;

/**
 * - `agreed`: every expected replica was read, and all say the same.
 * - `converging`: replicas differ or are updating, and their deadline has not passed.
 * - `diverged`: replicas differ, and their deadline has passed.
 * - `unobservable`: nothing that was read differs, but something could not be read.
 */
export const VERDICTS = ['agreed', 'converging', 'diverged', 'unobservable'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** A verdict, with the findings that it rests on. */
export type Outcome =
  | { readonly verdict: 'agreed'; readonly findings: readonly [] }
  | {
      readonly verdict: 'converging' | 'diverged' | 'unobservable';
      readonly findings: readonly [Finding, ...Finding[]];
    };

/** One subject as `scan --json` prints it. */
export type ReportedSubject = { readonly subject: string } & Outcome;
