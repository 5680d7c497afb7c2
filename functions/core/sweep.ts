import { SECRETS_SWEEP_EVERY_MINUTES, SWEEP_EVERY_MINUTES } from '../contract/deployment.ts';
import type { SweepStatus } from '../contract/overview.ts';
import { fitting } from './fitting.ts';

/** What one sweep leaves for the next. Times are epoch milliseconds. */
export interface SweepMemory {
  /** 0 before the first write. */
  readonly version: number;
  /** When the round began in which all functions are looked at; a round may take several sweeps. */
  readonly roundAt?: number | undefined;
  /** Where the next sweep goes on; absent if the round is over. */
  readonly from?: string | undefined;
  /** The same among what is critical, if that took too long. */
  readonly criticalFrom?: string | undefined;
  /** Whether the last one had no time to find all functions: the next one takes as long as it may. */
  readonly isSlow?: boolean | undefined;
  /** When all secrets were last looked at. */
  readonly secretsAt?: number | undefined;
  /** What the last sweep came to that looked at more than what is critical. */
  readonly status?: SweepStatus | undefined;
}

/** What a sweep has to look at, beside what is critical. */
export interface Due {
  readonly functions: boolean;
  readonly secrets: boolean;
}

/** Schedules fire a little sooner or later than they say. */
const JITTER_MS = 30_000;
const ROUND_MS = SWEEP_EVERY_MINUTES * 60_000;
const SECRETS_MS = SECRETS_SWEEP_EVERY_MINUTES * 60_000;

/** What is due by now: a round that is not over goes on. Of a clock that has been put back, nothing is believed. */
export function dueAt({ roundAt, from, isSlow = false, secretsAt }: SweepMemory, now: number): Due {
  const isOver = (since: number | undefined, everyMs: number) =>
    since === undefined || since > now || now - since >= everyMs - JITTER_MS;
  const isUnderWay = from !== undefined || isSlow;
  return {
    functions: isUnderWay || isOver(roundAt, ROUND_MS),
    secrets: isOver(secretsAt, SECRETS_MS),
  };
}

/** Replicas that a status names, and characters of all names of subjects in it. */
const UNREAD_NAMED = 100;
const UNREAD_NAMED_CHARS = 100_000;

/** What is remembered of a sweep. */
export function sweptBy(
  { version, roundAt, from, secretsAt }: SweepMemory,
  due: Due,
  { from: next, criticalFrom, isSlow }: Pick<SweepMemory, 'from' | 'criticalFrom' | 'isSlow'>,
  status: Omit<SweepStatus, 'unreadSubjectsLeft'>,
): SweepMemory {
  const begins = from === undefined || roundAt === undefined;
  const since = due.secrets ? status.startedAt : secretsAt;
  return {
    version: version + 1,
    roundAt: begins ? status.startedAt : roundAt,
    ...(next !== undefined && { from: next }),
    ...(criticalFrom !== undefined && { criticalFrom }),
    ...(isSlow && { isSlow }),
    ...(since !== undefined && { secretsAt: since }),
    status: { ...status, unread: status.unread.slice(0, UNREAD_NAMED), ...named(status.unreadSubjects) },
  };
}

/** So many names as there is room for. */
function named(subjects: readonly string[]): Pick<SweepStatus, 'unreadSubjects' | 'unreadSubjectsLeft'> {
  const unreadSubjects = fitting(subjects, UNREAD_NAMED_CHARS, ({ length }) => length);
  return { unreadSubjects, unreadSubjectsLeft: subjects.length - unreadSubjects.length };
}
