import { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression, type Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { AlarmSource, Condition } from '../functions/contract/alarms.ts';
import { deadLettersIn, ofFunction, ofRuns, ours, PERIOD, QUEUED } from './metrics.ts';

/** The metric that a condition of an alarm speaks of. */
export function metricOf(prefix: string, { measured, periodMinutes }: Condition): IMetric {
  if ('source' in measured) return SOURCES[measured.source](prefix);
  const { metric, statistic } = measured;
  return ours(prefix, metric, { statistic, period: Duration.minutes(periodMinutes) });
}

const SOURCES: Readonly<Record<AlarmSource, (prefix: string) => IMetric>> = {
  'dead-letters': (prefix) => sumOf([...QUEUED, 'hub' as const].map((of) => deadLettersIn(prefix, of))),
  failures: (prefix) =>
    sumOf(([...QUEUED, 'sweep', 'notify'] as const).map((part) => ofFunction(prefix, part, 'Errors'))),
  'failed-executions': (prefix) => ofRuns(prefix, 'ExecutionsFailed'),
};

/** Where it stands what to do about an alarm. @param runbook Address of the README. */
export function runbookOf(runbook: string, alarm: string): string {
  return `${runbook}#alarm-${alarm}`;
}

/** A metric without points counts as 0, and does not hide the others. */
function sumOf(metrics: readonly Metric[]): MathExpression {
  return new MathExpression({
    expression: 'SUM(FILL(METRICS(), 0))',
    usingMetrics: Object.fromEntries(metrics.map((metric, position) => [`m${position}`, metric])),
    period: PERIOD,
    label: 'sum',
  });
}
