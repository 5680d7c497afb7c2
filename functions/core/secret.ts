import type { Refusal } from '../contract/report.ts';
import type { PlaceId } from './place.ts';

/** What Secrets Manager says of one replica of a secret. No value is in it. Times are epoch milliseconds. */
export interface SecretDescription {
  /** The version that is `AWSCURRENT`; `undefined` if the secret has no value yet. */
  readonly currentId: string | undefined;
  /** All versions that carry a label. Older ones exist too, without one. */
  readonly labelledIds: readonly string[];
  /** The region that it is replicated from, or its own; `undefined` if it was never replicated. */
  readonly primaryRegion: string | undefined;
  /** As the primary says it of its replicas; empty in a replica. */
  readonly replicas: readonly ReplicaStatus[];
  /** When anything of it last changed, its labels included. */
  readonly changedAt: number;
  readonly rotatedAt?: number | undefined;
  /** Set while it is rotated by a schedule: on or before that time it is to be rotated again. */
  readonly nextRotationAt?: number | undefined;
  /** Set if it is scheduled for deletion: it cannot be used any more. */
  readonly deletedAt?: number | undefined;
}

/** What the primary says of one of its replicas. */
export interface ReplicaStatus {
  readonly region: string;
  readonly status: 'InSync' | 'InProgress' | 'Failed';
}

/** What was read of one replica. `at` is when the read began, in epoch milliseconds. */
export type SecretObservation =
  | { readonly state: 'present'; readonly at: number; readonly description: SecretDescription }
  | { readonly state: 'absent'; readonly at: number }
  | { readonly state: 'unobservable'; readonly at: number; readonly refusal: Refusal };

/** Which version a consumer has said that it uses. */
export interface Load {
  readonly replica: PlaceId;
  readonly consumer: string;
  /** The id of the process that loaded it; `undefined` for a probe. */
  readonly process?: string | undefined;
  /** When it was loaded, in epoch milliseconds, by the clock of the process; or, by ours, when a probe was asked. */
  readonly at: number;
  /** The version, or why a probe told none. */
  readonly used: { readonly versionId: string; readonly isKnown: boolean } | { readonly refusal: Refusal };
}

/** How AWS says that a rotation has ended. */
export interface RotationEnd {
  readonly event: 'RotationSucceeded' | 'RotationFailed' | 'RotationAbandoned';
  readonly at: number;
}

/** The same, and which version was current on the primary when it was told: with another one, it is over. */
export interface KnownEnd extends RotationEnd {
  readonly versionId?: string | undefined;
}

/** What is remembered of a secret beside its episodes, since no later look can tell it. */
export interface SecretMemory {
  /** Since when each replica has been seen with the version that it now has. */
  readonly held: Readonly<Record<PlaceId, { readonly versionId: string; readonly since: number }>>;
  /** What consumers said last: one for each process and probe. */
  readonly loads: readonly Load[];
  /** The last rotation that ended. */
  readonly ended?: KnownEnd | undefined;
  /** Replicas that the last look could not read; absent if it read all. */
  readonly unread?: number | undefined;
}
