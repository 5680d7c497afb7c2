/** Parts of a function that are compared key by key, each on its own. */
export const COMPARED_FACETS = ['env', 'code', 'settings'] as const;
export type ComparedFacet = (typeof COMPARED_FACETS)[number];

/**
 * Parts of a secret: the version that is `AWSCURRENT` in a replica, the version that a consumer uses there, and the rotation that
 * makes new versions.
 */
export const SECRET_FACETS = ['version', 'consumer', 'rotation'] as const;

/** All parts of a replica; `traffic` is what an alias does with the invocations. */
export const FACETS = [...COMPARED_FACETS, 'traffic', ...SECRET_FACETS] as const;
export type Facet = (typeof FACETS)[number];

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
  'PROBE_FAILED',
  'PROBE_MISSING',
  'PROBE_SILENT',
  'PROBE_UNREADABLE',
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
 * Or the alias that `keys` names is `missing`. A secret that is scheduled for deletion is missing, with the key `DeletedDate`.
 */
export interface Presence extends Named {
  readonly kind: 'missing' | 'extra';
  readonly facet: 'replica' | 'traffic';
}

/**
 * What is wrong with a replica of a secret:
 * - `unsettled`: its replication is under way, and not for longer than expected.
 * - `stale`: it holds another version than the primary although AWS calls it in sync, or its replication takes too long: `keys` has
 *   AWS's word for its status, `InSync` or `InProgress`.
 * - `failed`: AWS says that its replication failed.
 * - `missing`: no version is `AWSCURRENT`.
 * - `standalone`: it was promoted, and is nobody's replica any more.
 */
export interface Behind extends Named {
  readonly kind: 'unsettled' | 'stale' | 'failed' | 'missing' | 'standalone';
  readonly facet: 'version';
}

/**
 * What is wrong with a consumer of a secret, which `keys` names:
 * - `unsettled`: nothing says yet that it uses the version of its replica, and it may still keep another one.
 * - `stale`: a process of it has said that it uses another one.
 * - `unexpected`: it says that it uses a version that the secret never had.
 * - `failed`: its probe failed; `refusal` says how.
 */
export interface Consumption extends Named {
  readonly kind: 'unsettled' | 'stale' | 'unexpected' | 'failed';
  readonly facet: 'consumer';
  readonly refusal?: Refusal;
}

/** The last rotation failed or was abandoned, or the next one is overdue: `keys` has what says so. */
interface RotationFailure extends Named {
  readonly kind: 'failed';
  readonly facet: 'rotation';
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
export type Finding =
  | Difference
  | Presence
  | Unsettled
  | Unobservable
  | Unexpected
  | Behind
  | Consumption
  | RotationFailure;

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

/**
 * What it rests on that a hop is done: `described` by AWS itself in that region; or, of a consumer,
 * - `reported`: its own process announced the version that it loaded.
 * - `probed`: a probe function could use it; a sample, not the processes that are warm.
 * - `bounded`: the replica has it, and since then no cache can have kept another one.
 */
export const EVIDENCE = ['described', 'reported', 'probed', 'bounded'] as const;
export type Evidence = (typeof EVIDENCE)[number];

/** `unwatched`: of a secret whose config names no consumers, nothing is said of the third hop. */
export const HOP_STATES = [
  'agreed',
  'converging',
  'stuck',
  'missing',
  'failed',
  'unobservable',
  'unwatched',
] as const;
export type HopState = (typeof HOP_STATES)[number];

/**
 * One step of a rotation: 1 the primary has the version as `AWSCURRENT`, 2 a replica has, 3 a consumer at a replica uses it.
 */
export interface Hop {
  readonly hop: 1 | 2 | 3;
  readonly replica: string;
  /** Of the third hop. */
  readonly consumer?: string;
  readonly state: HopState;
  /** `null` while it is not done. */
  readonly evidence: Evidence | null;
  /** When it was done, in epoch milliseconds, at the latest; `null` while it is not. */
  readonly at: number | null;
}
