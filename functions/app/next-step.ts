import type { RunPorts } from './run-ports.ts';
import { type Steering, steer } from './steer.ts';

/** What an execution of a run does next. It fails with its run, so that whoever watches executions sees it. */
export type NextStep = Steering | { readonly next: 'fail'; readonly run: string };

/** @throws RecohereError as {@link steer} does */
export async function nextStep(ports: RunPorts, id: string): Promise<NextStep> {
  const steering = await steer(ports, id);
  if (steering.next !== 'end') return steering;
  const run = await ports.ledger.readRun(id);
  return run?.state === 'failed' ? { next: 'fail', run: id } : steering;
}
