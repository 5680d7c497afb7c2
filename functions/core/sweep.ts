import { SECRETS_SWEEP_EVERY_MINUTES, SWEEP_EVERY_MINUTES } from '../contract/deployment.ts';
import type { SweepStatus } from '../contract/overview.ts';

/** What one sweep leaves for the next. Times are epoch milliseconds. */
export interface SweepMemory {
  /** 0 before the first write. */
  readonly version: number;
  /** When the round began in which all functions are looked at; a round may take several sweeps. */
  readonly roundAt?: number | undefined;
  /** Where the next sweep goes on; absent if the round is over. */
  readonly from?: string | undefined;
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
export function dueAt({ roundAt, from, secretsAt }: SweepMemory, now: number): Due {
  const isOver = (since: number | undefined, everyMs: number) =>
    since === undefined || since > now || now - since >= everyMs - JITTER_MS;
  return {
    functions: from !== undefined || isOver(roundAt, ROUND_MS),
    secrets: isOver(secretsAt, SECRETS_MS),
  };
}

/** Replicas and subjects that a status names. */
const UNREAD_NAMED = 100;

/** What is remembered of a sweep. */
export function sweptBy(
  { version, roundAt, from, secretsAt }: SweepMemory,
  due: Due,
  { from: next, isSlow }: Pick<SweepMemory, 'from' | 'isSlow'>,
  status: SweepStatus,
): SweepMemory {
  const begins = from === undefined || roundAt === undefined;
  const since = due.secrets ? status.startedAt : secretsAt;
  return {
    version: version + 1,
    roundAt: begins ? status.startedAt : roundAt,
    ...(next !== undefined && { from: next }),
    ...(isSlow && { isSlow }),
    ...(since !== undefined && { secretsAt: since }),
    status: {
      ...status,
      unread: status.unread.slice(0, UNREAD_NAMED),
      unreadSubjects: status.unreadSubjects.slice(0, UNREAD_NAMED),
    },
  };
}
