import { Duration } from 'aws-cdk-lib';
import { type EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { RecursiveLoop } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  BATCH_MESSAGES,
  BATCHES_AT_ONCE,
  DEPLOYED,
  LIFE_SECONDS,
  LIVES_OUT_OF_SIGHT,
  type QueuedPart,
  TRIES_MAX,
} from '../functions/contract/deployment.ts';
import type { EnvironmentOf } from '../functions/contract/environment.ts';
import { HubFunction, type HubFunctionProps } from './hub-function.ts';
import { CONSUME_ACTIONS } from './permissions.ts';
import { deadLetterQueue, secureQueue, sending } from './queues.ts';

export interface QueuedFunctionProps<P extends QueuedPart>
  extends Omit<HubFunctionProps<P>, 'environment' | 'options' | 'timeout'> {
  readonly bus: EventBus;
  /** Sources of the events that it is fed with. */
  readonly sources: readonly string[];
  /** Where goes what EventBridge cannot deliver. */
  readonly undelivered: Queue;
  /** The function's environment, given the URLs of its own queues. */
  readonly environment: (queueUrl: string, deadLettersUrl: string) => EnvironmentOf<P>;
}

/**
 * A function of the hub that takes events of the bus out of a queue of its own, and puts what it cannot handle into another. It
 * also sends messages to itself, to look again later.
 */
export class QueuedFunction<P extends QueuedPart> extends Construct {
  readonly queue: Queue;

  constructor(scope: Construct, id: string, props: QueuedFunctionProps<P>) {
    super(scope, id);
    const { bus, sources, undelivered, environment, permissions, ...own } = props;
    const { prefix } = own.config;
    const refused = deadLetterQueue(this, 'DeadLetters', DEPLOYED.deadLetters(prefix, own.part));
    this.queue = secureQueue(this, 'Queue', {
      queueName: DEPLOYED.part(prefix, own.part),
      visibilityTimeout: Duration.seconds(LIVES_OUT_OF_SIGHT * LIFE_SECONDS[own.part]),
      deadLetterQueue: { queue: refused, maxReceiveCount: TRIES_MAX },
    });
    new Rule(this, 'Events', {
      description: `Events for ${own.part}`,
      eventBus: bus,
      eventPattern: { source: [...sources] },
      targets: [new SqsQueue(this.queue, { deadLetterQueue: undelivered })],
    });
    const made = new HubFunction<P>(this, 'Default', {
      ...own,
      timeout: Duration.seconds(LIFE_SECONDS[own.part]),
      environment: environment(this.queue.queueUrl, refused.queueUrl),
      permissions: [
        ...permissions,
        sending(this.queue, refused),
        new PolicyStatement({ actions: [...CONSUME_ACTIONS], resources: [this.queue.queueArn] }),
      ],
      // It sends messages to itself, later and for minutes only. Lambda would take the sixteenth for a runaway loop.
      options: { recursiveLoop: RecursiveLoop.ALLOW },
    });
    made.function.addEventSourceMapping('Queue', {
      eventSourceArn: this.queue.queueArn,
      batchSize: BATCH_MESSAGES,
      maxConcurrency: BATCHES_AT_ONCE,
      reportBatchItemFailures: true,
    });
  }
}
