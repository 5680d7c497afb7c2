import { Duration } from 'aws-cdk-lib';
import { Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { DEPLOYED, type Part, SWEEP_EVERY_MINUTES } from '../functions/contract/deployment.ts';
import { type MetricName, NAMESPACE } from '../functions/contract/metrics.ts';

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
 *   AWS's counts  nothing happened: SQS and Lambda are silent when they rest.
 *   heartbeat     it is what is looked for.
 */
const ONCE = { bad: 1, of: 1 };
/** A failure that the next try mends is none to wake somebody for. */
const AGAIN = { bad: 2, of: 3 };

/** Every alarm of an installation. */
export const ALARMS: readonly AlarmDefinition[] = [
  {
    name: 'drift',
    meaning: 'Replicas still differ although their deadline has passed.',
    metric: ours('ConfigDriftCount'),
    isBad: { above: 0 },
    periods: ONCE,
    missing: TreatMissingData.IGNORE,
  },
  {
    name: 'stalled',
    meaning: 'For an hour, replicas of a subject have not agreed although their deadline has passed.',
    metric: ours('EpisodesStalled'),
    isBad: { above: 0 },
    periods: { bad: 12, of: 12 },
    missing: TreatMissingData.IGNORE,
  },
  {
    name: 'verify-deploy-dead-letters',
    meaning: 'Messages that tell of deploys could not be handled.',
    metric: waitingIn('verify-deploy'),
    isBad: { above: 0 },
    periods: ONCE,
    missing: TreatMissingData.NOT_BREACHING,
  },
  {
    name: 'hub-dead-letters',
    meaning: 'Events could not be delivered within the hub, or a sweep failed.',
    metric: waitingIn('hub'),
    isBad: { above: 0 },
    periods: ONCE,
    missing: TreatMissingData.NOT_BREACHING,
  },
  {
    name: 'verify-deploy-errors',
    meaning: 'The function verify-deploy fails again and again.',
    metric: errorsOf('verify-deploy'),
    isBad: { above: 0 },
    periods: AGAIN,
    missing: TreatMissingData.NOT_BREACHING,
  },
  {
    name: 'sweep-errors',
    meaning: 'Sweeps fail again and again.',
    metric: errorsOf('sweep'),
    isBad: { above: 0 },
    periods: AGAIN,
    missing: TreatMissingData.NOT_BREACHING,
  },
  {
    name: 'heartbeat',
    meaning: `No sweep has finished for ${3 * SWEEP_EVERY_MINUTES} minutes, so nothing else here can be trusted.`,
    metric: ours('SweepHeartbeat'),
    isBad: { below: 1 },
    periods: { bad: 3, of: 3 },
    missing: TreatMissingData.BREACHING,
  },
];

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

function waitingIn(of: 'verify-deploy' | 'hub'): AlarmDefinition['metric'] {
  return (prefix) =>
    new Metric({
      namespace: 'AWS/SQS',
      metricName: 'ApproximateNumberOfMessagesVisible',
      dimensionsMap: { QueueName: DEPLOYED.deadLetters(prefix, of) },
      statistic: 'Maximum',
      period: PERIOD,
    });
}

function errorsOf(part: Part): AlarmDefinition['metric'] {
  return (prefix) =>
    new Metric({
      namespace: 'AWS/Lambda',
      metricName: 'Errors',
      dimensionsMap: { FunctionName: DEPLOYED.part(prefix, part) },
      statistic: 'Sum',
      period: PERIOD,
    });
}
