import { Aws } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { DEPLOYED, type Severity } from '../functions/contract/deployment.ts';

/** Addresses that are told by mail, or a topic of yours, on which CloudWatch may publish. */
type Told = readonly string[] | ITopic;

/** Who is told of alarms, and of what deploys have left different, by how soon they must know. */
export interface AlarmNotification {
  /** Who is woken. @default nobody: the topic is there, and somebody may listen to it */
  readonly page?: Told | undefined;
  /** Who is told for working hours. @default nobody, likewise */
  readonly ticket?: Told | undefined;
}

/** The topic of each severity. */
export type Topics = Readonly<Record<Severity, ITopic>>;

/** Makes the topics that are not brought along. */
export function makeTopics(scope: Construct, prefix: string, notify: AlarmNotification): Topics {
  return topicsBy(notify, (severity, addresses) => {
    const topic = topicOf(scope, severity, prefix);
    for (const address of addresses) topic.addSubscription(new EmailSubscription(address));
    return topic;
  });
}

/** The same topics, for who is in another stack of the same account and region. */
export function namedTopics(scope: Construct, prefix: string, notify: AlarmNotification): Topics {
  return topicsBy(notify, (severity) => {
    const arn = `arn:${Aws.PARTITION}:sns:${Aws.REGION}:${Aws.ACCOUNT_ID}:${DEPLOYED.topic(prefix, severity)}`;
    return Topic.fromTopicArn(scope, `topic-${severity}`, arn);
  });
}

function topicsBy(
  notify: AlarmNotification,
  ours: (severity: Severity, addresses: readonly string[]) => ITopic,
): Topics {
  const of = (severity: Severity) => {
    const told = notify[severity] ?? [];
    return 'topicArn' in told ? told : ours(severity, told);
  };
  return { page: of('page'), ticket: of('ticket') };
}

/**
 * A topic on which alarms of this installation may publish, and no other service. Of our functions, one may.
 *
 * It is not encrypted at rest: CloudWatch cannot publish to a topic that is encrypted with the key that SNS has in each
 * account, and a key of one's own costs a dollar a month, for texts that hold names and counts.
 */
function topicOf(scope: Construct, severity: Severity, prefix: string): Topic {
  const topic = new Topic(scope, `topic-${severity}`, {
    topicName: DEPLOYED.topic(prefix, severity),
    enforceSSL: true,
  });
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
  return topic;
}
