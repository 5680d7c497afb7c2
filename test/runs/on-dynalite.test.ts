import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLedgerTable } from '../../functions/adapters/aws/ledger.ts';
import { type LocalDynamo, startLocalDynamo } from '../../functions/adapters/aws/local-dynamo.ts';
import { transforms } from '../../functions/adapters/aws/transform.ts';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { COMPARED_ATTRIBUTES_MAX, textOfItem, type WireItem } from '../../functions/core/item.ts';
import { haunted } from '../app/dying.ts';
import { quarantinedTexts } from '../app/quarantined.ts';
import { COPIES, DEDUPE, HUB, ORDERS, orderItem, RunSystem } from '../app/run-system.ts';
import type { KeyAttribute } from '../contract/item-store.ts';
import { applyHere, type Client, OwnTables, RealRuns } from './real-runs.ts';

type Table = NonNullable<RecohereConfig['tables']>[number];

const ID: readonly KeyAttribute[] = [{ name: 'id', type: 'S' }];
/** 38 digits, as many as DynamoDB holds. */
const LONG = '12345678901234567890123456789012345678';
const LONGER_BY_ONE = '12345678901234567890123456789012345679';
/** Near the 400 KB that DynamoDB takes. */
const LARGE_BYTES = 400 * 1024 - 200;
const MANY = 10_000;

const folder = mkdtempSync(join(tmpdir(), 'recohere-runs-'));
let dynamo: LocalDynamo;
let client: Client;
let own: OwnTables;
let worlds = 0;

beforeAll(async () => {
  dynamo = await startLocalDynamo();
  client = { ...dynamo.client, region: HUB };
  own = new OwnTables(client);
});

afterAll(async () => {
  own.close();
  await dynamo.stop();
  rmSync(folder, { recursive: true });
});

/** Tables with names of their own, and the runs over them. */
class World {
  readonly orders = `${ORDERS}-${++worlds}`;
  readonly copies = `${this.orders}-v2`;
  readonly runs: RealRuns;
  readonly #ledger = `${this.orders}-ledger`;

  /** @param table What the config says of it, besides its name. */
  constructor({ backfill, ...table }: Partial<Table> = DEDUPE[0] ?? {}, transform = asItIs) {
    const more = backfill ? { backfill: { ...backfill, to: this.copies } } : {};
    this.runs = new RealRuns({
      client,
      ledger: this.#ledger,
      folder: join(folder, this.orders),
      tables: [{ apply: true, ...table, ...more, name: this.orders }],
      transforms: transforms(async () => ({ default: transform })),
    });
  }

