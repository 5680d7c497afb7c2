import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../functions/adapters/sim/seeded-random.ts';
import { SimulatedTable } from '../../../functions/adapters/sim/simulated-table.ts';
import { VirtualClock } from '../../../functions/adapters/sim/virtual-clock.ts';
import { RefusedError } from '../../../functions/core/errors.ts';
import { textOfItem, type WireItem } from '../../../functions/core/item.ts';
import { describeItemStore } from '../../contract/item-store.ts';

const CALL_MS = 20;
const TABLE = { name: 'orders', region: 'eu-west-1' };

describeItemStore(async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 5));
  const latency = new SeededRandom(1, 'latency');
  const make = (...names: [string, ...string[]]) =>
    new SimulatedTable(TABLE, names, clock, () => latency.below(CALL_MS));
  const missing = make('pk', 'sk');
  missing.drop();
  return {
    missing,
    unlike: [],
    run: (work) => clock.run(work),
    async makeTable([partition, ...sort]) {
      if (partition === undefined) throw new Error('a table has a key');
      const table = make(partition.name, ...sort.map(({ name }) => name));
      return { store: table, put: async (item) => table.put(item), remove: async (key) => table.remove(key) };
    },
    close: async () => {},
  };
});

/** What no server can be made to do. */
describe('simulated table', () => {
  const item: WireItem = { id: { S: 'a' }, n: { N: '1.0' } };
  const table = () => new SimulatedTable(TABLE, ['id']);

  it('takes no time without a clock, and as long as it is told with one', async () => {
    expect(await table().putIfAbsent(item)).toMatchObject({ isDone: true });
    const clock = new VirtualClock(0);
    await clock.run(() => new SimulatedTable(TABLE, ['id'], clock, () => CALL_MS).describe());
    expect(clock.now()).toBe(CALL_MS);
  });

  it('is what it is told to be', async () => {
    const orders = table();
    expect(await orders.describe()).toMatchObject({
      arn: 'arn:aws:dynamodb:eu-west-1:111111111111:table/orders',
      hasStream: false,
      hasPointInTimeRecovery: true,
    });
    orders.set({ hasStream: true });
    orders.set({ hasPointInTimeRecovery: undefined, items: 7 });
    const facts = await orders.describe();
    expect(facts).toMatchObject({ hasStream: true, hasPointInTimeRecovery: undefined, items: 7 });
  });

  it('ends a page after as many items as it is told', async () => {
    const orders = table();
    for (const S of ['a', 'b', 'c']) orders.put({ id: { S } });
    orders.pageItems = 2;
    const first = await orders.scan({ segment: 0, totalSegments: 1, limit: 5 });
    expect(first.items).toHaveLength(2);
    const second = await orders.scan({ segment: 0, totalSegments: 1, from: first.next });
    expect(second.items).toHaveLength(1);
    expect(second.next).toBeUndefined();
    expect([...first.items, ...second.items]).toEqual(orders.items());
  });

  it('does an injected fault for its own call and item only', async () => {
    const orders = table();
    orders.inject('putIfAbsent', ([key]) => {
      if (key && textOfItem(key) === textOfItem({ id: { S: 'a' } }))
        throw new RefusedError({ code: 'THROTTLED' });
    });
    await expect(orders.putIfAbsent(item)).rejects.toMatchObject({ code: 'THROTTLED' });
    expect(await orders.putIfAbsent({ id: { S: 'b' } })).toMatchObject({ isDone: true });
    expect((await orders.get([{ id: { S: 'a' } }])).items).toEqual([undefined]);
  });

  it('can lose an answer after the write', async () => {
    const orders = table();
    orders.put(item);
    const lose = () => {
      throw new RefusedError({ code: 'REGION_UNREACHABLE' }, { retryable: true });
    };
    orders.inject('removeIfSame', lose, 'after');
    await expect(orders.removeIfSame(item)).rejects.toMatchObject({ retryable: true });
    expect(orders.items()).toEqual([]);
  });

  it('remembers all that was ever written, as a table writes it', async () => {
    const orders = table();
    orders.put(item);
    await orders.replaceIfSame({ id: { S: 'a' }, n: { N: '20e-1' } }, item);
    await orders.replaceIfSame({ id: { S: 'a' }, n: { N: '4' } }, item);
    await orders.putIfAbsent({ id: { S: 'a' }, n: { N: '3' } });
    orders.remove(item);
    expect(orders.items()).toEqual([]);
    expect(orders.history).toEqual(['{"id":{"S":"a"},"n":{"N":"1"}}', '{"id":{"S":"a"},"n":{"N":"2"}}']);
  });

  it('is asked for no key twice, and for some right', async () => {
    const twice = [{ id: { S: 'a' } }, { id: { S: 'a' } }];
    await expect(table().get(twice)).rejects.toMatchObject({ code: 'INVARIANT' });
    await expect(table().tryWriting([])).rejects.toMatchObject({ code: 'INVARIANT' });
  });
});
