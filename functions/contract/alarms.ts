import { CRITICAL_EVERY_MINUTES, type Severity, SWEEP_EVERY_MINUTES } from './deployment.ts';
import type { MetricName } from './metrics.ts';

/** One alarm that notifies. Its runbook is the section `alarm-<name>` of the README. */
export interface AlarmDefinition {
  readonly name: string;
  readonly severity: Severity;
  /** One sentence: what has happened. */
  readonly meaning: string;
  /** What must hold, all at once; several are alarms of their own, which notify nobody. */
  readonly conditions: readonly [Condition, ...Condition[]];
  /** What this one is a symptom of: it goes on and off as ever, and notifies nobody while its cause is on. */
  readonly silencedBy?: Cause;
}

/** The alarm that silences another one. */
interface Cause {
  readonly name: string;
  /** How long it may take a symptom to end after its cause has; one that lasts longer is told. */
  readonly minutesAfter: number;
}

/** What is wrong with one metric. */
export interface Condition {
  /** Tells it from the other conditions of its alarm. @default there are none */
  readonly name?: string;
  readonly measured: Measured;
  readonly periodMinutes: number;
  readonly isBad: { readonly above: number } | { readonly below: number };
  /** How many periods of the last ones must be bad. */
  readonly periods: { readonly bad: number; readonly of: number };
  /** What a period without a point is: bad, not bad, or a reason to leave the state as it is. */
  readonly missing: 'breaching' | 'notBreaching' | 'ignore';
}

/** A metric of ours, or what AWS itself says of what is deployed. */
export type Measured =
  | { readonly metric: MetricName; readonly statistic: 'Maximum' | 'Average' }
  | { readonly source: AlarmSource };

/**
 * `dead-letters`: messages that wait in the hub's three queues for them, at most; `failures`: calls of functions of ours that failed as a
 * whole; `failed-executions`: executions of runs over tables.
 */
export type AlarmSource = 'dead-letters' | 'failures' | 'failed-executions';

/** What an installation has beside functions and secrets. */
export interface Has {
  readonly critical: boolean;
  readonly tables: boolean;
}

/** Of how many days a budget of exposure is: a rate of 1 uses it up in just these. */
export const BUDGET_DAYS = 30;

/**
 * How many times faster than its targets allow the mixed state must be used up, over two windows at once: the longer one says that it
 * matters, the shorter one that it still goes on. What sweeps publish is such a rate already, so its average over a window is the
 * rate of that window.
 * @see https://sre.google/workbook/alerting-on-slos/ "Multiwindow, Multi-Burn-Rate Alerts"
 */
export const BURNS = {
  fast: { rate: 4, shortMinutes: 15, longMinutes: 3 * 60 },
  slow: { rate: 1, shortMinutes: 2 * 60, longMinutes: 24 * 60 },
} as const;

/** How long a symptom waits for its cause to begin: one sweep sees both, and their periods may end a sweep apart. */
export const CAUSE_WITHIN_MINUTES = 2 * SWEEP_EVERY_MINUTES;

/** Percentage of replicas that a sweep must read. */
export const COMPLETENESS_MIN = 99;

/*
 * What a missing point means:
 *   gauges        nothing: sweeps do not keep step with the clock, so a period can be without one. The state stays as it is,
 *                 and the heartbeat tells when sweeps have ended.
 *   AWS's counts  nothing happened: SQS, Lambda and Step Functions are silent when they rest.
 *   heartbeat     it is what is looked for.
 */

const ONCE = { bad: 1, of: 1 };
const FOR_AN_HOUR = { bad: 60 / SWEEP_EVERY_MINUTES, of: 60 / SWEEP_EVERY_MINUTES };

