import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { alarmsFor, BUDGET_DAYS, BURNS } from '../../functions/contract/alarms.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { METRICS, NAMESPACE } from '../../functions/contract/metrics.ts';
import { RecohereMonitoring } from '../../lib/index.ts';
import { notifyingAlarms } from './notifying-alarms.ts';
import {
  HUB_ACCOUNT,
  newApp,
  resourcesOf,
  synthesize,
  TWO_ACCOUNTS,
  textOf,
  WITH_CRITICAL,
  WITH_TABLES,
} from './synthesized.ts';

const IDLE = 'notBreaching';
const WAITING = 'ApproximateNumberOfMessagesVisible';
/** By design. */
const NOTIFYING_MAX = 12;

function monitoringOf(config: RecohereConfig): Template {
  const { recohere, templateOf } = synthesize(config);
  return templateOf(recohere.monitoring);
}

const template = monitoringOf(TWO_ACCOUNTS);
const tabled = monitoringOf(WITH_TABLES);
const critical = monitoringOf(WITH_CRITICAL);
const metricAlarm = (name: string, of = template) =>
  resourcesOf(of, 'AWS::CloudWatch::Alarm').find(
    ({ Properties }) => Properties.AlarmName === `copies-${name}`,
  )?.Properties;
const composite = (name: string) =>
  resourcesOf(template, 'AWS::CloudWatch::CompositeAlarm').find(
    ({ Properties }) => Properties.AlarmName === `copies-${name}`,
  )?.Properties;

/** Names of alarms, by the ids of their resources. */
const named: Readonly<Record<string, string>> = Object.fromEntries(
  ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm'].flatMap((type) =>
    Object.entries(template.findResources(type)).map(([id, { Properties }]) => [id, Properties.AlarmName]),
  ),
);

/** What a composite alarm says, with the names of alarms instead of their ARNs. */
function ruleOf(name: string): string {
  const [, parts] = composite(name).AlarmRule['Fn::Join'];
  return parts
    .map((part: string | { 'Fn::GetAtt': [string] }) =>
      typeof part === 'string' ? part : named[part['Fn::GetAtt'][0]],
    )
    .join('');
}

/** It has a test of its own. */
const FAILED_RUN = 'failed-run';

const OF_ONE_METRIC = [
  // name, metric, comparison, threshold, statistic, seconds, periods, missing data, template
  ['stale-consumer', 'SecretConsumersStale', '>', 0, 'Maximum', 300, '1/1', 'ignore', template],
  ['drift', 'ConfigDriftCount', '>', 0, 'Maximum', 300, '1/1', 'ignore', template],
  ['stuck-replica', 'SecretReplicasStale', '>', 0, 'Maximum', 300, '1/1', 'ignore', template],
  ['failed-rotation', 'SecretRotationsFailed', '>', 0, 'Maximum', 300, '1/1', 'ignore', template],
  ['incomplete', 'TelemetryCompleteness', '<', 99, 'Maximum', 300, '12/12', 'ignore', template],
  ['heartbeat', 'SweepHeartbeat', '<', 1, 'Maximum', 300, '3/3', 'breaching', template],
  ['critical-stalled', 'CriticalStalled', '>', 0, 'Maximum', 60, '1/1', 'ignore', critical],
  ['stalled-metric', 'EpisodesStalled', '>', 0, 'Maximum', 300, '12/12', 'ignore', template],
  ['exposure-fast-for-15m', 'ExposureBurnRate', '>', 4, 'Average', 900, '1/1', 'ignore', template],
  ['exposure-fast-for-3h', 'ExposureBurnRate', '>', 4, 'Average', 10_800, '1/1', 'ignore', template],
  ['exposure-slow-for-2h', 'ExposureBurnRate', '>', 1, 'Average', 7_200, '1/1', 'ignore', template],
  ['exposure-slow-for-24h', 'ExposureBurnRate', '>', 1, 'Average', 86_400, '1/1', 'ignore', template],
] as const;

