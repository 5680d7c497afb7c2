export type { MetricName } from '../contract/metrics.ts';
