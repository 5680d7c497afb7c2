import { Metrics } from '@aws-lambda-powertools/metrics';
import { METRICS, NAMESPACE } from '../../contract/metrics.ts';
import type { Telemetry } from '../../ports/telemetry.ts';

/**
 * Metrics as log lines in the embedded metric format, which CloudWatch turns into metrics. One dimension, `service`, which
 * is the prefix of the installation. Samples that speak of one subject have a line each, which names it; the others
 * share the line that {@link publishStored} writes.
 */
export function emfTelemetry(): Telemetry & { publishStored(): void } {
  const metrics = new Metrics({ namespace: NAMESPACE });
  return {
    publish(metric, value, properties) {
      const { unit } = METRICS[metric];
      if (properties === undefined) {
        metrics.addMetric(metric, unit, value);
        return;
      }
      const single = metrics.singleMetric();
      for (const [name, text] of Object.entries(properties)) single.addMetadata(name, String(text));
      single.addMetric(metric, unit, value);
    },
    publishStored() {
      if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
    },
  };
}
