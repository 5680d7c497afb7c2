import { alarmOf } from '../core/alarming.ts';
import type { SubjectState } from '../core/episode.ts';
import { lateOf } from './past-target.ts';
import { alarmOnAt, type Watched } from './watched.ts';

/** How one subject stands at a moment, as far as gauges go by it; its findings are not kept. */
export interface Standing {
  readonly critical: boolean;
  /** Whether anything of it may alarm: it is not only learnt, and not silenced. */
  readonly isAlerting: boolean;
  readonly isOpen: boolean;
  /** Whether what is open alarms, or will once its deadline has passed. */
  readonly isAlarming: boolean;
  readonly isOverdue: boolean;
  /** Whether it alarms, its deadline has passed, and no notice has named it, or no pause was asked for where it is critical. */
  readonly isUntold: boolean;
  /** Replicas that alarm, once the deadline has passed. */
  readonly driftedReplicas: number;
  /** Of a secret: the same, of replicas and of consumers. */
  readonly staleReplicas: number;
  readonly staleConsumers: number;
  /** Of a secret: at once. */
  readonly hasFailedRotation: boolean;
  readonly exposurePercent: number;
  /** Whether its last look was in the future, by a clock that has been put back since: until then, nothing new is believed. */
  readonly isAhead: boolean;
}

export function standingOf(state: SubjectState, watched: Watched | undefined, now: number): Standing {
  const alarmOn = alarmOnAt(watched, state, now);
  const { open: episode } = state;
  const findings = episode?.findings ?? [];
  const alarm = alarmOf(findings, alarmOn);
  const isOverdue = episode?.isOverdue ?? false;
  const critical = watched?.critical ?? false;
  const isTold = episode?.noticedAt !== undefined && (!critical || episode.pausedAt !== undefined);
  return {
    critical,
    isAlerting: alarmOn !== undefined,
    isOpen: episode !== undefined,
    isAlarming: alarm.isStalled,
    isOverdue,
    isUntold: alarm.isStalled && isOverdue && !isTold,
    driftedReplicas: isOverdue ? alarm.driftedReplicas : 0,
    ...lateOf({ findings, isOverdue }, alarmOn),
    hasFailedRotation: alarmOn !== undefined && findings.some(({ facet }) => facet === 'rotation'),
    exposurePercent: watched?.targets.exposurePercent ?? 100,
    isAhead: Math.max(state.agreed?.at ?? 0, episode?.lastSeenAt ?? 0) > now + CLOCKS_APART_MS,
  };
}

/** How far clocks of two functions may be apart without a word. */
const CLOCKS_APART_MS = 60_000;
