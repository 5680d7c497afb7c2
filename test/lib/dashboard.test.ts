import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { DEPLOYED, PARTS } from '../../functions/contract/deployment.ts';
import { METRICS, NAMESPACE, RUN_METRICS } from '../../functions/contract/metrics.ts';
import { alarmsFor, BURNS } from '../../lib/alarms.ts';
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

const bodySchema = z.object({
  widgets: z.array(
    z.object({
      type: z.string(),
      x: z.number(),
      y: z.number(),
      width: z.number(),
      properties: z.looseObject({
        title: z.optional(z.string()),
        metrics: z.optional(z.array(z.array(z.unknown()))),
        annotations: z.optional(z.object({ horizontal: z.array(z.object({ value: z.number() })) })),
      }),
    }),
  ),
});

/** What CloudWatch is given to draw, with ids of resources instead of their ARNs. */
function widgetsOf(template: Template) {
  const [dashboard, ...others] = resourcesOf(template, 'AWS::CloudWatch::Dashboard');
  expect(others).toEqual([]);
  const body = dashboard?.Properties.DashboardBody['Fn::Join'][1].map((part: unknown) =>
    typeof part === 'object' && part !== null && 'Fn::GetAtt' in part
      ? z.tuple([z.string(), z.string()]).parse(part['Fn::GetAtt'])[0]
      : textOf(part),
  );
  return bodySchema.parse(JSON.parse(body.join(''))).widgets;
}

function monitoringOf(config: RecohereConfig): Template {
  const { recohere, templateOf } = synthesize(config);
  return templateOf(recohere.monitoring);
}

const critical = WITH_CRITICAL.functions ?? [];
const full = monitoringOf({ ...WITH_TABLES, functions: critical });
const widgets = widgetsOf(full);
const metricsIn = (of: typeof widgets) => of.flatMap(({ properties }) => properties.metrics ?? []);
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
    const drawn = metricsIn(widgetsOf(monitoringOf(config))).length;
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

  it('marks the rates at which exposure alarms', () => {
    const { annotations, metrics } = titled('How fast')?.properties ?? {};
    expect(annotations?.horizontal.map(({ value }) => value)).toEqual([BURNS.fast.rate, BURNS.slow.rate]);
    expect(metrics?.[0]?.at(-1)).not.toMatchObject({ stat: 'Maximum' });
  });

  it('names the section of the README of every alarm', () => {
    const text = widgets.map(({ properties }) => properties.markdown).join('\n');
    for (const { name } of alarmsFor({ critical: true, tables: true }))
      expect(text).toContain(`\`README.md#alarm-${name}\``);
  });

  it('has columns for what stands side by side', () => {
    for (const { x, width } of widgets) expect(x + width).toBeLessThanOrEqual(COLUMNS);
  });
});