const OF_SEVERAL_METRICS = [
  [
    'dead-letters',
    'AWS/SQS',
    WAITING,
    'Maximum',
    '1/1',
    ['copies-verify-deploy-dead-letters', 'copies-verify-rotation-dead-letters', 'copies-hub-dead-letters'],
  ],
  [
    'errors',
    'AWS/Lambda',
    'Errors',
    'Sum',
    '2/3',
    ['copies-verify-deploy', 'copies-verify-rotation', 'copies-sweep', 'copies-notify'],
  ],
] as const;

const OF_OTHER_ALARMS = [
  [
    'exposure-fast',
    'both windows burn',
    '(ALARM("copies-exposure-fast-for-15m") AND ALARM("copies-exposure-fast-for-3h"))',
  ],
  [
    'exposure-slow',
    'both windows burn',
    '(ALARM("copies-exposure-slow-for-2h") AND ALARM("copies-exposure-slow-for-24h"))',
  ],
  ['stalled', 'its metric is bad', '(ALARM("copies-stalled-metric"))'],
] as const;

describe('an alarm of one metric', () => {
  it.each(OF_ONE_METRIC)(
    '%s',
    (name, metric, comparison, threshold, statistic, seconds, periods, missing, of) => {
      const alarm = metricAlarm(name, of);
      expect({
        ...alarm,
        periods: `${alarm.DatapointsToAlarm}/${alarm.EvaluationPeriods}`,
      }).toMatchObject({
        Namespace: NAMESPACE,
        MetricName: metric,
        Dimensions: [{ Name: 'service', Value: 'copies' }],
        ComparisonOperator: comparison === '>' ? 'GreaterThanThreshold' : 'LessThanThreshold',
        Threshold: threshold,
        Statistic: statistic,
        Period: seconds,
        periods,
        TreatMissingData: missing,
      });
      expect(Object.keys(METRICS)).toContain(metric);
    },
  );

  it(`${FAILED_RUN} knows the state machine by its name`, () => {
    const alarm = metricAlarm(FAILED_RUN, tabled);
    expect(alarm).toMatchObject({
      Namespace: 'AWS/States',
      MetricName: 'ExecutionsFailed',
      Statistic: 'Sum',
      Period: 300,
      ComparisonOperator: 'GreaterThanThreshold',
      Threshold: 0,
      TreatMissingData: IDLE,
      Dimensions: [{ Name: 'StateMachineArn', Value: expect.anything() }],
    });
    expect(textOf(alarm.Dimensions[0].Value)).toBe(
      `arn:aws:states:us-east-1:${HUB_ACCOUNT}:stateMachine:copies-runs`,
    );
  });

  it.each(['drift', 'exposure-slow-for-24h', 'incomplete', 'stalled-metric'])(
    '%s looks back no longer than CloudWatch lets it',
    (name) => {
      const { Period, EvaluationPeriods } = metricAlarm(name);
      expect(Period * EvaluationPeriods).toBeLessThanOrEqual(86_400);
    },
  );
});

describe('an alarm of several metrics', () => {
  it.each(OF_SEVERAL_METRICS)(
    '%s is their sum, in which one without points counts as 0',
    (name, namespace, metric, stat, periods, of) => {
      const alarm = metricAlarm(name);
      const [sum, ...added] = alarm.Metrics;
      expect(sum).toMatchObject({ Expression: 'SUM(FILL(METRICS(), 0))' });
      expect(added.every(({ ReturnData }: { ReturnData: boolean }) => !ReturnData)).toBe(true);
      expect(
        added.map(
          ({ MetricStat }: { MetricStat: { Metric: object; Period: number; Stat: string } }) => MetricStat,
        ),
      ).toEqual(
        of.map((value) => ({
          Metric: {
            Namespace: namespace,
            MetricName: metric,
            Dimensions: [{ Name: expect.stringMatching(/^(Queue|Function)Name$/), Value: value }],
          },
          Period: 300,
          Stat: stat,
        })),
      );
      expect(`${alarm.DatapointsToAlarm}/${alarm.EvaluationPeriods}`).toBe(periods);
      expect(alarm).toMatchObject({
        ComparisonOperator: 'GreaterThanThreshold',
        Threshold: 0,
        TreatMissingData: IDLE,
      });
    },
  );
});

