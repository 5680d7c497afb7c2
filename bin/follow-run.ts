import type { Reconciling, ReportedStatus } from '../functions/adapters/aws/reconcile-client.ts';
import type { systemClock } from '../functions/adapters/aws/system.ts';
import type { Show } from './progress.ts';
import { progressText } from './render-run.ts';

/** It is asked again after a tenth of the time that was waited, within these bounds. */
const POLL_SHARE = 0.1;
const POLL_MS_MIN = 200;
const POLL_MS_MAX = 2_000;

/** Waits until a run has ended, and shows how far it is. */
export async function followRun(
  asked: Pick<Reconciling, 'run'>,
  clock: typeof systemClock,
  begun: ReportedStatus,
  show: Show,
): Promise<ReportedStatus> {
  const since = clock.now();
  const speed = speedometer();
  let run = begun;
  while (isAtWork(run)) {
    const now = clock.now();
    show(run.progress.done, Math.max(1, run.progress.of), progressText(run, speed(run, now)));
    await clock.sleep(pollMs(now - since));
    run = await asked.run({ kind: 'status', run: run.id });
  }
  return run;
}

/** When to ask again, after a time that was waited. */
export function pollMs(waitedMs: number): number {
  return Math.min(POLL_MS_MAX, Math.max(POLL_MS_MIN, Math.round(waitedMs * POLL_SHARE)));
}

/** Whether a run has not ended yet. */
export function isAtWork({ state }: Pick<ReportedStatus, 'state'>): boolean {
  return state === 'running' || state === 'cancelling';
}

/** How fast a phase goes, since it was first seen. */
function speedometer(): (run: ReportedStatus, now: number) => number {
  let first: { readonly phase: string; readonly done: number; readonly at: number } | undefined;
  return ({ phase, progress: { done } }, now) => {
    if (first?.phase !== phase) first = { phase, done, at: now };
    return now > first.at ? (done - first.done) / ((now - first.at) / 1000) : 0;
  };
}
