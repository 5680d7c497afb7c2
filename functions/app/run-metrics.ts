import type { Run } from '../core/run.ts';
import { reportOf } from '../core/run-report.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** Publishes what became of a run that has ended. */
export function publishRun({ publish }: Telemetry, run: Run): void {
  const { kind, mode, state, table, scanned, duplicates, counts, skipped, costUsd } = reportOf(run, 0);
  const properties = { run: run.id, table, kind, mode, state };
  publish('ReconcileSucceeded', state === 'finished' ? 1 : 0, properties);
  publish('ReconcileFailed', state === 'failed' ? 1 : 0, properties);
  publish('ReconcileRetries', counts.retries ?? 0, properties);
  publish('ReconcileCostUsd', costUsd, properties);
  if (mode !== 'dry-run') return;
  publish('SchemaErrorCount', skipped.TRANSFORM_FAILED ?? 0, properties);
  if (kind === 'dedupe' && scanned > 0) {
    publish('DuplicatesPerMillion', (duplicates / scanned) * 1_000_000, properties);
  }
}
