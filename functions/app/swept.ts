import type { SweepStatus } from '../contract/overview.ts';
import type { Finding } from '../contract/report.ts';
import type { EpisodeRules } from '../core/episode.ts';
import type { Standing } from './standing.ts';

export type AlarmOn = EpisodeRules['alarmOn'];

/** What a sweep of all subjects of a kind comes to. */
export interface Swept {
  /** Of all subjects, those too that were not looked at this time. */
  readonly standings: readonly Standing[];
  /** Replicas that were to be read, and those that were. */
  readonly expected: number;
  readonly read: number;
  /** Why replicas could not be read, each replica and reason once; time that was up is none. */
  readonly unread: readonly Unread[];
  /** Replicas that could not be read: of all subjects, or where nothing could be read, of places. */
  readonly unreadReplicas: number;
  readonly unreadSubjects: readonly string[];
  /** Subjects that are left for the next sweep, since time was up, and with which one of the others it should begin. */
  readonly left: number;
  readonly from?: string | undefined;
  /** The same among what is critical. */
  readonly criticalFrom?: string | undefined;
  /** Whether time was up before all functions were found. */
  readonly isSlow: boolean;
  /** Of single subjects; the others are done. */
  readonly errors: readonly unknown[];
}

type Unread = SweepStatus['unread'][number];

/** Why replicas could not be read, of which findings say so. */
export function reasonsIn(findings: readonly Finding[]): Unread[] {
  return findings.flatMap((finding) =>
    finding.kind === 'unobservable' ? [{ replica: finding.replica, refusal: finding.refusal }] : [],
  );
}

/** Each once. */
export function distinct(unread: readonly Unread[]): Unread[] {
  return [...new Map(unread.map((each) => [JSON.stringify(each), each])).values()];
}

/** A message is tried again as a whole, so one reason is enough. */
export function failFirst({ errors }: { readonly errors: readonly unknown[] }): void {
  if (errors.length > 0) throw errors[0];
}
