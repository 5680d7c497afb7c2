import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { METRICS, NAMESPACE } from '../../functions/contract/metrics.ts';
import { ALARMS, RUN_ALARMS } from '../../lib/alarms.ts';
import { type AlarmNotification, RecohereMonitoring } from '../../lib/index.ts';
import {
  HUB_ACCOUNT,
  newApp,
  resourcesOf,
  synthesize,
  TWO_ACCOUNTS,
  textOf,
  WITH_TABLES,
} from './synthesized.ts';

const WAITING = 'ApproximateNumberOfMessagesVisible';
const NONE = 'notBreaching';
const DEPLOY = 'verify-deploy';
const ROTATION = 'verify-rotation';
/** By design. */
const ALARMS_MAX = 12;

const { recohere, templateOf } = synthesize(TWO_ACCOUNTS);
const template = templateOf(recohere.monitoring);
const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(({ Properties }) => Properties);
const [topicId] = Object.keys(template.findResources('AWS::SNS::Topic'));

function monitoringWith(notify: (stack: Stack) => AlarmNotification): Template {
  const stack = new Stack(newApp(), 'stack');
  new RecohereMonitoring(stack, 'Monitoring', { prefix: 'copies', notify: notify(stack) });
  return Template.fromStack(stack);
}

describe('alarms', () => {
  it.each([
    // name, namespace, metric, dimension, comparison, threshold, periods, missing data
    ['drift', NAMESPACE, 'ConfigDriftCount', 'copies', '>', 0, '1/1', 'ignore'],
    ['stalled', NAMESPACE, 'EpisodesStalled', 'copies', '>', 0, '12/12', 'ignore'],
    ['secret-target', NAMESPACE, 'SecretsPastTarget', 'copies', '>', 0, '1/1', 'ignore'],
    ['stuck-replica', NAMESPACE, 'SecretReplicasStale', 'copies', '>', 0, '1/1', 'ignore'],
    ['failed-rotation', NAMESPACE, 'SecretRotationsFailed', 'copies', '>', 0, '1/1', 'ignore'],
    [`${DEPLOY}-dead-letters`, 'AWS/SQS', WAITING, `copies-${DEPLOY}-dead-letters`, '>', 0, '1/1', NONE],
    [`${ROTATION}-dead-letters`, 'AWS/SQS', WAITING, `copies-${ROTATION}-dead-letters`, '>', 0, '1/1', NONE],
    ['hub-dead-letters', 'AWS/SQS', WAITING, 'copies-hub-dead-letters', '>', 0, '1/1', NONE],
    [`${DEPLOY}-errors`, 'AWS/Lambda', 'Errors', `copies-${DEPLOY}`, '>', 0, '2/3', NONE],
    [`${ROTATION}-errors`, 'AWS/Lambda', 'Errors', `copies-${ROTATION}`, '>', 0, '2/3', NONE],
    ['sweep-errors', 'AWS/Lambda', 'Errors', 'copies-sweep', '>', 0, '2/3', NONE],
    ['heartbeat', NAMESPACE, 'SweepHeartbeat', 'copies', '<', 1, '3/3', 'breaching'],
  ])('%s', (name, namespace, metric, dimension, comparison, threshold, periods, missing) => {
    const alarm = alarms.find(({ AlarmName }) => AlarmName === `copies-${name}`);
    expect({
      Namespace: alarm.Namespace,
      MetricName: alarm.MetricName,
      dimension: alarm.Dimensions[0].Value,
      ComparisonOperator: alarm.ComparisonOperator,
      Threshold: alarm.Threshold,
      periods: `${alarm.DatapointsToAlarm}/${alarm.EvaluationPeriods}`,
      TreatMissingData: alarm.TreatMissingData,
      Period: alarm.Period,
    }).toEqual({
      Namespace: namespace,
      MetricName: metric,
      dimension,
      ComparisonOperator: comparison === '>' ? 'GreaterThanThreshold' : 'LessThanThreshold',
      Threshold: threshold,
      periods,
      TreatMissingData: missing,
      Period: 300,
    });
  });

  it('are these and no others', () => {
    expect(alarms.map(({ AlarmName }) => AlarmName).toSorted()).toEqual(
      ALARMS.map(({ name }) => `copies-${name}`).toSorted(),
    );
    expect(alarms.length).toBeLessThanOrEqual(ALARMS_MAX);
  });

  it('are one more with tables: of runs that cannot go on, by the name of the state machine alone', () => {
    const tabled = synthesize(WITH_TABLES);
    const [alarm, ...others] = resourcesOf(
      tabled.templateOf(tabled.recohere.monitoring),
      'AWS::CloudWatch::Alarm',
    )
      .map(({ Properties }) => Properties)
      .filter(({ AlarmName }) => !alarms.some((known) => known.AlarmName === AlarmName));
    expect(others).toEqual([]);
    const [{ meaning } = { meaning: '' }] = RUN_ALARMS;
    expect(meaning).toMatch(/^[A-Z][^.]*\.$/);
    expect(alarm).toMatchObject({
      AlarmName: 'copies-failed-run',
      AlarmDescription: `${meaning} What to do: README.md#alarm-failed-run`,
      Namespace: 'AWS/States',
      MetricName: 'ExecutionsFailed',
      Statistic: 'Sum',
      Period: 300,
      ComparisonOperator: 'GreaterThanThreshold',
      Threshold: 0,
      TreatMissingData: NONE,
    });
    expect(alarm.Dimensions).toEqual([{ Name: 'StateMachineArn', Value: expect.anything() }]);
    expect(textOf(alarm.Dimensions[0].Value)).toBe(
      `arn:aws:states:us-east-1:${HUB_ACCOUNT}:stateMachine:copies-runs`,
    );
  });

  it('watch one metric of one dimension each: nothing that an emulator cannot make', () => {
    for (const alarm of alarms) {
      expect(alarm).not.toHaveProperty('Metrics');
      expect(alarm.Dimensions).toHaveLength(1);
    }
    template.resourceCountIs('AWS::CloudWatch::CompositeAlarm', 0);
  });

  it.each([
    ['AWS/SQS', 'QueueName', 'Maximum'],
    ['AWS/Lambda', 'FunctionName', 'Sum'],
    [NAMESPACE, 'service', 'Maximum'],
  ])('watch metrics of %s by %s, as AWS or we publish them', (namespace, dimension, statistic) => {
    const own = alarms.filter(({ Namespace }) => Namespace === namespace);
    expect(own.length).toBeGreaterThan(1);
    for (const { Dimensions, Statistic } of own) {
      expect([Dimensions[0].Name, Statistic]).toEqual([dimension, statistic]);
    }
  });

  it('watch metrics that are published, by the dimension of an installation', () => {
    for (const { MetricName, Dimensions } of alarms.filter(({ Namespace }) => Namespace === NAMESPACE)) {
      expect(Object.keys(METRICS)).toContain(MetricName);
      expect(Dimensions).toEqual([{ Name: 'service', Value: 'copies' }]);
    }
  });

  it('say what has happened in one sentence, and where to read what to do', () => {
    for (const { name, meaning } of ALARMS) {
      expect(meaning).toMatch(/^[A-Z][^.]*\.$/);
      const alarm = alarms.find(({ AlarmName }) => AlarmName === `copies-${name}`);
      expect(alarm.AlarmDescription).toBe(`${meaning} What to do: README.md#alarm-${name}`);
    }
  });

  it('notify when they begin and when they end', () => {
    for (const { AlarmActions, OKActions } of alarms) {
      expect([AlarmActions, OKActions]).toEqual([[{ Ref: topicId }], [{ Ref: topicId }]]);
    }
  });
});

