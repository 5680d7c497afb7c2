import { describe, expect, it } from 'vitest';
import { type AlarmDefinition, type AlarmSource, alarmsFor } from '../../functions/contract/alarms.ts';
import type { MetricName } from '../../functions/contract/metrics.ts';
import { evaluateAlarms, type Measurements } from '../../rehearsal/alarms.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 5, 9);
const DEFINITIONS = alarmsFor({ critical: true, tables: true });

/** Values of a metric by the minutes at which they came. */
const of = (metric: MetricName, values: Readonly<Record<number, number>>): Measurements => ({
  samples: Object.entries(values).map(([minute, value]) => ({
    at: START + Number(minute) * MINUTE,
    metric,
    value,
  })),
  counts: [],
});
const counted = (source: AlarmSource, values: Readonly<Record<number, number>>): Measurements => ({
  samples: [],
  counts: Object.entries(values).map(([minute, value]) => ({
    at: START + Number(minute) * MINUTE,
    source,
    value,
  })),
});
const both = (...all: readonly Measurements[]): Measurements => ({
  samples: all.flatMap(({ samples }) => samples),
  counts: all.flatMap(({ counts }) => counts),
});

/** One value every five minutes, from a minute until before another one. */
const steady = (value: number, from: number, until: number) => {
  const minutes = Array.from({ length: (until - from) / 5 }, (_, position) => from + 5 * position);
  return Object.fromEntries(minutes.map((minute) => [minute, value]));
};

/** What becomes of one alarm, in minutes: when it begins, ends, and is told of. */
function evaluated(alarm: string, measurements: Measurements, minutes: number) {
  const range = { from: START, until: START + minutes * MINUTE };
  const history = evaluateAlarms(DEFINITIONS, measurements, range).find(({ name }) => name === alarm);
  const minuteOf = (at: number | null) => at && (at - START) / MINUTE;
  return history?.times.map(({ from, until, toldAt }) => [from, until, toldAt].map(minuteOf));
}

interface Row {
  readonly reason: string;
  readonly alarm: string;
  readonly measured: Measurements;
  readonly minutes: number;
  readonly times: readonly (readonly (number | null)[])[];
}

