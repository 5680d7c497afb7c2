import { expect } from 'vitest';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { haunted, Killed } from './dying.ts';
import { applyOf, DEDUPE, ORDERS, orderItem, RunSystem } from './run-system.ts';

/** What asks for a dry run. */
export const dry = { kind: 'dedupe', table: ORDERS } as const;

/** Some orders that were written twice: `a0` is to stay, and `b0` to go. */
export function withDoubles(doubles = 5, tables = DEDUPE): RunSystem {
  const system = new RunSystem(tables);
  for (let order = 0; order < doubles; order++) {
    system.orders.put(orderItem(`a${order}`, `o${order}`, 1));
    system.orders.put(orderItem(`b${order}`, `o${order}`, 2));
  }
  return system;
}

/** The config of these orders, but for something. */
export function changed(change: Partial<NonNullable<RecohereConfig['tables']>[number]>) {
  return DEDUPE.map((table) => ({ ...table, ...change }));
}

export function idsOf(system: RunSystem): string[] {
  return system.orders
    .items()
    .map(({ id }) => (id && 'S' in id ? id.S : ''))
    .sort();
}

/** Makes a dry run, and asks for the apply of it, on which nobody works yet. @returns Its id. */
export async function begunApply(system: RunSystem, token = 'one'): Promise<string> {
  const { id } = (await system.ask(applyOf(await system.run({ ...dry, token })))) as RunStatus;
  return id;
}

/** An apply of which a first process has done a part, and is dead. @returns Its id. */
export async function halfApplied(system: RunSystem): Promise<string> {
  const id = await begunApply(system);
  await expect(system.clock.run(() => runHere(dyingAfter(system, 70), id))).rejects.toThrow(Killed);
  return id;
}

/** Ports of a process that dies once it has removed so many items. */
export function dyingAfter(system: RunSystem, removals: number): RunSystem['ports'] {
  let removed = 0;
  return haunted(system.ports, ({ name, moment }) => {
    if (name === `${ORDERS}.removeIfSame` && moment === 'after' && ++removed > removals) throw new Killed();
  });
}
