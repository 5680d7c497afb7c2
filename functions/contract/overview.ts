import type { Evidence, Finding, Refusal, Verdict } from './report.ts';

/** What is known of an installation, as `recohere status --json` prints it and pictures draw it. Times are epoch milliseconds. */
export interface Overview {
  readonly at: number;
  /** Version of the release that said so. */
  readonly release: string;
  readonly prefix: string;
  /** All replicas, in the config's order: the columns. */
  readonly replicas: readonly string[];
  /** What is watched, by name; functions before secrets. */
  readonly subjects: readonly SubjectStatus[];
  /** Those that are open and those that ended within {@link LEVELS_DAYS}, the newest first; of one subject 300 at most. */
  readonly episodes: readonly EpisodeStatus[];
  /** Whether there are so many subjects that of each only the last episode is here: too little for service levels. */
  readonly isBrief: boolean;
  /** The newest first; none if the config has no tables. */
  readonly runs: readonly RunProgress[];
  /** What the sweep last said; `null` before the first. */
  readonly sweep: SweepStatus | null;
}

/** Of how many days service levels speak, and so how long episodes are shown. */
export const LEVELS_DAYS = 28;

/** A part of an overview: `next` is where the next one begins. */
export interface OverviewPage extends Overview {
  readonly next?: string;
}

/** The kinds of subjects that have states. */
type SubjectKind = 'function' | 'secret';

export interface SubjectStatus {
  readonly subject: string;
  readonly kind: SubjectKind;
  readonly verdict: Verdict;
  readonly critical: boolean;
  readonly mode: 'alert' | 'learn';
  /** Why nothing of it alarms, and until when; `null` if it does. */
  readonly silence: Silence | null;
  /** Where it is: those of `replicas` in which it is expected or known. */
  readonly replicas: readonly string[];
  /** Since when replicas have not agreed; `null` if they do. */
  readonly openSince: number | null;
  /** Why it does not agree, from the first on as far as there is room. */
  readonly findings: readonly Finding[];
  /** How many findings are left out. */
  readonly findingsLeft: number;
  /** When a look last saw something new; `null` if none did. */
  readonly seenAt: number | null;
  /** All requests by hand that were made until then have been looked at; `null` if there was none. */
  readonly answeredUntil: number | null;
  readonly targets: Targets;
}

/** What is promised of a subject. */
export interface Targets {
  readonly convergenceMs: number;
  /** Above 0, up to 100. */
  readonly exposurePercent: number;
}

/** Somebody has said that nothing of a subject shall alarm for a while. */
interface Silence {
  readonly until: number;
  readonly reason: string;
}

/** How an episode ended; `open` if it did not yet. */
type EpisodeOutcome = 'open' | 'forward' | 'rolled-back' | 'superseded' | 'retired';

export interface EpisodeStatus {
  readonly id: string;
  readonly subject: string;
  readonly kind: SubjectKind;
  readonly outcome: EpisodeOutcome;
  /** When its first change was, or when it was first seen; and who told, of a deploy if somebody named one. */
  readonly cause: { readonly id: string; readonly source: string; readonly at: number };
  readonly firstSeenAt: number;
  /** `null` while it is open. */
  readonly endedAt: number | null;
  readonly isOverdue: boolean;
  /** When each replica came to what it had at the end, as far as it moved: at the latest, as far apart as looks are. */
  readonly reached: readonly { readonly replica: string; readonly at: number }[];
  /** From the last joined change to agreement; `null` while it is open. */
  readonly convergenceMs: number | null;
  /** How far apart the last two looks were; `null` while it is open. */
  readonly resolutionMs: number | null;
  /** Of a secret. */
  readonly evidence: Evidence | 'unwatched' | null;
  readonly findings: readonly Finding[];
}

/** One run over a table. */
export interface RunProgress {
  readonly id: string;
  readonly kind: string;
  readonly mode: string;
  readonly state: string;
  readonly table: string;
  readonly progress: { readonly done: number; readonly of: number };
  readonly startedAt: number;
  readonly durationMs: number;
  readonly costUsd: number;
  /** `duplicates 199, removed 199`; only what is not 0. */
  readonly counts: Readonly<Record<string, number>>;
}

/** What sweeps have seen. */
export interface SweepStatus {
  /** When the last one began that came to its end. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Replicas that it was to read, and those that it read. */
  readonly expected: number;
  readonly read: number;
  /** Subjects that are left for the next one, since time was up. */
  readonly left: number;
  /** Replicas that could not be read, each once. */
  readonly unread: readonly {
    readonly replica: string;
    readonly refusal: Refusal;
    /** Whether it is said of all subjects of this replica. */
    readonly isWhole?: boolean;
  }[];
  /** Subjects that could not be read in all their replicas, from the first on as far as there is room. */
  readonly unreadSubjects: readonly string[];
  /** How many of them are not named. */
  readonly unreadSubjectsLeft: number;
}
