import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { alarmsFor, BURNS, COMPLETENESS_MIN } from '../../functions/contract/alarms.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { DEPLOYED, PARTS } from '../../functions/contract/deployment.ts';
import { METRICS, NAMESPACE, RUN_METRICS } from '../../functions/contract/metrics.ts';
import { notifyingAlarms } from './notifying-alarms.ts';
import {
  HUB_ACCOUNT,
  ONE_ACCOUNT,
  resourcesOf,
  synthesize,
  textOf,
  WITH_CRITICAL,
  WITH_TABLES,
} from './synthesized.ts';

/** CloudWatch's bound for dashboards that cost nothing. */
const FREE_METRICS = 50;
const COLUMNS = 24;
const GRAPHS = 12;
const WAITING = 'ApproximateNumberOfMessagesVisible';
const QUEUED = ['verify-deploy', 'verify-rotation'];
const QUEUED_AND_SWEEP = [...QUEUED, 'sweep'];
/** Functions that work unasked, of an installation with tables. */
const WORKING = [...QUEUED_AND_SWEEP, 'notify', 'reconcile-worker'];

/** Namespace, name, dimension, its value, and how it is shown. */
const metricSchema = z.tuple([
  z.string(),
  z.string(),
  z.string(),
  z.string(),
  z.looseObject({ stat: z.optional(z.string()) }),
]);
type Metric = z.output<typeof metricSchema>;

const bodySchema = z.object({
  periodOverride: z.string(),
  widgets: z.array(
    z.object({
      type: z.string(),
      x: z.number(),
      y: z.number(),
      width: z.number(),
      height: z.number(),
      properties: z.looseObject({
        title: z.optional(z.string()),
        metrics: z.optional(z.array(metricSchema)),
        yAxis: z.optional(z.object({ left: z.object({ min: z.number(), max: z.optional(z.number()) }) })),
        query: z.optional(z.string()),
        annotations: z.optional(z.object({ horizontal: z.array(z.object({ value: z.number() })) })),
      }),
    }),
  ),
});

/** What CloudWatch is given to draw, with ids of resources instead of their ARNs. */
function bodyOf(template: Template) {
  const [dashboard, ...others] = resourcesOf(template, 'AWS::CloudWatch::Dashboard');
  expect(others).toEqual([]);
  const body = dashboard?.Properties.DashboardBody['Fn::Join'][1].map((part: unknown) =>
    typeof part === 'object' && part !== null && 'Fn::GetAtt' in part
      ? z.tuple([z.string(), z.string()]).parse(part['Fn::GetAtt'])[0]
      : textOf(part),
  );
  return bodySchema.parse(JSON.parse(body.join('')));
}

function monitoringOf(config: RecohereConfig): Template {
  const { recohere, templateOf } = synthesize(config);
  return templateOf(recohere.monitoring);
}

const critical = WITH_CRITICAL.functions ?? [];
const full = monitoringOf({ ...WITH_TABLES, functions: critical });
const { widgets, periodOverride } = bodyOf(full);
const metricsIn = (of: typeof widgets) => of.flatMap(({ properties }) => properties.metrics ?? []);
/** What a metric shows: its name, its statistic, and of AWS's the part or the queue that it is of. */
function shown([namespace, name, , of, { stat = 'Average' }]: Metric): string {
  return namespace === NAMESPACE ? `${name} ${stat}` : `${name} ${stat} ${of.replace(/^.*copies-/, '')}`;
}
const titled = (title: string) => widgets.find(({ properties }) => properties.title?.startsWith(title));

