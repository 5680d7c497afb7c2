import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import {
  DEPLOYED,
  type Part,
  type QueuedPart,
  SWEEP_EVERY_MINUTES,
} from '../functions/contract/deployment.ts';
import { type MetricName, NAMESPACE } from '../functions/contract/metrics.ts';
import { runsArn } from './runs.ts';

/** Functions that a queue feeds. */
export const QUEUED: readonly QueuedPart[] = ['verify-deploy', 'verify-rotation'];

/** Sweeps publish the gauges, so a period holds one of each at least. */
export const PERIOD = Duration.minutes(SWEEP_EVERY_MINUTES);

type Options = Pick<MetricOptions, 'statistic' | 'period' | 'label'>;

/** A metric of ours. @param options By default the maximum of five minutes. */
export function ours(service: string, metricName: MetricName, options: Options = {}): Metric {
  return new Metric({
    namespace: NAMESPACE,
    metricName,
    dimensionsMap: { service },
    statistic: 'Maximum',
    period: PERIOD,
    ...options,
  });
}

/** What Lambda says of a function of ours. */
export function ofFunction(
  prefix: string,
  part: Part,
  metricName: 'Errors' | 'Throttles' | 'Duration',
): Metric {
  return new Metric({
    namespace: 'AWS/Lambda',
    metricName,
    dimensionsMap: { FunctionName: DEPLOYED.part(prefix, part) },
    statistic: metricName === 'Duration' ? 'Maximum' : 'Sum',
    period: PERIOD,
    label: part,
  });
}

/** What SQS says of a queue of ours, at most. */
export function ofQueue(
  queueName: string,
  metricName: 'ApproximateNumberOfMessagesVisible' | 'ApproximateAgeOfOldestMessage',
): Metric {
  return new Metric({
    namespace: 'AWS/SQS',
    metricName,
    dimensionsMap: { QueueName: queueName },
    statistic: 'Maximum',
    period: PERIOD,
    label: queueName,
  });
}

/** Messages in a queue of dead letters of the hub. */
export function deadLettersIn(prefix: string, of: QueuedPart | 'hub'): Metric {
  return ofQueue(DEPLOYED.deadLetters(prefix, of), 'ApproximateNumberOfMessagesVisible');
}

/** What Step Functions says of runs over tables. The state machine goes by its name: it is in another stack. */
export function ofRuns(prefix: string, metricName: 'ExecutionsStarted' | 'ExecutionsFailed'): Metric {
  return new Metric({
    namespace: 'AWS/States',
    metricName,
    dimensionsMap: { StateMachineArn: runsArn(prefix) },
    statistic: 'Sum',
    period: PERIOD,
  });
}
