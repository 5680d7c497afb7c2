import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  CRITICAL_EVERY_MINUTES,
  SECRETS_SWEEP_EVERY_MINUTES,
  SWEEP_EVERY_MINUTES,
} from '../../functions/contract/deployment.ts';
import { CRITICAL_GAUGES, METRIC_NAMES, RUN_METRICS } from '../../functions/contract/metrics.ts';
import {
  assumedMonth,
  assumedTemplates,
  costText,
  hourOfDashboard,
  LIMIT_USD,
  monthlyCost,
  totalUsd,
  usdOf,
  withCritical,
} from './monthly-cost.ts';
import { PRICES } from './prices.ts';
import {
  ASSUMED,
  type CfnTemplate,
  type CostLine,
  eventsPerRotation,
  MONTH_DAYS,
  RESOURCES,
} from './resource-costs.ts';

const SERIES_MAX = 25;

const templates = assumedTemplates();
const [hub, monitoring] = templates;
const month = await assumedMonth(templates);
const { sweep, rotation, series } = month;
const cost = (of: readonly CfnTemplate[] = templates) => monthlyCost(of, month);
const tabled = assumedTemplates({ table: true });
const critical = assumedTemplates({ critical: true });
const quantityOf = (what: string) => cost().find((line) => line.what === what)?.quantity;

/** The templates with one resource more, or with another in its place. */
function withResource(
  id: string,
  Type: string,
  Properties: unknown,
  of: readonly CfnTemplate[] = templates,
): readonly CfnTemplate[] {
  return of.map((template) =>
    template === of[0] ? { Resources: { ...template.Resources, [id]: { Type, Properties } } } : template,
  );
}

/** The id and the properties of the first resource of a type in the hub, in which a text stands. */
function firstOf(type: string, text = '') {
  const [[id, resource] = ['', undefined]] = Object.entries(hub?.Resources ?? {}).filter(
    ([, { Type, Properties }]) => Type === type && JSON.stringify(Properties).includes(text),
  );
  return { id, properties: z.record(z.string(), z.unknown()).parse(resource?.Properties) };
}

