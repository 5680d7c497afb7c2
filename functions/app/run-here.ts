import { invariant, RecohereError } from '../core/errors.ts';
import type { Run } from '../core/run.ts';
import { allOf } from './all-of.ts';
import type { RunPorts } from './run-ports.ts';
import { steer } from './steer.ts';
import { type Task, work } from './work.ts';

/** Failures of one piece, each after all tries of a call, until the run is left to somebody else. */
const FAILURES_MAX = 5;
const FAILURE_WAIT_MS = 5_000;

/** Works on a run to its end, with a pool of workers in this process: what the state machine does in AWS. */
export async function runHere(ports: RunPorts, id: string): Promise<Run> {
  for (;;) {
    const steering = await steer(ports, id);
    if (steering.next === 'end') break;
    if (steering.next === 'wait') {
      await ports.clock.sleep(steering.seconds * 1000);
      continue;
    }
    const { run, phase, segments, concurrency } = steering;
    await allOf(segments, (index) => workOn(ports, { run, phase, index }), concurrency);
  }
  const run = await ports.ledger.readRun(id);
  invariant(run, 'a run that was worked on is remembered');
  return run;
}

async function workOn(ports: RunPorts, task: Task): Promise<void> {
  for (let failures = 0; ; ) {
    try {
      const worked = await work(ports, task, ports.clock.now() + ports.limits.workerMs / 2);
      if (worked.isDone) return;
      await ports.clock.sleep(worked.waitSeconds * 1000);
    } catch (error) {
      if (!(error instanceof RecohereError && error.retryable) || ++failures === FAILURES_MAX) throw error;
      await ports.clock.sleep(FAILURE_WAIT_MS * failures);
    }
    // a run that was cancelled leaves pieces that are not done
    const run = await ports.ledger.readRun(task.run);
    if (run?.state !== 'running') return;
  }
}
