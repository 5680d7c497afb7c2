import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';

/** A queue that is encrypted with keys of SQS, which cost nothing and need no permission, and refuses plain HTTP. */
export function secureQueue(scope: Construct, id: string, props: QueueProps): Queue {
  return new Queue(scope, id, { ...props, encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true });
}

/** A queue for a person to look at. Letters stay for as long as SQS can keep them. */
export function deadLetterQueue(scope: Construct, id: string, queueName: string): Queue {
  const queue = secureQueue(scope, id, { queueName, retentionPeriod: Duration.days(14) });
  acknowledge(queue, { 'AwsSolutions-SQS3': 'It is a dead-letter queue itself.' });
  return queue;
}

/** Lets messages be put into some queues. */
export function sending(...queues: readonly Queue[]): PolicyStatement {
  return new PolicyStatement({
    actions: ['sqs:SendMessage'],
    resources: queues.map(({ queueArn }) => queueArn),
  });
}