const ROWS: readonly Row[] = [
  {
    reason: 'is evaluated each minute: the one after a bad point tells',
    alarm: 'drift',
    measured: of('ConfigDriftCount', { 2.5: 1, 7.5: 0 }),
    minutes: 20,
    times: [[3, 8, 3]],
  },
  {
    reason: 'takes the worst point of a period',
    alarm: 'drift',
    measured: of('ConfigDriftCount', { 5: 0, 6: 2, 7: 0, 11: 0, 16: 0 }),
    minutes: 20,
    times: [[7, 12, 7]],
  },
  {
    reason: 'counts a point at the full minute for what follows',
    alarm: 'drift',
    measured: of('ConfigDriftCount', { 5: 1 }),
    minutes: 5,
    times: [],
  },
  {
    reason: 'stays as it is while a gauge is silent',
    alarm: 'drift',
    measured: of('ConfigDriftCount', { 2: 1 }),
    minutes: 600,
    times: [[3, null, 3]],
  },
  {
    reason: 'does not begin while a gauge was never there',
    alarm: 'drift',
    measured: of('EpisodesOpen', { 2: 1 }),
    minutes: 60,
    times: [],
  },
  {
    reason: 'tells of each time that it begins',
    alarm: 'drift',
    measured: of('ConfigDriftCount', { 0: 1, 5: 0, 10: 0, 15: 1, 20: 0 }),
    minutes: 40,
    times: [
      [1, 6, 1],
      [16, 21, 16],
    ],
  },
  {
    reason: 'of critical subjects has periods of a minute',
    alarm: 'critical-stalled',
    measured: of('CriticalStalled', { 3: 1, 4: 0 }),
    minutes: 20,
    times: [[4, 5, 4]],
  },
  {
    reason: 'on twelve of twelve wants an hour of them',
    alarm: 'incomplete',
    measured: of('TelemetryCompleteness', steady(90, 2, 92)),
    minutes: 100,
    times: [[58, null, 58]],
  },
  {
    reason: 'on twelve of twelve begins anew after one that is good',
    alarm: 'incomplete',
    measured: of('TelemetryCompleteness', { ...steady(90, 2, 102), 47: 100 }),
    minutes: 107,
    times: [],
  },
  {
    reason: 'on twelve of twelve goes back by a period for one that is missing',
    alarm: 'incomplete',
    measured: of(
      'TelemetryCompleteness',
      Object.fromEntries(Object.entries(steady(90, 2, 72)).filter(([minute]) => minute !== '32')),
    ),
    minutes: 72,
    times: [[63, null, 63]],
  },
  {
    reason: 'on two of three is not about one failure',
    alarm: 'errors',
    measured: counted('failures', { 1: 5 }),
    minutes: 30,
    times: [],
  },
  {
    reason: 'on two of three sees the two with one between them that was well',
    alarm: 'errors',
    measured: counted('failures', { 1: 1, 12: 1 }),
    minutes: 40,
    times: [[13, 17, 13]],
  },
  {
    reason: 'on two of three forgets what is farther apart',
    alarm: 'errors',
    measured: counted('failures', { 1: 1, 22: 1 }),
    minutes: 40,
    times: [],
  },
  {
    reason: 'is told of letters that lie there until they are gone',
    alarm: 'dead-letters',
    measured: counted('dead-letters', { 3: 1, 62.5: 0 }),
    minutes: 90,
    times: [[4, 68, 4]],
  },
  {
    reason: 'of executions sees one that failed as long as no other point is near',
    alarm: 'failed-run',
    measured: counted('failed-executions', { 3: 1 }),
    minutes: 40,
    times: [[4, 19, 4]],
  },
  {
    reason: 'of the heartbeat rests while there is one',
    alarm: 'heartbeat',
    measured: of('SweepHeartbeat', steady(1, 0, 60)),
    minutes: 60,
    times: [],
  },
  {
    reason:
      'of the heartbeat begins once all periods that it looks at are without one, and ends with the next',
    alarm: 'heartbeat',
    measured: of('SweepHeartbeat', { ...steady(1, 0, 60), 100: 1 }),
    minutes: 110,
    times: [[81, 101, 81]],
  },
  {
    reason: 'of burn rates wants both windows: the long one has not seen enough',
    alarm: 'exposure-fast',
    measured: of('ExposureBurnRate', { ...steady(0, 0, 180), ...steady(10, 180, 240) }),
    minutes: 240,
    times: [],
  },
  {
    reason: 'of burn rates begins when the long window is over the rate too',
    alarm: 'exposure-fast',
    measured: of('ExposureBurnRate', { ...steady(0, 0, 180), ...steady(20, 180, 240) }),
    minutes: 240,
    times: [[216, null, 216]],
  },
  {
    reason: 'of burn rates ends with the short window, long before the long one',
    alarm: 'exposure-fast',
    measured: of('ExposureBurnRate', {
      ...steady(0, 0, 180),
      ...steady(20, 180, 240),
      ...steady(0, 240, 300),
    }),
    minutes: 300,
    times: [[216, 251, 216]],
  },
  {
    reason: 'of burn rates averages the points that there are',
    alarm: 'exposure-fast',
    measured: of('ExposureBurnRate', { 0: 20 }),
    minutes: 10,
    times: [[1, null, 1]],
  },
  {
    reason: 'that is a symptom is told of after a wait if its cause does not begin',
    alarm: 'stalled',
    measured: of('EpisodesStalled', steady(1, 0, 120)),
    minutes: 120,
    times: [[56, null, 66]],
  },
  {
    reason: 'that is a symptom is never told of if it ends while its cause may still begin',
    alarm: 'stalled',
    measured: of('EpisodesStalled', { ...steady(1, 0, 60), 60: 0 }),
    minutes: 120,
    times: [[56, 61, null]],
  },
  {
    reason: 'that is a symptom is not told of while its cause is on',
    alarm: 'stalled',
    measured: both(of('EpisodesStalled', steady(1, 0, 300)), of('ConfigDriftCount', steady(1, 0, 300))),
    minutes: 300,
    times: [[56, null, null]],
  },
  {
    reason: 'that is a symptom is not told of if its cause begins within the wait',
    alarm: 'stalled',
    measured: both(of('EpisodesStalled', steady(1, 0, 120)), of('ConfigDriftCount', { 0: 0, 60: 1 })),
    minutes: 120,
    times: [[56, null, null]],
  },
  {
    reason: 'that is a symptom is told of if it outlasts its cause',
    alarm: 'stalled',
    measured: both(
      of('EpisodesStalled', steady(1, 0, 180)),
      of('ConfigDriftCount', { ...steady(1, 0, 100), ...steady(0, 100, 180) }),
    ),
    minutes: 180,
    times: [[56, null, 111]],
  },
  {
    reason: 'that is a symptom is told of after the usual wait if its cause is long over',
    alarm: 'stalled',
    measured: both(
      of('EpisodesStalled', { ...steady(0, 0, 100), ...steady(1, 100, 200) }),
      of('ConfigDriftCount', { 0: 1, 5: 0 }),
    ),
    minutes: 200,
    times: [[156, null, 166]],
  },
  {
    reason: 'that waits longer for its symptom to end keeps silent for so long',
    alarm: 'exposure-slow',
    measured: of('ExposureBurnRate', { ...steady(20, 0, 30), ...steady(0, 30, 240) }),
    minutes: 240,
    times: [[1, 141, null]],
  },
  {
    reason: 'of consumers begins with the first that is late',
    alarm: 'stale-consumer',
    measured: of('SecretConsumersStale', { 2: 1, 7: 0 }),
    minutes: 20,
    times: [[3, 8, 3]],
  },
  {
    reason: 'of replicas of secrets begins with the first that is behind',
    alarm: 'stuck-replica',
    measured: of('SecretReplicasStale', { 2: 1, 7: 0 }),
    minutes: 20,
    times: [[3, 8, 3]],
  },
  {
    reason: 'of rotations begins with the first that failed',
    alarm: 'failed-rotation',
    measured: of('SecretRotationsFailed', { 2: 1, 7: 0 }),
    minutes: 20,
    times: [[3, 8, 3]],
  },
];

