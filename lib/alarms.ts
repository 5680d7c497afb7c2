import { Duration } from 'aws-cdk-lib';
import { Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import {
  DEPLOYED,
  type Part,
  type QueuedPart,
  SWEEP_EVERY_MINUTES,
} from '../functions/contract/deployment.ts';
import { type MetricName, NAMESPACE } from '../functions/contract/metrics.ts';
import { runsArn } from './runs.ts';

/** Sweeps publish the gauges, so a period holds about one of each. */
const PERIOD = Duration.minutes(SWEEP_EVERY_MINUTES);

/** One alarm. Its runbook is the section `alarm-<name>` of the README. */
interface AlarmDefinition {
  readonly name: string;
  /** One sentence: what has happened. */
  readonly meaning: string;
  readonly metric: (prefix: string) => Metric;
  readonly isBad: { readonly above: number } | { readonly below: number };
  /** How many periods of the last ones must be bad. */
  readonly periods: { readonly bad: number; readonly of: number };
  readonly missing: TreatMissingData;
}

/*
 * What a missing point means:
 *   gauges        nothing: sweeps do not keep step with the clock, so a period can be without one. The state stays as it is,
 *                 and the heartbeat tells when sweeps have ended.
 *   AWS's counts  nothing happened: SQS, Lambda and Step Functions are silent when they rest.
 *   heartbeat     it is what is looked for.
 */

/** Every alarm of an installation without tables. */
export const ALARMS: readonly AlarmDefinition[] = [
  gauge('drift', 'Replicas still differ although their deadline has passed.', 'ConfigDriftCount'),
  {
    ...gauge(
      'stalled',
      'For an hour, replicas of a subject have not agreed although their deadline has passed.',
      'EpisodesStalled',
    ),
    periods: { bad: 12, of: 12 },
  },
  gauge(
    'secret-target',
    'A replica or a consumer is behind the new version of a secret although its target has passed.',
    'SecretsPastTarget',
  ),
  gauge(
    'stuck-replica',
    'A replica of a secret is behind, missing or promoted although its target has passed.',
    'SecretReplicasStale',
  ),
  gauge(
    'failed-rotation',
    'The rotation of a secret has failed, was abandoned or is overdue.',
    'SecretRotationsFailed',
  ),
  deadLetters('verify-deploy', 'Messages that tell of deploys could not be handled.'),
  deadLetters('verify-rotation', 'Messages that tell of secrets could not be handled.'),
  deadLetters(
    'hub',
    'Events could not be delivered within the hub, or a sweep or a dry run that a rule asked for failed.',
  ),
  errors('verify-deploy', 'The function verify-deploy fails again and again.'),
  errors('verify-rotation', 'The function verify-rotation fails again and again.'),
  errors('sweep', 'Sweeps fail again and again.'),
  {
    name: 'heartbeat',
    meaning: `No sweep has finished for ${3 * SWEEP_EVERY_MINUTES} minutes, so nothing else here can be trusted.`,
    metric: ours('SweepHeartbeat'),
    isBad: { below: 1 },
    periods: { bad: 3, of: 3 },
    missing: TreatMissingData.BREACHING,
  },
];

/** What there is beside where the config has tables. */
export const RUN_ALARMS: readonly AlarmDefinition[] = [
  {
    name: 'failed-run',
    meaning: 'A run over a table cannot go on.',
    metric: (prefix) =>
      new Metric({
        namespace: 'AWS/States',
        metricName: 'ExecutionsFailed',
        // by its name: the state machine is in another stack
        dimensionsMap: { StateMachineArn: runsArn(prefix) },
        statistic: 'Sum',
        period: PERIOD,
      }),
    isBad: { above: 0 },
    periods: { bad: 1, of: 1 },
    missing: TreatMissingData.NOT_BREACHING,
  },
];

function gauge(name: string, meaning: string, metric: MetricName): AlarmDefinition {
  return {
    name,
    meaning,
    metric: ours(metric),
    isBad: { above: 0 },
    periods: { bad: 1, of: 1 },
    missing: TreatMissingData.IGNORE,
  };
}

function deadLetters(of: QueuedPart | 'hub', meaning: string): AlarmDefinition {
  return {
    name: `${of}-dead-letters`,
    meaning,
    metric: (prefix) =>
      new Metric({
        namespace: 'AWS/SQS',
        metricName: 'ApproximateNumberOfMessagesVisible',
        dimensionsMap: { QueueName: DEPLOYED.deadLetters(prefix, of) },
        statistic: 'Maximum',
        period: PERIOD,
      }),
    isBad: { above: 0 },
    periods: { bad: 1, of: 1 },
    missing: TreatMissingData.NOT_BREACHING,
  };
}

/** A failure that the next try mends is none to wake somebody for. */
function errors(part: Part, meaning: string): AlarmDefinition {
  return {
    name: `${part}-errors`,
    meaning,
    metric: (prefix) =>
      new Metric({
        namespace: 'AWS/Lambda',
        metricName: 'Errors',
        dimensionsMap: { FunctionName: DEPLOYED.part(prefix, part) },
        statistic: 'Sum',
        period: PERIOD,
      }),
    isBad: { above: 0 },
    periods: { bad: 2, of: 3 },
    missing: TreatMissingData.NOT_BREACHING,
  };
}

function ours(metricName: MetricName): AlarmDefinition['metric'] {
  return (service) =>
    new Metric({
      namespace: NAMESPACE,
      metricName,
      dimensionsMap: { service },
      statistic: 'Maximum',
      period: PERIOD,
    });
}