describe('the topic', () => {
  const [policy] = resourcesOf(template, 'AWS::SNS::TopicPolicy');
  const statements = policy?.Properties.PolicyDocument.Statement;

  it('takes messages of the alarms of this installation, by TLS', () => {
    template.hasResourceProperties('AWS::SNS::Topic', { TopicName: 'copies-alarms' });
    expect(statements).toHaveLength(2);
    expect(statements[0]).toMatchObject({
      Effect: 'Deny',
      Action: 'sns:Publish',
      Principal: '*',
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
    expect(statements[1]).toMatchObject({
      Effect: 'Allow',
      Action: 'sns:Publish',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Resource: { Ref: topicId },
    });
    expect(textOf(statements[1].Condition.ArnLike['aws:SourceArn'])).toBe(
      'arn:aws:cloudwatch:us-east-1:111111111111:alarm:copies-*',
    );
  });

  it('has no key, with which CloudWatch could not publish', () => {
    expect(JSON.stringify(template.toJSON())).not.toMatch(/kms/i);
  });

  it('sends mail to the addresses that are given', () => {
    const mailing = monitoringWith(() => ({ emails: ['a@example.com', 'b@example.com'] }));
    expect(
      resourcesOf(mailing, 'AWS::SNS::Subscription').map(({ Properties }) => [
        Properties.Protocol,
        Properties.Endpoint,
      ]),
    ).toEqual([
      ['email', 'a@example.com'],
      ['email', 'b@example.com'],
    ]);
  });

  it('is the one that is given', () => {
    const arn = 'arn:aws:sns:us-east-1:111111111111:on-call';
    const own = monitoringWith((stack) => ({ topic: Topic.fromTopicArn(stack, 'Topic', arn) }));
    own.resourceCountIs('AWS::SNS::Topic', 0);
    own.allResourcesProperties('AWS::CloudWatch::Alarm', { AlarmActions: [arn], OKActions: [arn] });
  });
});
