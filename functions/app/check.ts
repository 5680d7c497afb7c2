import { copyOf } from '../core/dedupe.ts';
import { RecohereError } from '../core/errors.ts';
import { contentHash, type WireItem } from '../core/item.ts';
import { type ProofEntry, REMOVED, type Run, type Skip, salted } from '../core/run.ts';
import { readAll } from './apply-dedupe.ts';
import type { PlanEntry } from './gather.ts';
import type { Grip } from './grip.ts';
import { batchesOf, entriesOf, planOf } from './plan-entries.ts';
import type { RunPorts } from './run-ports.ts';

/** Reads again, strongly, all that one partition of an apply has touched. */
export async function check(ports: RunPorts, grip: Grip): Promise<void> {
  const { run, segment } = grip;
  const { rule, table } = run;
  const store = ports.items(rule.kind === 'backfill' ? { ...table, name: rule.to } : table);
  const entries = await entriesOf(ports.ledger, planOf(run), segment.index);
  const from = Number(segment.cursor ?? 0);
  const proofs = ports.ledger.proofs(run.id, 'apply', segment.index)[Symbol.asyncIterator]();
  for (let skipped = 0; skipped < from; skipped++) await proofs.next();
  for await (const batch of batchesOf(ports, run, segment.index, entries, from)) {
    if (!(await grip.mayGoOn())) return;
    const { value: proof } = await proofs.next();
    if (proof?.number !== batch.number)
      throw new RecohereError('PROOF_LOST', 'a proof of this run is not there: recohere audit says which');
    const pairs = batch.entries.map((entry, position) => ({ entry, proof: proof.entries[position] }));
    const touched = pairs.filter(({ proof }) => proof && TOUCHED.includes(proof.outcome));
    const keys = touched.flatMap(({ entry: { key, because } }) =>
      rule.kind === 'dedupe' ? [key, because] : [key],
    );
    const there = await readAll(store, grip, keys);
    for (const { entry, proof } of touched) {
      const wrong = proof && wrongWith(run, entry, proof, there);
      if (wrong === undefined) grip.count('verified');
      else grip.skip(wrong, entry.key);
    }
    await grip.checkpoint({ cursor: String(batch.number + 1) });
  }
  if (await grip.mayGoOn()) await grip.checkpoint({ isDone: true });
}

const TOUCHED: readonly ProofEntry['outcome'][] = [...REMOVED, 'written'];

function wrongWith(
  { rule, keys, salt }: Run,
  { key, because, group }: PlanEntry,
  proof: ProofEntry,
  there: ReadonlyMap<string, WireItem>,
): Skip | undefined {
  const item = there.get(key);
  if (rule.kind === 'backfill') {
    return item !== undefined && salted(salt, contentHash(item)) === proof.item
      ? undefined
      : 'NOT_AS_WRITTEN';
  }
  if (item !== undefined) return 'REAPPEARED';
  const keeper = there.get(because);
  return keeper !== undefined && copyOf(keeper, rule, keys)?.group === group ? undefined : 'KEEPER_LOST';
}
