import { invariant, RecohereError } from '../core/errors.ts';
import { hashOfProof, type Proof, type ProofEntry } from '../core/run.ts';
import { applyBackfill } from './apply-backfill.ts';
import { applyDedupe, settleHeld } from './apply-dedupe.ts';
import type { PlanEntry } from './gather.ts';
import type { Grip } from './grip.ts';
import { batchesOf, entriesOf, planOf } from './plan-entries.ts';
import type { RunPorts } from './run-ports.ts';

/** What became of one batch. */
export interface Applied {
  readonly entries: readonly ProofEntry[];
  /** The quarantine object that has what was removed, or written over. */
  readonly object?: string | undefined;
}

/** One batch of a plan: what one proof speaks of. */
export interface Batch {
  /** The number of its proof. */
  readonly number: number;
  readonly entries: readonly PlanEntry[];
}

/**
 * Does what one partition of a plan says, batch after batch. A batch that a dead worker has begun is brought to its end first, even
 * if the run has been cancelled since: nothing stays in between.
 */
export async function apply(ports: RunPorts, grip: Grip): Promise<void> {
  const { run, segment } = grip;
  const entries = await entriesOf(ports.ledger, planOf(run), segment.index);
  const applyBatch = run.rule.kind === 'dedupe' ? applyDedupe : applyBackfill;
  if (segment.held !== undefined) {
    const batch = await heldBatch(batchesOf(ports, run, segment.index, entries, segment.proofs));
    const ended = await settled(ports, grip, batch);
    await prove(ports, grip, ended.entries, ended.object);
    if (!(await grip.mayGoOn())) return;
  }
  for await (const batch of batchesOf(ports, run, segment.index, entries, grip.segment.proofs)) {
    if (!(await grip.mayGoOn())) return;
    const { entries, object } = await applyBatch(ports, grip, batch);
    await prove(ports, grip, entries, object);
  }
  invariant(grip.segment.held === undefined, 'a piece of an apply ends with nothing held');
  if (await grip.mayGoOn()) await grip.checkpoint({ isDone: true });
}

/** Brings a batch to its end that a worker has begun. @param batch `undefined` if the plan is not there any more */
async function settled(ports: RunPorts, grip: Grip, batch: Batch | undefined): Promise<Applied> {
  const { run, segment } = grip;
  if (run.rule.kind === 'dedupe')
    return { entries: await settleHeld(ports, grip, batch), object: segment.held };
  return batch ? applyBackfill(ports, grip, batch) : { entries: [] };
}

/** The batch that is held; `undefined` if the plan is not there any more. */
async function heldBatch(batches: AsyncGenerator<Batch>): Promise<Batch | undefined> {
  try {
    return (await batches.next()).value;
  } catch (error) {
    if (error instanceof RecohereError && error.code === 'PLAN_LOST') return undefined;
    throw error;
  }
}

/**
 * Adds a link to the chain, then says in the segment that it counts; the batch is over.
 * @param object The quarantine object that has what was removed.
 */
export async function prove(
  ports: RunPorts,
  grip: Grip,
  entries: readonly ProofEntry[],
  object?: string | undefined,
): Promise<void> {
  const { run, phase, index, proofs, head, epoch } = grip.segment;
  const proof: Proof = {
    run,
    phase,
    index,
    number: proofs,
    previous: head,
    at: ports.clock.now(),
    epoch,
    ...(object !== undefined && { object }),
    entries,
  };
  await ports.ledger.record(proof);
  await grip.checkpoint({ held: undefined, proofs: proofs + 1, head: hashOfProof(proof) });
}
