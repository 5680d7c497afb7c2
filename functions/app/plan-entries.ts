import { RecohereError } from '../core/errors.ts';
import { OBJECT_NAMES, PLAN_CHUNK, type Run } from '../core/run.ts';
import type { RunLedger } from '../ports/run-ledger.ts';
import type { PlanEntry } from './gather.ts';
import { isItemText, textsOfLine } from './lines.ts';
import type { RunPorts } from './run-ports.ts';

/**
 * Batches of a partition's plan, from one of them on; each is what one proof speaks of.
 * @param run The dry run, or its apply.
 * @param entries How many the plan has.
 * @throws RecohereError `PLAN_LOST`
 */
export async function* batchesOf(
  ports: Pick<RunPorts, 'objects' | 'limits'>,
  run: Run,
  partition: number,
  entries: number,
  from: number,
): AsyncGenerator<{ readonly number: number; readonly entries: readonly PlanEntry[] }> {
  const objects = ports.objects(run.table);
  const plan = planOf(run);
  const { batchEntries } = ports.limits;
  for (let chunk = Math.floor((from * batchEntries) / PLAN_CHUNK); chunk * PLAN_CHUNK < entries; chunk++) {
    const count = Math.min(PLAN_CHUNK, entries - chunk * PLAN_CHUNK);
    const content =
      (await objects.read(OBJECT_NAMES.plan(plan, partition, chunk, count))) ??
      (await objects.read(OBJECT_NAMES.formerPlan(plan, partition, chunk)));
    if (content === undefined) throw planLost();
    const all = content.toString().split('\n').map(entryOfLine);
    if (all.length !== count) throw planLost();
    for (let at = 0; at < all.length; at += batchEntries) {
      const number = (chunk * PLAN_CHUNK + at) / batchEntries;
      if (number >= from) yield { number, entries: all.slice(at, at + batchEntries) };
    }
  }
}

/** How many entries the plan has for a partition. @param plan The run that made it. */
export async function entriesOf(ledger: RunLedger, plan: string, partition: number): Promise<number> {
  const { records } = await ledger.readSegment(plan, 'gather', partition);
  return records[0] ?? 0;
}

/** The dry run whose plan a run works through. */
export function planOf(run: Run): string {
  return run.of ?? run.id;
}

/** @throws RecohereError `PLAN_LOST` */
function entryOfLine(line: string): PlanEntry {
  const [key, because, group] = textsOfLine(line) ?? [];
  if (!isItemText(key) || !isItemText(because) || group === undefined) throw planLost();
  if (group !== null && key === because) throw planLost(); // of a dedupe: what goes is not what stays
  return { key, because, group: group ?? undefined };
}

function planLost(): RecohereError {
  return new RecohereError('PLAN_LOST', 'what the dry run found is not there any more: make a new one');
}
