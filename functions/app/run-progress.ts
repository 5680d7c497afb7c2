import pMap from 'p-map';
import type { RunProgress } from '../contract/overview.ts';
import type { Run, Segment } from '../core/run.ts';
import { reportOf } from '../core/run-report.ts';
import type { RunPorts } from './run-ports.ts';
import { allSegmentsOf, hasEnded, summed } from './run-state.ts';

const RUNS_AT_ONCE = 5;

/** How far the newest runs are. */
export async function runProgress(
  ports: Pick<RunPorts, 'ledger' | 'clock'>,
  limit: number,
): Promise<readonly RunProgress[]> {
  const ids = await ports.ledger.runs(limit);
  const told = await pMap(ids, (id) => progressById(ports, id), { concurrency: RUNS_AT_ONCE });
  return told.flat();
}

async function progressById(
  ports: Pick<RunPorts, 'ledger' | 'clock'>,
  id: string,
): Promise<readonly RunProgress[]> {
  const run = await ports.ledger.readRun(id);
  if (run === undefined) return [];
  const segments = hasEnded(run) ? [] : await allSegmentsOf(ports, run);
  const report = reportOf(run, ports.clock.now(), run.tally ?? summed(segments).tally);
  const { kind, mode, state, table, startedAt, durationMs, costUsd } = report;
  const { scanned, duplicates, removed, restored, verified } = report;
  const counts = { scanned, duplicates, removed, restored, verified, ...report.counts };
  const current = segments.filter(({ phase }) => phase === run.phase);
  return [
    {
      id,
      kind,
      mode,
      state,
      table,
      progress: hasEnded(run) ? { done: 1, of: 1 } : progressOf(run, current),
      startedAt,
      durationMs,
      costUsd,
      counts: Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    },
  ];
}

/** How far a run is in its phase. @param segments Those of the phase. */
export function progressOf(run: Run, segments: readonly Segment[]): RunProgress['progress'] {
  const sum = (of: (segment: Segment) => number) =>
    segments.reduce((total, segment) => total + of(segment), 0);
  if (run.phase === 'gather') return { done: sum(({ isDone }) => (isDone ? 1 : 0)), of: segments.length };
  const done =
    run.phase === 'scatter'
      ? sum(({ seen = 0 }) => seen)
      : sum(({ tally: { counts, skipped } }) =>
          Object.values(skipped).reduce(
            (total, each) => total + each,
            (counts.removed ?? 0) + (counts.written ?? 0) + (counts.verified ?? 0) + (counts.restored ?? 0),
          ),
        );
  return { done, of: Math.max(done, run.expected) };
}