describe('an alarm of other alarms', () => {
  it.each(OF_OTHER_ALARMS)('%s is on if %s', (name, _reason, rule) => {
    expect(ruleOf(name)).toBe(rule);
  });

  it.each([
    ['exposure-fast', 'is no symptom', undefined, undefined, undefined],
    ['exposure-slow', 'waits until the short window has forgotten', 'copies-exposure-fast', 600, 7_200],
    ['stalled', 'ends with the sweep that ends its cause', 'copies-drift', 600, 600],
  ])('%s, which %s, notifies nobody while %s is on', (name, _reason, cause, waitSeconds, afterSeconds) => {
    const alarm = composite(name);
    expect(alarm.ActionsSuppressor && named[alarm.ActionsSuppressor['Fn::GetAtt'][0]]).toBe(cause);
    expect(alarm.ActionsSuppressorWaitPeriod).toBe(waitSeconds);
    expect(alarm.ActionsSuppressorExtensionPeriod).toBe(afterSeconds);
  });

  it('is one of these', () => {
    template.resourceCountIs('AWS::CloudWatch::CompositeAlarm', 3);
  });
});

describe('burn rates', () => {
  it.each(Object.entries(BURNS))('%s: the short window is a twelfth of the long one', (_name, burn) => {
    expect(burn.longMinutes / burn.shortMinutes).toBe(12);
  });

  it('page before a fiftieth of the budget is gone, and tell before a twentieth is', () => {
    const gone = ({ rate, longMinutes }: (typeof BURNS)[keyof typeof BURNS]) =>
      (rate * longMinutes) / (BUDGET_DAYS * 24 * 60);
    expect(gone(BURNS.fast)).toBeLessThan(1 / 50);
    expect(gone(BURNS.slow)).toBeLessThan(1 / 20);
  });
});

