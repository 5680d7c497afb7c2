import { invariant } from '../core/errors.ts';
import { isSameItem, itemOfText } from '../core/item.ts';
import { type Proof, type ProofEntry, REMOVED, type Run, salted } from '../core/run.ts';
import { allOf } from './all-of.ts';
import { prove } from './apply.ts';
import { readAll } from './apply-dedupe.ts';
import type { Grip } from './grip.ts';
import { ifLost, type Quarantined, quarantined } from './quarantine.ts';
import type { RunPorts } from './run-ports.ts';
import { forgotten } from './run-state.ts';

/** Puts back what one partition of an apply has removed, byte for byte, where nobody has written another item since. */
export async function undo(ports: RunPorts, grip: Grip): Promise<void> {
  const { run, segment } = grip;
  invariant(run.of !== undefined, 'an undo names what it undoes');
  // before what is undone is read: a forget that comes after that then sees the undo at work, or this lease
  if (!(await grip.mayGoOn())) return;
  const applied = await ports.ledger.readRun(run.of);
  invariant(applied, 'what is undone was once done');
  if (applied.isForgotten) throw forgotten();
  for await (const proof of ports.ledger.proofs(applied.id, 'apply', segment.index)) {
    if (proof.number < segment.proofs) continue;
    if (!(await grip.mayGoOn())) return;
    await prove(ports, grip, await restored(ports, grip, applied, proof), proof.object);
  }
  if (await grip.mayGoOn()) await grip.checkpoint({ isDone: true });
}

async function restored(
  ports: RunPorts,
  grip: Grip,
  applied: Run,
  proof: Proof,
): Promise<readonly ProofEntry[]> {
  if (proof.object === undefined) return [];
  const store = ports.items(grip.run.table);
  const toRestore = proof.entries.filter(({ outcome }) => REMOVED.includes(outcome));
  const proved = new Map(toRestore.map(({ key, item }) => [key, item]));
  const held = (await quarantined(ports, applied, proof.object).catch(ifLost)) ?? [];
  const removed = held.filter(
    ({ key, item }) => proved.get(salted(applied.salt, key)) === salted(applied.salt, item),
  );
  // what is not there, or is not what it was, is lost for itself alone
  grip.skipUnnamed('QUARANTINE_LOST', toRestore.length - removed.length);
  const put = async (items: readonly Quarantined[]) => {
    const taken: string[] = [];
    await allOf(items, async ({ key, item }) => {
      const { isDone } = await grip.write(() => store.putIfAbsent(itemOfText(item)));
      if (!isDone) taken.push(key);
    });
    return taken;
  };
  const taken = await put(removed);
  const there = await readAll(store, grip, taken);
  // whatever was in the way may be gone again
  const again = await put(removed.filter(({ key }) => taken.includes(key) && !there.has(key)));
  return removed.map(({ key, because, item }) => {
    // what is there and the same was put back by a worker that died before it could say so
    const isPut = !taken.includes(key) || (!there.has(key) && !again.includes(key));
    const isRestored = isPut || isSameItem(there.get(key), itemOfText(item));
    if (isRestored) grip.count('restored');
    else grip.skip('RECREATED', key);
    return {
      key: salted(grip.run.salt, key),
      because: salted(grip.run.salt, because),
      item: salted(grip.run.salt, item),
      outcome: isRestored ? 'restored' : 'RECREATED',
    };
  });
}
