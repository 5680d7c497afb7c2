import { invariant } from '../core/errors.ts';
import { PHASES, type Phase, type Run, rootOf, type Segment } from '../core/run.ts';
import { publishRun } from './run-metrics.ts';
import type { RunPorts } from './run-ports.ts';
import {
  allSegmentsOf,
  changeRun,
  existingRun,
  fail,
  GHOST_SECONDS_MAX,
  holderOf,
  isAtWork,
  isUnsettled,
  summed,
  tooManyErrors,
} from './run-state.ts';

/** What is to be done next for a run. */
export type Steering =
  | {
      readonly next: 'work';
      readonly run: string;
      readonly phase: Phase;
      readonly segments: readonly number[];
      readonly concurrency: number;
    }
  /** Somebody may still be at work who must have ended first. */
  | { readonly next: 'wait'; readonly run: string; readonly seconds: number }
  | { readonly next: 'end'; readonly run: string };

/**
 * Says what is to be done next for a run, from what is remembered of it alone, so that it may be asked at any time and by anybody. Ends
 * the run when nothing is left.
 * @throws RecohereError `NO_SUCH_RUN`
 */
export async function steer(ports: RunPorts, id: string): Promise<Steering> {
  const run = await existingRun(ports, id);
  const end: Steering = { next: 'end', run: id };
  if (!isAtWork(run)) return end;
  const all = await allSegmentsOf(ports, run);
  const segments = all.filter(({ phase }) => phase === run.phase);
  const left = segments.filter(run.state === 'running' ? ({ isDone }) => !isDone : isUnsettled);
  if (left.length > 0) {
    const { phase, layout } = run;
    return {
      next: 'work',
      run: id,
      phase,
      segments: left.map(({ index }) => index),
      concurrency: layout.concurrency,
    };
  }
  if (run.state === 'running' && run.phase === 'scatter' && errorsOf(segments) > run.layout.maxErrors) {
    await fail(ports, run, tooManyErrors());
    return end;
  }
  const phases: readonly Phase[] = PHASES[run.mode];
  const nextPhase = phases[phases.indexOf(run.phase) + 1];
  if (run.state === 'running' && nextPhase !== undefined) {
    await changeRun(ports, id, (now) =>
      now.state === 'running' && now.phase === run.phase ? { ...now, phase: nextPhase } : undefined,
    );
    return steer(ports, id);
  }
  const seconds = ghostSeconds(ports, run, all);
  return seconds > 0 ? { next: 'wait', run: id, seconds } : finish(ports, run, all);
}

function errorsOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { tally }) => sum + (tally.skipped.TRANSFORM_FAILED ?? 0), 0);
}

/** How long a worker that was taken over from, and may only be frozen, could still change the table. */
function ghostSeconds({ clock }: RunPorts, { changes }: Run, segments: readonly Segment[]): number {
  if (changes === undefined) return 0;
  const until = Math.max(0, ...segments.map(({ ghostUntil }) => ghostUntil));
  return Math.min(GHOST_SECONDS_MAX, Math.max(0, Math.ceil((until - clock.now()) / 1000)));
}

/** Sums up what all pieces have counted, lets go of the table, and tells, once. */
async function finish(ports: RunPorts, run: Run, all: readonly Segment[]): Promise<Steering> {
  invariant(
    all.every(({ held }) => held === undefined),
    'a run ends with nothing held',
  );
  const end = {
    state: run.state === 'cancelling' ? 'cancelled' : 'finished',
    endedAt: ports.clock.now(),
    ...summed(all),
    proofRoot: rootOf(all.filter(({ proofs }) => proofs > 0)),
  } as const;
  const { run: ended, isChanged } = await changeRun(ports, run.id, (now) =>
    // the same attempt: between two cancellations it may have gone on
    now.state === run.state && now.attempt === run.attempt ? { ...now, ...end } : undefined,
  );
  if (isChanged) publishRun(ports.telemetry, ended);
  // not before, lest another run has it while this one is not over
  if (run.changes !== undefined) await ports.ledger.releaseTable(run.changes, holderOf(run));
  return { next: 'end', run: run.id };
}
