import { afterAll, describe, expect, it } from 'vitest';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import type { WrittenRequest } from '../../functions/contract/requests.ts';
import { textOfItem } from '../../functions/core/item.ts';
import { dyingAt, Killed, MOMENTS, type Moment } from './dying.ts';
import { quarantinedTexts } from './quarantined.ts';
import { applyOf, COPIES, ORDERS, orderItem, RunSystem } from './run-system.ts';

const ORDERS_COUNT = 60;
const DOUBLES = 55; // more than a batch

let killed = 0;

/** What a run is asked for, after what else is asked for, and how it is told that it ended well. */
interface Scenario {
  readonly name: string;
  readonly system: () => RunSystem;
  /** Done before, undisturbed. @returns What is asked for. */
  readonly prepare: (system: RunSystem) => Promise<WrittenRequest>;
  readonly ended: Partial<RunStatus>;
}

/** Of three partitions, with pages, flushes and passes so small that there are several of each. */
function finely(system: RunSystem): RunSystem {
  system.orders.set({ items: 150_000 });
  for (const table of system.tables.values()) table.pageItems = 7;
  system.limits = { ...system.limits, flushCharacters: 500, passRecords: 15 };
  return system;
}

function doubledOrders(): RunSystem {
  const system = finely(new RunSystem());
  for (let order = 0; order < ORDERS_COUNT; order++) {
    system.orders.put(orderItem(`a${order}`, `o${order}`, order));
    if (order < DOUBLES) system.orders.put(orderItem(`b${order}`, `o${order}`, order + 1));
  }
  return system;
}

function halfCopiedOrders(): RunSystem {
  const system = finely(
    new RunSystem([
      { name: ORDERS, backfill: { to: COPIES, version: 'at', transform: './none.ts' }, apply: true },
    ]),
  );
  for (let order = 0; order < ORDERS_COUNT; order++) {
    system.orders.put(orderItem(`a${order}`, `o${order}`, order + 10));
    if (order % 3 === 0) system.table(COPIES).put(orderItem(`a${order}`, 'older', order));
  }
  return system;
}

const dedupe: WrittenRequest = { kind: 'dedupe', table: ORDERS, token: 'one' };
const backfill: WrittenRequest = { kind: 'backfill', table: ORDERS, token: 'one' };

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a dry run of a dedupe',
    system: doubledOrders,
    prepare: async () => dedupe,
    ended: { state: 'finished', scanned: ORDERS_COUNT + DOUBLES, duplicates: DOUBLES },
  },
  {
    name: 'the apply of a dedupe',
    system: doubledOrders,
    prepare: async (system) => applyOf(await system.run(dedupe)),
    ended: { state: 'finished', removed: DOUBLES, verified: DOUBLES, skipped: {} },
  },
  {
    name: 'an undo',
    system: doubledOrders,
    prepare: async (system) => ({
      kind: 'undo',
      run: (await system.run(applyOf(await system.run(dedupe)))).id,
    }),
    ended: { state: 'finished', restored: DOUBLES, skipped: {} },
  },
  {
    name: 'a dry run of a backfill',
    system: halfCopiedOrders,
    prepare: async () => backfill,
    ended: { state: 'finished', scanned: 80 },
  },
  {
    name: 'the apply of a backfill',
    system: halfCopiedOrders,
    prepare: async (system) => applyOf(await system.run(backfill)),
    ended: { state: 'finished', verified: ORDERS_COUNT, skipped: {} },
  },
];

/** All that lies in the tables. */
function contentOf(system: RunSystem): readonly string[][] {
  return [...system.tables.values()].map((table) => table.items().map(textOfItem));
}

/** Every item that lies in a table or in quarantine, as text, once. */
async function keptOf(system: RunSystem): Promise<Set<string>> {
  return new Set([...contentOf(system).flat(), ...(await quarantinedTexts(system.objects))]);
}

/** Asks for a run in a process that dies at a call; then for the same again, in processes that live. */
async function dieAndGoOn(
  system: RunSystem,
  asked: WrittenRequest,
  at: number,
  moment: Moment,
): Promise<boolean> {
  const { ports, life } = dyingAt(system.ports, at, moment);
  try {
    const { id } = (await system.ask(asked, ports)) as RunStatus;
    await system.clock.run(() => runHere(ports, id));
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    killed++;
  }
  return life.isOver;
}

describe.each(SCENARIOS)('$name', ({ system: make, prepare, ended }) => {
  it.each(MOMENTS)(
    'ends as if undisturbed wherever its process dies, %s the call has its effect',
    async (moment) => {
      const undisturbed = make();
      await undisturbed.run(await prepare(undisturbed));
      const expected = contentOf(undisturbed);
      for (let at = 1; ; at++) {
        const system = make();
        const asked = await prepare(system);
        const wasKilled = await dieAndGoOn(system, asked, at, moment);
        const status = await system.run(asked);
        expect(status, `killed at call ${at}`).toMatchObject(ended);
        expect(contentOf(system), `killed at call ${at}`).toEqual(expected);
        const kept = await keptOf(system);
        const lost = [...system.tables.values()].flatMap(({ history }) =>
          history.filter((text) => !kept.has(text)),
        );
        expect(lost, `killed at call ${at}`).toEqual([]);
        expect(await system.ask({ kind: 'audit', run: status.id }), `killed at call ${at}`).toMatchObject({
          isRootSame: true,
          breaks: [],
        });
        if (!wasKilled) break;
      }
    },
  );
});

afterAll(() => {
  process.stdout.write(`${killed} kill points\n`);
});
