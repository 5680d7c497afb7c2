import type { MetricName } from '../core/metrics.ts';

/** Publishes metrics; what a sample means is said in `contract/metrics.ts`. */
export interface Telemetry {
  /** One sample, with what is known of it for the log line only: it makes no series of its own. */
  readonly publish: (
    metric: MetricName,
    value: number,
    properties?: Readonly<Record<string, string | number>>,
  ) => void;
}