describe('an alarm', () => {
  it.each(ROWS)('$reason', ({ alarm, measured, minutes, times }) => {
    expect(evaluated(alarm, measured, minutes)).toEqual(times);
  });

  it.each(DEFINITIONS)('has a row: $name', ({ name }) => {
    expect(ROWS.map(({ alarm }) => alarm)).toContain(name);
  });
});

describe('evaluating', () => {
  it('knows of what was measured before, and of no state', () => {
    const definitions = DEFINITIONS.filter(({ name }) => name === 'heartbeat');
    const range = { from: START + 10 * MINUTE, until: START + 60 * MINUTE };
    const [heartbeat] = evaluateAlarms(definitions, of('SweepHeartbeat', { 0: 1 }), range);
    expect(heartbeat?.times).toEqual([
      { from: START + 26 * MINUTE, until: null, toldAt: START + 26 * MINUTE },
    ]);
  });

  it.each<{ reason: string; definitions: readonly AlarmDefinition[]; days: number }>([
    { reason: 'more than a month', definitions: [], days: 32 },
    {
      reason: 'a symptom without its cause',
      definitions: DEFINITIONS.filter(({ name }) => name === 'stalled'),
      days: 1,
    },
  ])('refuses $reason', ({ definitions, days }) => {
    const range = { from: START, until: START + days * 24 * 60 * MINUTE };
    expect(() => evaluateAlarms(definitions, both(), range)).toThrow(
      expect.objectContaining({ code: 'INVARIANT' }),
    );
  });
});
