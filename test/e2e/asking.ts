import { expect } from 'vitest';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import type { WrittenRequest } from '../../functions/contract/requests.ts';
import { textOfItem, type WireItem } from '../../functions/core/item.ts';
import type { DeployedTables } from '../../local/deployed-tables.ts';
import type { Installation } from '../../local/installation.ts';
import { until } from '../../local/until.ts';

/** What a request is answered with. */
type Answer = RunStatus & {
  readonly error?: { readonly code: string; readonly mistakes?: readonly string[] };
};

/** Asks the deployed function `reconcile`, as `aws lambda invoke` does. */
export function asking(installation: () => Installation) {
  const ask = async (request: WrittenRequest) =>
    (await installation().invoke('reconcile', request)) as Answer;

  const statusWhen = (run: string, what: string, willDo: (status: Answer) => boolean) =>
    until(`${run} ${what}`, () => ask({ kind: 'status', run }), willDo);

  const ended = (run: string) =>
    statusWhen(run, 'has ended', ({ state }) => state !== 'running' && state !== 'cancelling');

  async function begun(request: WrittenRequest): Promise<string> {
    const { id, error } = await ask(request);
    expect(error).toBeUndefined();
    return id;
  }

  return { ask, statusWhen, ended, begun };
}

/** All items of a table as texts, sorted. */
export async function itemTexts(tables: DeployedTables, table: string): Promise<readonly string[]> {
  return (await tables.items(table)).map((item) => textOfItem(item as WireItem)).sort();
}
