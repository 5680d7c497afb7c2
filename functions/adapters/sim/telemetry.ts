import type { MetricName } from '../../contract/metrics.ts';
import type { Telemetry } from '../../ports/telemetry.ts';

/** One published sample. */
export interface Sample {
  readonly metric: MetricName;
  readonly value: number;
  readonly properties: Readonly<Record<string, string | number>>;
}

/** Keeps what is published, in order. */
export class SimulatedTelemetry implements Telemetry {
  readonly samples: Sample[] = [];

  readonly publish: Telemetry['publish'] = (metric, value, properties = {}) => {
    this.samples.push({ metric, value, properties });
  };
}