describe('alarms', () => {
  it('have a row above', () => {
    const rows: string[] = [...OF_ONE_METRIC, ...OF_SEVERAL_METRICS, ...OF_OTHER_ALARMS].map(
      ([name]) => name,
    );
    const all = alarmsFor({ critical: true, tables: true }).map(({ name }) => name);
    expect(all.filter((name) => ![...rows, FAILED_RUN].includes(name))).toEqual([]);
  });

  it.each([
    ['at first', template, 2, 9],
    ['with critical subjects', critical, 3, 9],
    ['with tables', tabled, 2, 10],
  ])('%s are so many of each severity', (_reason, of, pages, tickets) => {
    const severities = notifyingAlarms(of).map(({ severity }) => severity);
    expect(severities.filter((each) => each === 'page')).toHaveLength(pages);
    expect(severities.filter((each) => each === 'ticket')).toHaveLength(tickets);
  });

  it.each([
    ['at first', template, { critical: false, tables: false }],
    ['with critical subjects', critical, { critical: true, tables: false }],
    ['with tables', tabled, { critical: false, tables: true }],
  ])(
    '%s are those of the list, and say what has happened and where to read what to do',
    (_reason, of, has) => {
      const listed = alarmsFor(has).map(({ name, severity, meaning }) => {
        expect(meaning).toMatch(/^[A-Z][^.]*\.$/);
        const description = `${meaning} What to do: README.md#alarm-${name}`;
        return { name, severity, description };
      });
      const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
      expect(notifyingAlarms(of).toSorted(byName)).toEqual(listed.toSorted(byName));
    },
  );

  it('send to the README that is given, by links', () => {
    const runbook = 'https://example.com/README.md';
    const { recohere, templateOf } = synthesize(TWO_ACCOUNTS, { runbook });
    const linked = notifyingAlarms(templateOf(recohere.monitoring));
    expect(linked).toHaveLength(notifyingAlarms(template).length);
    for (const { name, description } of linked)
      expect(description).toMatch(new RegExp(` What to do: ${runbook}#alarm-${name}$`));
  });

  it('are few', () => {
    expect(notifyingAlarms(template).length).toBeLessThanOrEqual(NOTIFYING_MAX);
  });

  it('that are parts of others notify nobody', () => {
    const parts = resourcesOf(template, 'AWS::CloudWatch::Alarm')
      .map(({ Properties }) => Properties)
      .filter(({ AlarmActions, OKActions }) => !AlarmActions && !OKActions);
    expect(parts.map(({ AlarmName }) => AlarmName).toSorted()).toEqual(
      ['15m', '3h']
        .map((window) => `exposure-fast-for-${window}`)
        .concat(
          ['24h', '2h'].map((window) => `exposure-slow-for-${window}`),
          'stalled-metric',
        )
        .map((name) => `copies-${name}`),
    );
  });

  it('notify the topics that are given instead of ours', () => {
    const stack = new Stack(newApp(), 'stack');
    const arn = 'arn:aws:sns:us-east-1:111111111111:on-call';
    new RecohereMonitoring(stack, 'Monitoring', {
      config: TWO_ACCOUNTS,
      notify: { page: Topic.fromTopicArn(stack, 'Topic', arn), ticket: ['a@example.com'] },
    });
    const own = Template.fromStack(stack);
    own.resourceCountIs('AWS::SNS::Topic', 0);
    own.resourceCountIs('AWS::SNS::Subscription', 0);
    own.hasResourceProperties('AWS::CloudWatch::CompositeAlarm', {
      AlarmName: 'copies-exposure-fast',
      AlarmActions: [arn],
      OKActions: [arn],
    });
    expect(JSON.stringify(metricAlarm('drift', own).AlarmActions)).toMatch(/:copies-ticket"/);
  });
});

describe('windows of maintenance', () => {
  const muted = monitoringOf({
    ...TWO_ACCOUNTS,
    maintenance: [
      { schedule: 'cron(0 2 * * SAT)', minutes: 120, timezone: 'Europe/Berlin' },
      { schedule: 'at(2026-12-24T18:00)', minutes: 21_600 },
    ],
  });
  const rules = resourcesOf(muted, 'AWS::CloudWatch::AlarmMuteRule').map(({ Properties }) => Properties);

  it('mute at their times', () => {
    expect(rules.map(({ Name, Rule }) => [Name, Rule.Schedule])).toEqual([
      [
        'copies-maintenance-0',
        { Expression: 'cron(0 2 * * SAT)', Duration: 'PT2H', Timezone: 'Europe/Berlin' },
      ],
      ['copies-maintenance-1', { Expression: 'at(2026-12-24T18:00)', Duration: 'P15D', Timezone: 'UTC' }],
    ]);
  });

  it('mute every alarm that notifies, and no other', () => {
    const names = [
      ...Object.entries(muted.findResources('AWS::CloudWatch::Alarm')),
      ...Object.entries(muted.findResources('AWS::CloudWatch::CompositeAlarm')),
    ].flatMap(([id, { Properties }]) => (Properties.AlarmActions ? [id] : []));
    for (const { MuteTargets } of rules) {
      const targets = MuteTargets.AlarmNames.map(({ Ref }: { Ref: string }) => Ref);
      expect(targets.toSorted()).toEqual(names.toSorted());
    }
  });

  it('are none if the config has none', () => {
    template.resourceCountIs('AWS::CloudWatch::AlarmMuteRule', 0);
  });
});
