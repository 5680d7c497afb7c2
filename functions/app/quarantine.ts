import { RecohereError } from '../core/errors.ts';
import type { Run } from '../core/run.ts';
import type { PlanEntry } from './gather.ts';
import { isItemText, textsOfLine } from './lines.ts';
import type { RunPorts } from './run-ports.ts';

/** One quarantined item: its plan's entry, and the item whole, as text. */
export interface Quarantined extends PlanEntry {
  readonly item: string;
}

/** Keeps items before they are removed, or written over. */
export async function quarantine(
  { objects }: Pick<RunPorts, 'objects'>,
  run: Run,
  object: string,
  items: readonly Quarantined[],
): Promise<void> {
  const lines = items.map(({ key, because, item }) => JSON.stringify([key, because, item]));
  await objects(run.table).write(object, Buffer.from(lines.join('\n')));
}

/** What is not there any more is nothing; any other failure is one. */
export function ifLost(error: unknown): undefined {
  if (error instanceof RecohereError && error.code === 'QUARANTINE_LOST') return undefined;
  throw error;
}

/** What a quarantine object holds. @throws RecohereError `QUARANTINE_LOST` */
export async function quarantined(
  { objects }: Pick<RunPorts, 'objects'>,
  run: Run,
  object: string,
): Promise<readonly Quarantined[]> {
  const content = await objects(run.table).read(object);
  const items = content?.toString().split('\n').flatMap(quarantinedOf) ?? [];
  if (items.length > 0) return items;
  throw new RecohereError('QUARANTINE_LOST', 'a quarantined batch is not there any more', {
    context: { object },
  });
}

/** None for a line that is not as it was written: it is lost for itself alone. */
function quarantinedOf(line: string): readonly Quarantined[] {
  const [key, because, item] = textsOfLine(line) ?? [];
  return isItemText(key) && isItemText(because) && isItemText(item) ? [{ key, because, item }] : [];
}