  /** Makes the tables, and fills them. */
  async make(
    orders: readonly WireItem[],
    keys: readonly KeyAttribute[] = ID,
    copies?: readonly WireItem[],
  ): Promise<this> {
    await createLedgerTable(client, this.#ledger);
    await own.make(this.orders, keys);
    await own.fill(this.orders, orders);
    if (copies) {
      await own.make(this.copies, keys);
      await own.fill(this.copies, copies);
    }
    return this;
  }

  dry(kind: 'dedupe' | 'backfill' = 'dedupe'): Promise<RunStatus> {
    return this.runs.run({ kind, table: this.orders });
  }

  async applied(kind: 'dedupe' | 'backfill' = 'dedupe'): Promise<RunStatus> {
    return this.runs.run(applyHere(await this.dry(kind)));
  }

  content(table = this.orders): Promise<readonly string[]> {
    return contentOf(own.items(table));
  }

  quarantine(): Promise<ReadonlySet<string>> {
    return quarantinedTexts(this.runs.ports.objects({ name: this.orders, region: HUB }));
  }
}

async function contentOf(items: readonly WireItem[] | Promise<readonly WireItem[]>): Promise<string[]> {
  return (await items).map(textOfItem).sort();
}

function asItIs(item: object): object | null {
  return item;
}

/** Gives an order its euros, and none for what is no order. */
function withEuros(item: Record<string, unknown>): object | null {
  if (item.isTest === true) return null;
  const { cents, ...rest } = item;
  return typeof cents === 'number' ? { ...rest, euros: cents / 100 } : rest;
}

/** What a report says that does not depend on where a table is. */
function told({ state, scanned, duplicates, removed, restored, verified, counts, skipped }: RunStatus) {
  return { state, scanned, duplicates, removed, restored, verified, counts, skipped };
}

/** Orders with attributes of all types that dynalite compares; every second one was written three times. */
function mixedOrders(): WireItem[] {
  return Array.from({ length: 40 }, (_, order) => order).flatMap((order) =>
    Array.from({ length: order % 2 === 0 ? 3 : 1 }, (_, copy) =>
      orderItem(`${copy}-${order}`, `o${order}`, 100 - copy, {
        cents: { N: `${order}.50` },
        long: { N: LONG },
        seal: { B: new Uint8Array([0, 255, order]) },
        tags: { SS: ['a', `b${copy}`] },
        sizes: { NS: ['1', '2.5', `-${order + 3}`] },
        isPaid: { BOOL: copy === 0 },
        nothing: { NULL: true },
        empty: { S: '' },
        '🐎 constructor': { S: 'toString' },
      }),
    ),
  );
}

describe('a dedupe on a real server', () => {
  it('does what it does on the simulated table', async () => {
    const world = await new World().make(mixedOrders());
    const twin = new RunSystem();
    for (const item of mixedOrders()) twin.orders.put(item);
    const first = await world.content();
    expect(first).toEqual(await contentOf(twin.orders.items()));

    const dry = await world.dry();
    const twinDry = await twin.run({ kind: 'dedupe', table: ORDERS });
    expect(told(dry)).toEqual(told(twinDry));
    expect(await world.content()).toEqual(first);

    const applied = await world.runs.run(applyHere(dry));
    const twinApplied = await twin.run(applyHere(twinDry));
    expect(told(applied)).toEqual(told(twinApplied));
    expect(told(applied)).toMatchObject({ removed: 40, verified: 40 });
    expect(await world.content()).toEqual(await contentOf(twin.orders.items()));
    expect(new Set([...(await world.content()), ...(await world.quarantine())])).toEqual(new Set(first));

    const undone = await world.runs.run({ kind: 'undo', run: applied.id });
    expect(told(undone)).toEqual(told(await twin.run({ kind: 'undo', run: twinApplied.id })));
    expect(await world.content()).toEqual(first);
    expect(await world.runs.ask({ kind: 'audit', run: applied.id })).toMatchObject({
      isRootSame: true,
      breaks: [],
    });
  });

  it('leaves items with lists and maps alone on dynalite, which never finds them equal', async () => {
    const more = { list: { L: [{ S: 'a' }] }, map: { M: { a: { N: '1' } } } };
    const orders = [orderItem('a', 'one', 1, more), orderItem('b', 'one', 2, more)];
    const world = await new World().make(orders);
    const first = await world.content();
    expect(await world.applied()).toMatchObject({ state: 'finished', removed: 0, skipped: { CHANGED: 1 } });
    expect(await world.content()).toEqual(first);
  });

  it('finds nothing in an empty table', async () => {
    const world = await new World().make([]);
    const dry = await world.dry();
    expect(told(dry)).toMatchObject({ state: 'finished', scanned: 0, duplicates: 0 });
    expect(await world.runs.run(applyHere(dry))).toMatchObject({ state: 'finished', removed: 0 });
  });

  it('says that there is no such table', async () => {
    await expect(new World().dry()).rejects.toMatchObject({ code: 'NO_SUCH_TABLE' });
  });

  it.each([
    { phase: 'scan', call: 'scan', at: 2, least: 0 },
    { phase: 'removal', call: 'removeIfSame', at: 70, least: 50 },
  ])(
    'fails if the table is deleted in the middle of a $phase, and keeps what it removed',
    async ({ call, at, least }) => {
      const orders = Array.from({ length: 120 }, (_, order) => order).flatMap((order) => [
        orderItem(`a${order}`, `o${order}`, 1),
        orderItem(`b${order}`, `o${order}`, 2),
      ]);
      const world = await new World().make(orders);
      const first = await world.content();
      const asked =
        call === 'scan' ? { kind: 'dedupe' as const, table: world.orders } : applyHere(await world.dry());
      let calls = 0;
      let left: readonly string[] = [];
      const dropping = haunted(world.runs.ports, async ({ name, moment }) => {
        if (name !== `${world.orders}.${call}` || moment !== 'before' || ++calls !== at) return;
        left = await world.content();
        await own.drop(world.orders);
      });
      const status = await world.runs.run(asked, dropping);
      expect(status).toMatchObject({ state: 'failed', failure: { code: 'NO_SUCH_TABLE' } });
      const gone = first.filter((text) => !left.includes(text));
      expect(gone.length).toBeGreaterThanOrEqual(least);
      const quarantine = await world.quarantine();
      expect(gone.filter((text) => !quarantine.has(text))).toEqual([]);
    },
  );

  it('removes and puts back items near 400 KB', async () => {
    const large = (id: string, at: number): WireItem => {
      const item = orderItem(id, 'large', at, { body: { S: '' } });
      return { ...item, body: { S: id.padEnd(LARGE_BYTES - 50, 'x') } };
    };
    const orders = Array.from({ length: 52 }, (_, at) => large(`item-${at}`, at));
    const world = await new World().make(orders);
    const first = await world.content();
    const applied = await world.applied();
    expect(applied).toMatchObject({ state: 'finished', removed: 51, verified: 51, skipped: {} });
    expect(await world.content()).toEqual(await contentOf([large('item-0', 0)]));
    const undone = await world.runs.run({ kind: 'undo', run: applied.id });
    expect(undone).toMatchObject({ state: 'finished', restored: 51 });
    expect(await world.content()).toEqual(first);
  });

  it.each([
    {
      name: 'numbers of 38 digits',
      keys: [{ name: 'id', type: 'N' }] as const,
      idOf: (last: number) => ({ id: { N: `${LONG.slice(0, -1)}${last}` } }),
    },
    {
      name: 'small numbers',
      keys: [{ name: 'id', type: 'N' }] as const,
      idOf: (last: number) => ({ id: { N: `-0.000${last + 1}` } }),
    },
    {
      name: 'binaries',
      keys: [{ name: 'id', type: 'B' }] as const,
      idOf: (last: number) => ({ id: { B: new Uint8Array([0, 255, last]) } }),
    },
    {
      name: 'a pair of the longest texts',
      keys: [
        { name: 'id', type: 'S' },
        { name: 'sk', type: 'S' },
      ] as const,
      idOf: (last: number) => ({
        id: { S: '"'.repeat(2_048) },
        sk: { S: `${last}`.padEnd(1_024, '\u0001') },
      }),
    },
    {
      name: 'a pair of a number and a binary of all its bytes',
      keys: [
        { name: 'id', type: 'N' },
        { name: 'sk', type: 'B' },
      ] as const,
      idOf: (last: number) => ({ id: { N: '-1e-100' }, sk: { B: new Uint8Array(1_024).fill(255 - last) } }),
    },
  ])('works where the keys are $name', async ({ keys, idOf }) => {
    const orders = Array.from({ length: 6 }, (_, last) => ({
      ...idOf(last),
      order: { N: last < 4 ? LONG : LONGER_BY_ONE },
      at: { N: `${LONG.slice(0, -1)}${last}` },
    }));
    const world = await new World().make(orders, keys);
    const first = await world.content();
    const applied = await world.applied();
    expect(applied).toMatchObject({ state: 'finished', removed: 4, verified: 4, skipped: {} });
    const items = await own.items(world.orders);
    expect(items.map(({ at }) => at)).toEqual(expect.arrayContaining([orders[0]?.at, orders[4]?.at]));
    await world.runs.run({ kind: 'undo', run: applied.id });
    expect(await world.content()).toEqual(first);
  });

  it('skips and lists groups whose order is missing, mixed or of another type', async () => {
    const at = (id: string, order: string, by?: WireItem[string]): WireItem => ({
      id: { S: id },
      order: { S: order },
      ...(by && { at: by }),
    });
    const world = await new World().make([
      at('a1', 'missing', { N: '1' }),
      at('a2', 'missing'),
      at('b1', 'mixed', { N: '1' }),
      at('b2', 'mixed', { S: '1' }),
      at('c1', 'unusable', { BOOL: true }),
      at('c2', 'unusable', { BOOL: true }),
      at('d1', 'good', { S: '2026-01-01' }),
      at('d2', 'good', { S: '2026-01-02' }),
      { id: { S: 'e' } },
    ]);
    const dry = await world.dry();
    expect(dry).toMatchObject({
      duplicates: 1,
      counts: { groups: 4, unkeyed: 1 },
      skipped: { BY_MISSING: 2, BY_MIXED: 2, BY_UNUSABLE: 2 },
    });
    const { keys } = (await world.runs.ask({ kind: 'status', run: dry.id, showKeys: true })) as RunStatus;
    expect(keys?.map(({ reason, key }) => `${reason} ${key}`).sort()).toEqual([
      'BY_MISSING {"id":{"S":"a1"}}',
      'BY_MISSING {"id":{"S":"a2"}}',
      'BY_MIXED {"id":{"S":"b1"}}',
      'BY_MIXED {"id":{"S":"b2"}}',
      'BY_UNUSABLE {"id":{"S":"c1"}}',
      'BY_UNUSABLE {"id":{"S":"c2"}}',
    ]);
  });

  it(`removes all but one of ${MANY} copies`, async () => {
    const copies = Array.from({ length: MANY }, (_, at) => orderItem(`copy-${at}`, 'same', at));
    const world = await new World().make(copies);
    expect(await world.applied()).toMatchObject({
      state: 'finished',
      removed: MANY - 1,
      verified: MANY - 1,
      skipped: {},
    });
    expect(await world.content()).toEqual(await contentOf([orderItem('copy-0', 'same', 0)]));
  });

  it('compares no more attributes than a condition may have', async () => {
    const wide = (id: string, at: number) =>
      orderItem(
        id,
        'wide',
        at,
        Object.fromEntries(
          Array.from({ length: COMPARED_ATTRIBUTES_MAX + 50 }, (_, name) => [
            `attribute-${name}`,
            { S: 'x' },
          ]),
        ),
      );
    const world = await new World().make([wide('a', 1), wide('b', 2)]);
    expect(await world.applied()).toMatchObject({ removed: 1, verified: 1, skipped: {} });
  });
});

describe('a backfill on a real server', () => {
  const source = Array.from({ length: 60 }, (_, order) =>
    orderItem(`a${order}`, `o${order}`, order, {
      cents: { N: '1250' },
      long: { N: LONG },
      seal: { B: new Uint8Array([order, 0, 255]) },
      lines: { L: [{ M: { sku: { S: 'x' }, count: { N: '2' } } }] },
      isTest: { BOOL: order % 10 === 9 },
    }),
  );
  const target = [
    orderItem('a0', 'o0', -1), // older
    orderItem('a1', 'o1', 1), // different
    orderItem('a2', 'o2', 99), // newer
    orderItem('a3', 'o3', 0, { at: { S: 'text' } }), // not to be compared
    orderItem('z', 'extra', 1),
  ];

  it.each([{ version: undefined }, { version: 'at' }])(
    'does what it does on the simulated tables, with version $version',
    async ({ version }) => {
      const backfill = { to: COPIES, transform: './none.ts', ...(version && { version }) };
      const world = await new World({ backfill }, withEuros as typeof asItIs).make(source, ID, target);
      const twin = new RunSystem([{ name: ORDERS, backfill, apply: true }]);
      twin.transform = await world.runs.ports.transforms({ name: ORDERS, region: HUB });
      for (const item of source) twin.orders.put(item);
      for (const item of target) twin.table(COPIES).put(item);

      const dry = await world.dry('backfill');
      const twinDry = await twin.run({ kind: 'backfill', table: ORDERS });
      expect(told(dry)).toEqual(told(twinDry));
      expect(dry).toMatchObject({
        state: 'finished',
        scanned: 65,
        counts: version
          ? { missing: 50, older: 1, newer: 1, extra: 1, unkeyed: 6 }
          : { missing: 50, extra: 1, unkeyed: 6 },
        skipped: version ? { DIFFERENT: 1, VERSION_UNUSABLE: 1 } : { DIFFERENT: 4 },
      });

      const applied = await world.runs.run(applyHere(dry));
      expect(told(applied)).toEqual(told(await twin.run(applyHere(twinDry))));
      expect(applied).toMatchObject({ state: 'finished', verified: version ? 51 : 50, skipped: {} });
      expect(await world.content()).toEqual(await contentOf(twin.orders.items()));
      expect(await world.content(world.copies)).toEqual(await contentOf(twin.table(COPIES).items()));
      expect(await world.runs.ask({ kind: 'audit', run: applied.id })).toMatchObject({ breaks: [] });

      const again = await world.dry('backfill');
      expect(again.counts).toMatchObject({ equal: version ? 51 : 50 });
      expect(again.counts.missing ?? 0).toBe(0);
    },
  );

  it('fails if the target is deleted while it is written to, and keeps what it wrote over', async () => {
    const older = source.map(({ lines, ...item }) => ({ ...item, at: { N: '-1' } })); // lists are never equal here
    const backfill = { to: COPIES, transform: './none.ts', version: 'at' };
    const world = await new World({ backfill }).make(source, ID, older);
    const first = await world.content(world.copies);
    let writes = 0;
    let left: readonly string[] = [];
    const dropping = haunted(world.runs.ports, async ({ name, moment }) => {
      if (name !== `${world.copies}.replaceIfSame` || moment !== 'before' || ++writes !== 20) return;
      left = await world.content(world.copies);
      await own.drop(world.copies);
    });
    const status = await world.runs.run(applyHere(await world.dry('backfill')), dropping);
    expect(status).toMatchObject({ state: 'failed', failure: { code: 'NO_SUCH_TABLE' } });
    const replaced = first.filter((text) => !left.includes(text));
    expect(replaced.length).toBeGreaterThan(0);
    const quarantine = await world.quarantine();
    expect(replaced.filter((text) => !quarantine.has(text))).toEqual([]);
  });
});
