import { Aws } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { DEPLOYED } from '../functions/contract/deployment.ts';
import { ALARMS, RUN_ALARMS } from './alarms.ts';

/** Who is told of alarms: addresses, or whoever listens to a topic of yours, on which CloudWatch may publish. */
export type AlarmNotification = { readonly emails: readonly string[] } | { readonly topic: ITopic };

export interface RecohereMonitoringProps {
  /** The config's prefix. */
  readonly prefix: string;
  /** @default a topic of its own that nobody listens to yet */
  readonly notify?: AlarmNotification | undefined;
  /** Whether the config has tables. @default false */
  readonly hasTables?: boolean;
}

/** Alarms of one installation. In the region of its hub, for alarms watch metrics of their own region only. */
export class RecohereMonitoring extends Construct {
  /** What the alarms notify, when they begin and when they end. */
  readonly topic: ITopic;

  constructor(scope: Construct, id: string, props: RecohereMonitoringProps) {
    super(scope, id);
    const { prefix, notify = { emails: [] }, hasTables = false } = props;
    const alarms = [...ALARMS, ...(hasTables ? RUN_ALARMS : [])];
    this.topic = 'topic' in notify ? notify.topic : topicOf(this, prefix, notify.emails);
    const action = new SnsAction(this.topic);
    for (const { name, meaning, metric, isBad, periods, missing } of alarms) {
      const alarm = new Alarm(this, `alarm-${name}`, {
        alarmName: DEPLOYED.alarm(prefix, name),
        alarmDescription: `${meaning} What to do: README.md#alarm-${name}`,
        metric: metric(prefix),
        ...('above' in isBad
          ? { comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD, threshold: isBad.above }
          : { comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD, threshold: isBad.below }),
        evaluationPeriods: periods.of,
        datapointsToAlarm: periods.bad,
        treatMissingData: missing,
      });
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    }
  }
}

/**
 * A topic on which only alarms of this installation may publish.
 *
 * It is not encrypted at rest: CloudWatch cannot publish to a topic that is encrypted with the key that SNS has in each
 * account, and a key of one's own costs a dollar a month, for texts that hold names and counts.
 */
function topicOf(scope: Construct, prefix: string, emails: readonly string[]): Topic {
  const topic = new Topic(scope, 'Topic', { topicName: DEPLOYED.alarms(prefix), enforceSSL: true });
  // a policy replaces the one that every topic has at first, by which CloudWatch may publish
  topic.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: {
        ArnLike: {
          'aws:SourceArn': `arn:${Aws.PARTITION}:cloudwatch:${Aws.REGION}:${Aws.ACCOUNT_ID}:alarm:${DEPLOYED.alarm(prefix, '*')}`,
        },
      },
    }),
  );
  for (const email of emails) topic.addSubscription(new EmailSubscription(email));
  return topic;
}