describe('the dashboard', () => {
  it('has three parts, from what everybody asks to what its developers do', () => {
    const headings = widgets.flatMap(({ properties: { markdown } }) =>
      typeof markdown === 'string' ? (/^# (.*)/.exec(markdown)?.[1] ?? []) : [],
    );
    expect(headings).toEqual(['At a glance', 'On call', 'Debug']);
  });

  it.each([
    ['one account', ONE_ACCOUNT],
    ['critical subjects, secrets and tables', { ...WITH_TABLES, functions: critical }],
  ])('of %s has no more metrics than are free', (_reason, config) => {
    const drawn = metricsIn(bodyOf(monitoringOf(config)).widgets).length;
    expect(drawn).toBeGreaterThan(30);
    expect(drawn).toBeLessThanOrEqual(FREE_METRICS);
  });

  it('draws those of ours that are published, by the dimension of the installation', () => {
    const own = metricsIn(widgets).filter(([namespace]) => namespace === NAMESPACE);
    for (const [, name, dimension, prefix] of own) {
      expect(Object.keys(METRICS)).toContain(name);
      expect([dimension, prefix]).toEqual(['service', 'copies']);
    }
    const drawn = new Set(own.map(([, name]) => name));
    const missing = Object.keys(METRICS).filter((name) => !drawn.has(name));
    expect(missing.toSorted()).toEqual([...RUN_METRICS, 'SweepHeartbeat'].toSorted()); // runs tell of themselves, an alarm of the heart
  });

  it('draws those of AWS for functions and queues of ours alone', () => {
    const names: readonly unknown[] = [
      ...PARTS.map((part) => DEPLOYED.part('copies', part)),
      ...(['verify-deploy', 'verify-rotation', 'hub'] as const).map((of) =>
        DEPLOYED.deadLetters('copies', of),
      ),
      `arn:aws:states:us-east-1:${HUB_ACCOUNT}:stateMachine:copies-runs`,
    ];
    const others = metricsIn(widgets).filter(([namespace]) => namespace !== NAMESPACE);
    expect(others.length).toBeGreaterThan(15);
    for (const [namespace, , , value] of others) {
      expect(['AWS/Lambda', 'AWS/SQS', 'AWS/States']).toContain(namespace);
      expect(names).toContain(value);
    }
  });

  it('shows the widget of ours first, and what it does not need it is not asked for', () => {
    const [first] = widgets.filter(({ type }) => type !== 'text');
    expect(first).toMatchObject({
      type: 'custom',
      properties: {
        endpoint: `arn:aws:lambda:us-east-1:${HUB_ACCOUNT}:function:copies-widget`,
        updateOn: { refresh: true, resize: true, timeRange: false },
      },
    });
  });

  it('shows the state of every alarm that notifies, and of no other', () => {
    const { alarms } = titled('Alarms')?.properties ?? {};
    expect(alarms).toHaveLength(notifyingAlarms(full).length);
  });

  it.each([
    [
      'As of the last sweep',
      [
        'EpisodesOpen Maximum',
        'EpisodesStalled Maximum',
        'CriticalStalled Maximum',
        'ConfigDriftCount Maximum',
        'SecretReplicasStale Maximum',
        'SecretConsumersStale Maximum',
        'UnobservableReplicas Maximum',
        'TelemetryCompleteness Maximum',
      ],
    ],
    [
      'Copies that do not agree',
      [
        'ConfigDriftCount Maximum',
        'EpisodesStalled Maximum',
        'CriticalStalled Maximum',
        'EpisodesOpen Maximum',
        'UnobservableReplicas Maximum',
      ],
    ],
    [
      'Secrets',
      ['SecretReplicasStale Maximum', 'SecretConsumersStale Maximum', 'SecretRotationsFailed Maximum'],
    ],
    ['How fast the time of mixed state is used up', ['ExposureBurnRate Average']],
    ['Replicas that sweeps read, in percent', ['TelemetryCompleteness Maximum']],
    [
      'Moves without an event, and how episodes went',
      ['LostEventCount Sum', 'PartialDeployCount Sum', 'RollbackCount Sum', 'FlapCount Sum'],
    ],
    [
      'How long it took, 95th percentile',
      ['TimeToDetect p95', 'ConvergenceTime p95', 'ExposureTime p95', 'SecretPropagationTime p95'],
    ],
    ['Errors', [...WORKING, 'reconcile', 'widget'].map((part) => `Errors Sum ${part}`)],
    ['Longest call', WORKING.map((part) => `Duration Maximum ${part}`)],
    ['Throttled calls', QUEUED.map((part) => `Throttles Sum ${part}`)],
    [
      'Messages that wait, and for how many seconds',
      [
        ...QUEUED.map((queue) => `${WAITING} Maximum ${queue}`),
        ...QUEUED.map((queue) => `ApproximateAgeOfOldestMessage Maximum ${queue}`),
      ],
    ],
    ['Dead letters', [...QUEUED, 'hub'].map((of) => `${WAITING} Maximum ${of}-dead-letters`)],
    ['Runs', ['ExecutionsStarted Sum runs', 'ExecutionsFailed Sum runs']],
  ])('draws under "%s" these metrics alone', (title, metrics) => {
    expect(titled(title)?.properties.metrics?.map(shown)).toEqual(metrics);
  });

  it.each([
    ['What was found', QUEUED_AND_SWEEP, 'ispresent(findings)'],
    ['What went wrong', [...WORKING, 'reconcile', 'widget'], 'level = "ERROR" or level = "WARN"'],
  ])('lists under "%s" what the functions concerned have logged', (title, parts, filter) => {
    const [, sources, lines] = /^(.*) \| (fields .*)$/s.exec(titled(title)?.properties.query ?? '') ?? [];
    expect(sources).toBe(parts.map((part) => `SOURCE '/aws/lambda/copies-${part}'`).join(' | '));
    expect(lines?.split('\n| ').slice(1)).toEqual([`filter ${filter}`, 'sort @timestamp desc', 'limit 50']);
  });

  it('shows points as far apart as they are, in whatever time: counts would add up, and rates be others', () => {
    expect(periodOverride).toBe('inherit');
  });

  it('begins at 0 everywhere, and ends at 100 where it is of percent', () => {
    const graphs = widgets.filter(({ type, properties }) => type === 'metric' && properties.yAxis);
    expect(graphs).toHaveLength(GRAPHS);
    for (const { properties } of graphs) {
      const isPercent = properties.title?.endsWith('in percent');
      expect(properties.yAxis?.left).toMatchObject(isPercent ? { min: 0, max: 100 } : { min: 0 });
      if (!isPercent) expect(properties.yAxis?.left).not.toHaveProperty('max');
    }
  });

  it.each([
    ['How fast', [BURNS.fast.rate, BURNS.slow.rate]],
    ['Replicas that sweeps read', [COMPLETENESS_MIN]],
  ])('marks under "%s…" where it alarms', (title, thresholds) => {
    const { annotations } = titled(title)?.properties ?? {};
    expect(annotations?.horizontal.map(({ value }) => value)).toEqual(thresholds);
  });

  it.each([
    ['names the section of the README of every alarm', undefined, '`README.md#alarm-NAME`'],
    [
      'links to it if it is said where the README is',
      'https://example.com/README.md',
      '[alarm-NAME](https://example.com/README.md#alarm-NAME)',
    ],
  ])('%s', (_reason, runbook, what) => {
    const { recohere, templateOf } = synthesize(WITH_CRITICAL, { runbook });
    const { widgets } = bodyOf(templateOf(recohere.monitoring));
    const text = widgets.map(({ properties }) => properties.markdown).join('\n');
    for (const { name } of alarmsFor({ critical: true, tables: false }))
      expect(text).toContain(` | ${what.replaceAll('NAME', name)}`);
  });

  it('has columns for what stands side by side', () => {
    for (const { x, width } of widgets) expect(x + width).toBeLessThanOrEqual(COLUMNS);
  });

  it('gives each kind of widget the height that it needs', () => {
    const heights: Record<string, number[]> = {};
    for (const { type, height } of widgets) heights[type] = [...new Set([...(heights[type] ?? []), height])];
    expect(heights).toEqual({ text: [2, 7], custom: [12], alarm: [4], metric: [4, 6], log: [6] });
  });

  it('draws nothing over something else', () => {
    const isApart = (from: number, size: number, other: number, otherSize: number) =>
      from + size <= other || other + otherSize <= from;
    const over = widgets.flatMap((a, position) =>
      widgets
        .slice(position + 1)
        .filter((b) => !isApart(a.x, a.width, b.x, b.width) && !isApart(a.y, a.height, b.y, b.height))
        .map((b) => [a.properties.title, b.properties.title]),
    );
    expect(over).toEqual([]);
  });
});