describe('the cost proof', () => {
  it(`stays below ${LIMIT_USD} USD a month at list prices`, async () => {
    process.stdout.write(await costText());
    expect(totalUsd(cost())).toBeLessThan(LIMIT_USD);
  });

  it('counts a template of the hub, one of its alarms, and one of each region', () => {
    expect(templates).toHaveLength(2 + ASSUMED.regions.length);
    expect(Object.values(monitoring?.Resources ?? {}).map(({ Type }) => Type)).toContain(
      'AWS::CloudWatch::Dashboard',
    );
  });

  it('has a price for what is in the templates, and for nothing else', () => {
    const types = withResource('Window', 'AWS::CloudWatch::AlarmMuteRule', {}, tabled).flatMap(
      ({ Resources }) => Object.values(Resources).map(({ Type }) => Type),
    );
    expect([...new Set(types)].toSorted()).toEqual(Object.keys(RESOURCES).toSorted());
    const used = new Set([...cost(), ...hourOfDashboard(templates, month)].map(({ price }) => price));
    expect([...used].toSorted()).toEqual(Object.keys(PRICES).toSorted());
  });

  it('counts every series that can come into being, one for each metric', () => {
    expect(series.size).toBe(METRIC_NAMES.length - RUN_METRICS.length - CRITICAL_GAUGES.length);
    expect(METRIC_NAMES.length).toBeLessThanOrEqual(SERIES_MAX);
  });

  it('costs no more with tables than their alarm, while nothing runs', () => {
    expect(totalUsd(cost(tabled))).toBeLessThan(LIMIT_USD);
    expect(totalUsd(cost(tabled)) - totalUsd(cost())).toBeCloseTo(PRICES.alarm.usd, 2);
    expect(cost().map(({ what }) => what)).not.toContain('Lambda: `reconcile`');
  });

  it('counts critical functions: a series, an alarm, and a sweep every minute, most of which read little', async () => {
    const month10 = await withCritical(month);
    const lines = monthlyCost(critical, month10);
    expect(totalUsd(lines)).toBeGreaterThan(totalUsd(cost()) + PRICES.series.usd + PRICES.alarm.usd);
    const calls = (of: readonly CostLine[]) =>
      of.find(({ what }) => what === 'EventBridge: the schedule')?.quantity;
    expect(calls(lines)).toBe((calls(cost()) ?? 0) * (SWEEP_EVERY_MINUTES / CRITICAL_EVERY_MINUTES));
    expect(month10.sweep.readUnits).toBeLessThan(sweep.readUnits / 2);
  });

  it('fails for a dashboard that is not free', () => {
    const metrics = Array.from({ length: 51 }, () => ['AWS/SQS', 'a']);
    const DashboardBody = { 'Fn::Join': ['', [JSON.stringify({ widgets: [{ properties: { metrics } }] })]] };
    expect(() => cost(withResource('More', 'AWS::CloudWatch::Dashboard', { DashboardBody }))).toThrow(
      '51 metrics are more than are free',
    );
  });

  it('counts what a dashboard takes that refreshes every minute: the widget reads all, each time', () => {
    const hour = hourOfDashboard(templates, month);
    const more = Object.fromEntries(hour.map(({ what, quantity }) => [what, quantity]));
    expect(Object.keys(more).toSorted()).toEqual([
      'CloudWatch: logs kept',
      'CloudWatch: logs written',
      'CloudWatch: queries of logs',
      'DynamoDB: reads',
      'Lambda: `widget`',
      'Lambda: requests',
      'X-Ray: traces',
    ]);
    expect(more['Lambda: requests']).toBeCloseTo(60);
    expect(more['DynamoDB: reads']).toBeGreaterThanOrEqual(60 * (ASSUMED.functions + ASSUMED.secrets));
    const ofADay = (quantityOf('CloudWatch: logs written') ?? 0) / MONTH_DAYS;
    expect(more['CloudWatch: queries of logs']).toBeCloseTo(60 * 2 * ofADay);
    expect(cost().map(({ what }) => what)).not.toContain('Lambda: `widget`');
  });

  it('writes into the ledger while all is quiet only whose turn it is and how far it came, and reads each subject once', () => {
    const subjects = ASSUMED.functions + ASSUMED.secrets;
    expect(sweep.writes).toBe(3);
    expect(sweep.readUnits).toBeGreaterThanOrEqual(subjects);
    expect(sweep.readUnits).toBeLessThan(1.1 * subjects);
  });

  it('describes each secret once an hour in each region while all is quiet', () => {
    const sweeps = SECRETS_SWEEP_EVERY_MINUTES / SWEEP_EVERY_MINUTES;
    expect(sweeps * sweep.secretCalls).toBe(ASSUMED.secrets * ASSUMED.regions.length);
  });

  it('measures a rotation from its events to agreement', () => {
    const { regions, processes } = ASSUMED;
    const told = regions.length * (eventsPerRotation(templates) + processes);
    expect(rotation.messages).toBeGreaterThan(told);
    expect(rotation.secretCalls).toBeGreaterThanOrEqual(regions.length * eventsPerRotation(templates));
    expect(rotation.probes).toBeGreaterThanOrEqual(regions.length);
    expect(rotation.logLines.join()).toContain('SecretPropagationTime');
  });

  it('counts what secrets cost', () => {
    const without = totalUsd(monthlyCost(templates, { ...month, rotations: 0 }));
    expect(totalUsd(cost()) - without).toBeGreaterThan(0.5);
    const sweeps = quantityOf('EventBridge: the schedule') ?? 0;
    expect(quantityOf('Secrets Manager: looks at secrets')).toBeCloseTo(
      sweeps * sweep.secretCalls + ASSUMED.rotationsAMonth * rotation.secretCalls,
    );
  });

  it.each([
    ['a type that it does not know', 'AWS::KMS::Key', {}, 'More (AWS::KMS::Key)'],
    [
      'a function that nobody calls',
      'AWS::Lambda::Function',
      firstOf('AWS::Lambda::Function', '-sweep').properties,
      'how often More is called',
    ],
    [
      'a log that no function of ours writes',
      'AWS::Logs::LogGroup',
      firstOf('AWS::Logs::LogGroup').properties,
      'who writes to More',
    ],
  ])('fails for %s', (_reason, type, properties, words) => {
    expect(() => cost(withResource('More', type, properties))).toThrow(words);
  });

  it.each([
    ['AWS::DynamoDB::GlobalTable', { StreamSpecification: { StreamViewType: 'NEW_IMAGE' } }],
    ['AWS::DynamoDB::GlobalTable', { BillingMode: 'PROVISIONED' }],
    ['AWS::Events::EventBus', { LogConfig: { Level: 'TRACE' } }],
    ['AWS::Events::Rule', { Targets: [{ Id: 'a', Arn: 'arn:aws:events:us-east-1:1:api-destination/a' }] }],
    ['AWS::Lambda::EventSourceMapping', { ProvisionedPollerConfig: { MinimumPollers: 2 } }],
    ['AWS::Events::Rule', { EventPattern: { source: ['aws.s3'] } }],
    ['AWS::Lambda::Function', { Architectures: ['x86_64'] }],
    ['AWS::Lambda::Function', { VpcConfig: { SubnetIds: ['subnet-1'] } }],
    ['AWS::SecretsManager::Secret', { ReplicaRegions: [{ Region: 'eu-west-1' }] }],
    ['AWS::SQS::Queue', { KmsMasterKeyId: 'alias/own' }],
  ])('fails for a property of %s whose cost it does not know: %o', (type, more) => {
    const { id, properties } = firstOf(type);
    expect(() => cost(withResource(id, type, { ...properties, ...more }))).toThrow(`${id} (${type})`);
  });

  it('grows by what one more of a thing costs', () => {
    const { properties } = firstOf('AWS::SecretsManager::Secret');
    const more = totalUsd(cost(withResource('More', 'AWS::SecretsManager::Secret', properties)));
    expect(more - totalUsd(cost())).toBeCloseTo(PRICES.secret.usd, 2);
  });

  it.each([
    ['sweeps five times as often', 'Lambda: `sweep`', 5, { ScheduleExpression: 'cron(0/1 * * * ? *)' }],
    ['has twice the memory', 'Lambda: `sweep`', 2, { MemorySize: 1024 }],
  ])('grows if the hub %s', (_reason, what, factor, change) => {
    const changed: CfnTemplate = {
      Resources: Object.fromEntries(
        Object.entries(hub?.Resources ?? {}).map(([id, { Type, Properties }]) => {
          const properties = z.record(z.string(), z.unknown()).optional().parse(Properties);
          const isMeant = Object.keys(change).every((key) => properties?.[key] !== undefined);
          return [id, { Type, Properties: isMeant ? { ...properties, ...change } : properties }];
        }),
      ),
    };
    const usd = (of: readonly CfnTemplate[]) =>
      cost(of)
        .filter((line) => line.what === what)
        .map(usdOf);
    const grown = usd(templates.map((template) => (template === hub ? changed : template)));
    expect(grown).toEqual(usd(templates).map((each) => expect.closeTo(factor * each, 6)));
    expect(grown).toHaveLength(1);
  });
});
