/** CloudWatch's namespace of all metrics. */
export const NAMESPACE = 'Recohere';

interface Metric {
  /** CloudWatch's word for the unit. */
  readonly unit: 'Count' | 'Milliseconds' | 'Percent' | 'None';
  readonly meaning: string;
  /** Whether zero is published when nothing happened: for counts, so that the series exists; never for durations. */
  readonly zeros: boolean;
}

/** Every metric that is published, with its meaning. */
export const METRICS = {
  ConfigDriftCount: {
    unit: 'Count',
    meaning: 'replicas that differ, in a facet that alarms, and whose deadline has passed',
    zeros: true,
  },
  ConvergenceTime: {
    unit: 'Milliseconds',
    meaning: 'from the last joined change to agreement, of an episode that went forward',
    zeros: false,
  },
  ExposureTime: {
    unit: 'Milliseconds',
    meaning: 'from the first change to agreement, of an episode that went forward',
    zeros: false,
  },
  TimeToDetect: { unit: 'Milliseconds', meaning: 'from a change to when it was first seen', zeros: false },
  EpisodesOpen: { unit: 'Count', meaning: 'subjects whose replicas do not agree', zeros: true },
  EpisodesStalled: {
    unit: 'Count',
    meaning: 'open episodes that alarm and whose deadline has passed',
    zeros: true,
  },
  CriticalStalled: {
    unit: 'Count',
    meaning: 'the same of subjects that are critical; where none is, it is not published',
    zeros: true,
  },
  ExposureBurnRate: {
    unit: 'None',
    meaning:
      'how many times faster than its target allows the mixed state is used up: the share of subjects that are in an open episode that alarms, each divided by its target',
    zeros: true,
  },
  PartialDeployCount: {
    unit: 'Count',
    meaning: 'episodes that passed their deadline and alarmed then, once each',
    zeros: true,
  },
  RollbackCount: {
    unit: 'Count',
    meaning: 'episodes that ended on the configuration from before',
    zeros: true,
  },
  UnobservableReplicas: { unit: 'Count', meaning: 'replicas that could not be read', zeros: true },
  FlapCount: { unit: 'Count', meaning: 'episodes that opened soon after one closed', zeros: true },
  SecretPropagationTime: {
    unit: 'Milliseconds',
    meaning: 'from the move of `AWSCURRENT` to the last hop, of a rotation that went forward',
    zeros: false,
  },
  SecretReplicasStale: {
    unit: 'Count',
    meaning:
      'replicas of secrets that are behind, missing or promoted, and whose target has passed; at that moment too, one by one',
    zeros: true,
  },
  SecretConsumersStale: {
    unit: 'Count',
    meaning:
      'consumers that do not use the current version of their replica, and whose target has passed; at that moment too, one by one',
    zeros: true,
  },
  SecretRotationsFailed: {
    unit: 'Count',
    meaning: 'secrets whose last rotation failed or was abandoned, or whose next one is overdue',
    zeros: true,
  },
  TelemetryCompleteness: {
    unit: 'Percent',
    meaning: 'replicas that a sweep has read, of those that it is to read',
    zeros: false,
  },
  LostEventCount: {
    unit: 'Count',
    meaning: 'moves of known replicas that no event told of within 15 minutes',
    zeros: true,
  },
  SweepHeartbeat: { unit: 'Count', meaning: 'one for each sweep that came to its end', zeros: false },
  ReconcileSucceeded: {
    unit: 'Count',
    meaning: 'runs over tables that finished; 0 for one that was cancelled or failed',
    zeros: false,
  },
  ReconcileFailed: {
    unit: 'Count',
    meaning: 'runs that could not go on; 0 for any other that ended',
    zeros: false,
  },
  ReconcileRetries: { unit: 'Count', meaning: 'calls that a run had to repeat', zeros: false },
  DuplicatesPerMillion: {
    unit: 'Count',
    meaning: 'items that a dedupe would remove, in a million that it read',
    zeros: false,
  },
  SchemaErrorCount: {
    unit: 'Count',
    meaning: 'items that the transform of a backfill failed for',
    zeros: false,
  },
  ReconcileCostUsd: {
    unit: 'None',
    meaning: 'list price of the capacity that a run consumed, in USD',
    zeros: false,
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;
export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[];

/** Those that speak of secrets: where none is watched, they are not published, and cost nothing. */
export const SECRET_GAUGES: readonly MetricName[] = [
  'SecretReplicasStale',
  'SecretConsumersStale',
  'SecretRotationsFailed',
];

/** Those that speak of critical subjects, likewise. */
export const CRITICAL_GAUGES: readonly MetricName[] = ['CriticalStalled'];

/** Those that each run over a table publishes once, when it ends: without tables there are none, and they cost nothing. */
export const RUN_METRICS: readonly MetricName[] = [
  'ReconcileSucceeded',
  'ReconcileFailed',
  'ReconcileRetries',
  'DuplicatesPerMillion',
  'SchemaErrorCount',
  'ReconcileCostUsd',
];
