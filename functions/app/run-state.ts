import pMap from 'p-map';
import { RecohereError, RefusedError } from '../core/errors.ts';
import {
  added,
  NOTHING,
  PHASES,
  type Phase,
  PROBLEMS_PER_REPORT_MAX,
  type Problem,
  type Run,
  type Segment,
  type Tally,
} from '../core/run.ts';
import { publishRun } from './run-metrics.ts';
import type { RunPorts } from './run-ports.ts';

const RUN_SWAPS_MAX = 10;
const READS_AT_ONCE = 16;
/** Longest wait at a time for a worker that may still be alive: a run may be cancelled meanwhile. */
export const GHOST_SECONDS_MAX = 60;

/** What was counted and named, of a run or of a part of it. */
export interface Counted {
  readonly tally: Tally;
  readonly problems: readonly Problem[];
}

/** @throws RecohereError `NO_SUCH_RUN` */
export async function existingRun({ ledger }: Pick<RunPorts, 'ledger'>, id: string): Promise<Run> {
  const run = await ledger.readRun(id);
  if (run === undefined)
    throw new RecohereError('NO_SUCH_RUN', 'there is no such run: recohere runs lists the newest');
  return run;
}

/** Why nothing that a run removed is put back any more, and why it is not resumed. */
export function forgotten(): RecohereError {
  return new RecohereError('FORGOTTEN', 'what the run removed has been erased, or is about to be');
}

/** What ends a backfill early. */
export function tooManyErrors(): RecohereError {
  return new RecohereError('TOO_MANY_ERRORS', 'the transform failed for more items than tables[].maxErrors');
}

/**
 * Changes what is remembered of a run, whoever else does at the same time.
 * @param change `undefined` if there is nothing to change.
 * @returns The run as it is then, and whether this call changed it.
 * @throws RecohereError `NO_SUCH_RUN`, `CONTENDED`
 */
export async function changeRun(
  ports: Pick<RunPorts, 'ledger'>,
  id: string,
  change: (run: Run) => Run | undefined,
): Promise<{ readonly run: Run; readonly isChanged: boolean }> {
  for (let swaps = 0; swaps < RUN_SWAPS_MAX; swaps++) {
    const run = await existingRun(ports, id);
    const changed = change(run);
    if (changed === undefined) return { run, isChanged: false };
    const next = { ...changed, version: run.version + 1 };
    if (await ports.ledger.swapRun(next)) return { run: next, isChanged: true };
  }
  throw new RecohereError('CONTENDED', `${RUN_SWAPS_MAX} swaps of one run were lost: ask again`, {
    retryable: true,
  });
}

/** All pieces of a phase, as they are remembered. */
export function segmentsOf({ ledger }: Pick<RunPorts, 'ledger'>, run: Run, phase: Phase): Promise<Segment[]> {
  const indexes = Array.from({ length: segmentCount(run, phase) }, (_, index) => index);
  return pMap(indexes, (index) => ledger.readSegment(run.id, phase, index), { concurrency: READS_AT_ONCE });
}

function segmentCount({ layout, rule }: Run, phase: Phase): number {
  if (phase !== 'scatter') return layout.partitions;
  return rule.kind === 'backfill' ? 2 * layout.segments : layout.segments; // those of the target come after those of the source
}

/** All pieces of all phases. */
export async function allSegmentsOf(ports: Pick<RunPorts, 'ledger'>, run: Run): Promise<readonly Segment[]> {
  return (await Promise.all(PHASES[run.mode].map((phase) => segmentsOf(ports, run, phase)))).flat();
}

/** What all of them have counted together. */
export function summed(all: readonly Counted[]): Counted {
  return {
    tally: all.reduce((sum, { tally }) => added(sum, tally), NOTHING),
    problems: all.flatMap(({ problems }) => problems).slice(0, PROBLEMS_PER_REPORT_MAX),
  };
}

/** As what an attempt of a run takes a table. */
export function holderOf({ id, attempt }: Pick<Run, 'id' | 'attempt'>): string {
  return `${id}.${attempt}`;
}

/**
 * Ends a run that cannot go on. What it holds stays held, until it is resumed or cancelled.
 * @param last What its worker had counted since its last checkpoint.
 */
export async function fail(
  ports: Pick<RunPorts, 'ledger' | 'telemetry' | 'clock'>,
  before: Run,
  error: RecohereError,
  last: Counted = { tally: NOTHING, problems: [] },
): Promise<void> {
  const { permission } = error instanceof RefusedError ? error.refusal : {};
  const failure = { code: error.code, ...(permission && { permission }) };
  const counted = summed([...(await allSegmentsOf(ports, before)), last]);
  const { run, isChanged } = await changeRun(ports, before.id, (now) =>
    isAtWork(now) ? { ...now, ...counted, state: 'failed', failure, endedAt: ports.clock.now() } : undefined,
  );
  if (isChanged) publishRun(ports.telemetry, run);
}

/** Whether a piece must be looked after before its run may end: something is held, or somebody who may hold something has the lease. */
export function isUnsettled({ held, lease, isDone }: Segment): boolean {
  return held !== undefined || (lease !== undefined && !isDone);
}

/** Whether a run holds nothing any more. */
export function hasEnded({ state }: Pick<Run, 'state'>): boolean {
  return state === 'finished' || state === 'cancelled';
}

/** Whether workers have something to do: a run that is being cancelled settles what it holds. */
export function isAtWork({ state }: Run): boolean {
  return state === 'running' || state === 'cancelling';
}
