import { RecohereError } from '../core/errors.ts';
import { type Phase, taken } from '../core/run.ts';
import { apply } from './apply.ts';
import { check } from './check.ts';
import { gather } from './gather.ts';
import { Grip, LEASE_MS } from './grip.ts';
import type { RunPorts } from './run-ports.ts';
import { existingRun, fail, GHOST_SECONDS_MAX, isAtWork, isUnsettled } from './run-state.ts';
import { scatter } from './scatter.ts';
import { undo } from './undo.ts';

/** One piece of a run's phase. */
export interface Task {
  readonly run: string;
  readonly phase: Phase;
  readonly index: number;
}

/** Whether nothing is left to do, for now; if not, ask again, after so many seconds if somebody else is at it. */
export type Worked = { readonly isDone: true } | { readonly isDone: false; readonly waitSeconds: number };

const PHASE_WORK: Readonly<Record<Phase, (ports: RunPorts, grip: Grip) => Promise<void>>> = {
  scatter,
  gather,
  apply,
  check,
  undo,
};

const OWNER_BYTES = 16;
/** What a worker waits that lost a race for a segment. */
const RACE_SECONDS = 1;

/**
 * Works on one piece of a run until it is done, time is over, the run is cancelled or somebody else has taken the piece. Whatever
 * moment it dies in, the next worker goes on from the last checkpoint.
 * @param until When to stop, in epoch milliseconds, however much is left.
 * @throws RefusedError, RecohereError that are retryable: ask again. What no retry mends ends the run as `failed`.
 */
export async function work(ports: RunPorts, task: Task, until: number): Promise<Worked> {
  const { ledger, clock, random, limits } = ports;
  const run = await existingRun(ports, task.run);
  if (!isAtWork(run) || run.phase !== task.phase) return { isDone: true };
  const segment = await ledger.readSegment(task.run, task.phase, task.index);
  if (segment.isDone || (run.state === 'cancelling' && !isUnsettled(segment))) return { isDone: true };
  const now = clock.now();
  const owner = Buffer.from(random.bytes(OWNER_BYTES)).toString('hex');
  const own = taken(segment, owner, now, LEASE_MS, limits.workerMs);
  if (own === undefined) return later(((segment.lease?.until ?? now) - now) / 1000);
  const held = { ...own, version: own.version + 1 };
  if (!(await ledger.swapSegment(held))) return later(RACE_SECONDS);
  const grip = new Grip(ports, run, held, until);
  if (held.held !== undefined && held.ghostUntil > now) {
    // whoever began this batch can begin no other one, but may still be alive, and at this one
    await grip.release();
    return later(Math.min(GHOST_SECONDS_MAX, (held.ghostUntil - now) / 1000));
  }
  if (run.state === 'cancelling' && held.held === undefined) {
    await grip.release(); // there is nothing to settle
    return { isDone: true };
  }
  try {
    await PHASE_WORK[task.phase](ports, grip).catch(async (error: unknown) => {
      // whoever was taken over from is refused here, and ends no run
      if (error instanceof RecohereError && !error.retryable) await grip.renew();
      throw error;
    });
  } catch (error) {
    if (!(error instanceof RecohereError)) throw error;
    if (error.code === 'FENCED') return later(RACE_SECONDS);
    if (error.code === 'TIME_OVER') {
      await grip.release();
      return later(0);
    }
    if (!error.retryable) await fail(ports, run, error, await grip.uncommitted());
    await grip.release();
    if (error.retryable) throw error;
    return { isDone: true };
  }
  await grip.release();
  return grip.segment.isDone || grip.isStopped ? { isDone: true } : later(0);
}

function later(seconds: number): Worked {
  return { isDone: false, waitSeconds: Math.ceil(seconds) };
}