/** Every alarm of an installation without critical subjects and without tables. */
const ALARMS: readonly AlarmDefinition[] = [
  {
    name: 'exposure-fast',
    severity: 'page',
    meaning: `Replicas differ so much that the time in which they may is used up more than ${BURNS.fast.rate} times too fast.`,
    conditions: burning('fast'),
  },
  gauge(
    'stale-consumer',
    'page',
    'A consumer does not use the new version of a secret although its target has passed.',
    'SecretConsumersStale',
  ),
  gauge('drift', 'ticket', 'Replicas still differ although their deadline has passed.', 'ConfigDriftCount'),
  {
    name: 'stalled',
    severity: 'ticket',
    meaning: 'For an hour, replicas of a subject have not agreed although their deadline has passed.',
    conditions: [{ ...gaugeIsUp('EpisodesStalled'), periods: FOR_AN_HOUR }],
    silencedBy: { name: 'drift', minutesAfter: 2 * SWEEP_EVERY_MINUTES },
  },
  {
    name: 'exposure-slow',
    severity: 'ticket',
    meaning: 'Replicas differ longer than they may: the time for it will not last.',
    conditions: burning('slow'),
    silencedBy: { name: 'exposure-fast', minutesAfter: BURNS.slow.shortMinutes }, // in which what burned fast is averaged too
  },
  gauge(
    'stuck-replica',
    'ticket',
    'A replica of a secret is behind, missing or promoted although its target has passed.',
    'SecretReplicasStale',
  ),
  gauge(
    'failed-rotation',
    'ticket',
    'The rotation of a secret has failed, was abandoned or is overdue.',
    'SecretRotationsFailed',
  ),
  {
    name: 'incomplete',
    severity: 'ticket',
    meaning: `For an hour, sweeps have read less than ${COMPLETENESS_MIN} % of the replicas that they are to read.`,
    conditions: [
      {
        measured: { metric: 'TelemetryCompleteness', statistic: 'Maximum' },
        periodMinutes: SWEEP_EVERY_MINUTES,
        isBad: { below: COMPLETENESS_MIN },
        periods: FOR_AN_HOUR,
        missing: 'ignore',
      },
    ],
  },
  {
    name: 'heartbeat',
    severity: 'ticket',
    meaning: `No sweep has finished for ${3 * SWEEP_EVERY_MINUTES} minutes, so nothing else here can be trusted.`,
    conditions: [
      {
        measured: { metric: 'SweepHeartbeat', statistic: 'Maximum' },
        periodMinutes: SWEEP_EVERY_MINUTES,
        isBad: { below: 1 },
        periods: { bad: 3, of: 3 },
        missing: 'breaching',
      },
    ],
  },
  {
    name: 'dead-letters',
    severity: 'ticket',
    meaning: 'Messages could not be handled, or a function of ours failed that nobody waits for.',
    conditions: [
      {
        measured: { source: 'dead-letters' },
        periodMinutes: SWEEP_EVERY_MINUTES,
        isBad: { above: 0 },
        periods: ONCE,
        missing: 'notBreaching',
      },
    ],
  },
  {
    name: 'errors',
    severity: 'ticket',
    meaning: 'A function of ours fails again and again.',
    conditions: [
      {
        measured: { source: 'failures' },
        periodMinutes: SWEEP_EVERY_MINUTES,
        isBad: { above: 0 },
        periods: { bad: 2, of: 3 }, // a failure that the next try mends is none to tell somebody of
        missing: 'notBreaching',
      },
    ],
  },
];

/** What there is beside where the config has critical subjects. */
const CRITICAL_ALARMS: readonly AlarmDefinition[] = [
  {
    name: 'critical-stalled',
    severity: 'page',
    meaning: 'Replicas of a critical subject do not agree although their deadline has passed.',
    conditions: [gaugeIsUp('CriticalStalled', CRITICAL_EVERY_MINUTES)],
  },
];

/** What there is beside where the config has tables. */
const RUN_ALARMS: readonly AlarmDefinition[] = [
  {
    name: 'failed-run',
    severity: 'ticket',
    meaning: 'A run over a table cannot go on.',
    conditions: [
      {
        measured: { source: 'failed-executions' },
        periodMinutes: SWEEP_EVERY_MINUTES,
        isBad: { above: 0 },
        periods: ONCE,
        missing: 'notBreaching',
      },
    ],
  },
];

/** The alarms of an installation; one comes after that which silences it. */
export function alarmsFor(has: Has): readonly AlarmDefinition[] {
  return [...ALARMS, ...(has.critical ? CRITICAL_ALARMS : []), ...(has.tables ? RUN_ALARMS : [])];
}

function gauge(name: string, severity: Severity, meaning: string, metric: MetricName): AlarmDefinition {
  return { name, severity, meaning, conditions: [gaugeIsUp(metric)] };
}

function gaugeIsUp(metric: MetricName, periodMinutes = SWEEP_EVERY_MINUTES): Condition {
  return {
    measured: { metric, statistic: 'Maximum' },
    periodMinutes,
    isBad: { above: 0 },
    periods: ONCE,
    missing: 'ignore',
  };
}

function burning(speed: keyof typeof BURNS): AlarmDefinition['conditions'] {
  const { rate, shortMinutes, longMinutes } = BURNS[speed];
  const over = (minutes: number): Condition => ({
    name: `for-${minutes < 60 ? `${minutes}m` : `${minutes / 60}h`}`,
    measured: { metric: 'ExposureBurnRate', statistic: 'Average' },
    periodMinutes: minutes,
    isBad: { above: rate },
    periods: ONCE,
    missing: 'ignore',
  });
  return [over(shortMinutes), over(longMinutes)];
}
