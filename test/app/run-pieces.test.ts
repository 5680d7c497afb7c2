import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import { steer } from '../../functions/app/steer.ts';
import { work } from '../../functions/app/work.ts';
import { textOfItem, type WireItem } from '../../functions/core/item.ts';
import type { Phase, Segment } from '../../functions/core/run.ts';
import { all } from '../all.ts';
import { begunApply, changed, dry, idsOf, withDoubles } from './doubled.ts';
import { haunted, Killed, type Moment } from './dying.ts';
import { quarantinedTexts } from './quarantined.ts';
import { applyOf, COPIES, ORDERS, orderItem, RunSystem } from './run-system.ts';

const STAYS = { id: { S: 'a0' } };
const GOES = { id: { S: 'b0' } };

/** What the user's application does, and what is told then of the one item that was to go. */
interface Write {
  readonly reason: string;
  readonly write: (system: RunSystem) => void;
  readonly left: readonly string[];
  readonly told: Partial<RunStatus>;
}

const put = (item: WireItem) => (system: RunSystem) => system.orders.put(item);
const remove = (key: WireItem) => (system: RunSystem) => system.orders.remove(key);
const leftFor = (reason: string) => ({ removed: 0, counts: {}, skipped: { [reason]: 1 } });

function segmentsOf(system: RunSystem, run: string, phase: Phase, count: number): Promise<Segment[]> {
  const indexes = Array.from({ length: count }, (_, index) => index);
  return system.clock.run(() =>
    Promise.all(indexes.map((index) => system.ledger.readSegment(run, phase, index))),
  );
}

async function namesOf(system: RunSystem, prefix: string): Promise<string[]> {
  return (await all(system.objects.list(prefix))).sort();
}

describe('a batch, before which the application', () => {
  it.each<Write>([
    {
      reason: 'removes what goes',
      write: remove(GOES),
      left: ['a0'],
      told: leftFor('GONE'),
    },
    {
      reason: 'gives what goes another order number',
      write: put(orderItem('b0', 'o9', 2)),
      left: ['a0', 'b0'],
      told: leftFor('CHANGED'),
    },
    {
      reason: 'makes what goes the older one',
      write: put(orderItem('b0', 'o0', 0)),
      left: ['a0', 'b0'],
      told: leftFor('CHANGED'),
    },
    {
      reason: 'makes what stays the newer one',
      write: put(orderItem('a0', 'o0', 3)),
      left: ['a0', 'b0'],
      told: leftFor('CHANGED'),
    },
    {
      reason: 'makes the age of what goes a text',
      write: put({ ...orderItem('b0', 'o0', 2), at: { S: '2' } }),
      left: ['a0', 'b0'],
      told: leftFor('CHANGED'),
    },
    {
      reason: 'takes the order number from what goes',
      write: put(GOES),
      left: ['a0', 'b0'],
      told: leftFor('CHANGED'),
    },
    {
      reason: 'removes what stays',
      write: remove(STAYS),
      left: ['b0'],
      told: leftFor('KEEPER_GONE'),
    },
    {
      reason: 'gives what stays another order number',
      write: put(orderItem('a0', 'o9', 1)),
      left: ['a0', 'b0'],
      told: leftFor('CHANGED'),
    },
    {
      reason: 'makes both copies of something else',
      write: (system) => {
        put(orderItem('a0', 'o9', 1))(system);
        put(orderItem('b0', 'o9', 2))(system);
      },
      left: ['a0', 'b0'],
      told: leftFor('CHANGED'),
    },
    {
      reason: 'changes what goes, and it goes still',
      write: put(orderItem('b0', 'o0', 7)),
      left: ['a0'],
      told: { removed: 1, counts: {}, skipped: {} },
    },
  ])('$reason', async ({ write, left, told }) => {
    const system = withDoubles(1);
    const id = await begunApply(system);
    write(system);
    const there = system.orders.items();
    expect(await system.workedOn(id)).toMatchObject({ state: 'finished', ...told });
    expect(idsOf(system)).toEqual(left);
    expect(there).toEqual(expect.arrayContaining(system.orders.items()));
  });

  it('makes what goes one of those that `where` leaves out', async () => {
    const dedupe = { key: 'order', keep: 'oldest', by: 'at', where: { kind: { beginsWith: 'x' } } } as const;
    const system = withDoubles(0, changed({ dedupe }));
    system.orders.put(orderItem('a0', 'o0', 1, { kind: { S: 'x' } }));
    system.orders.put(orderItem('b0', 'o0', 2, { kind: { S: 'x' } }));
    const id = await begunApply(system);
    system.orders.put(orderItem('b0', 'o0', 2, { kind: { S: 'y' } }));
    expect(await system.workedOn(id)).toMatchObject({ state: 'finished', ...leftFor('CHANGED') });
    expect(idsOf(system)).toEqual(['a0', 'b0']);
  });

  it('comes too late with: what it writes where an item was removed stays, and that item is in quarantine', async () => {
    const system = withDoubles(1);
    const id = await begunApply(system);
    const ports = haunted(system.ports, ({ name, moment }) => {
      if (name !== 'orders.removeIfSame' || moment !== 'after') return;
      system.orders.remove(STAYS);
      system.orders.put(orderItem('b0', 'new', 9));
    });
    expect(await system.workedOn(id, ports)).toMatchObject(leftFor('RECREATED'));
    expect(system.orders.items()).toEqual([orderItem('b0', 'new', 9)]);
    expect(await quarantinedTexts(system.objects)).toEqual(new Set([textOfItem(orderItem('b0', 'o0', 2))]));
  });
});

describe('a batch whose worker died', () => {
  it.each<Write & { readonly died: Moment }>([
    {
      died: 'before',
      reason: 'nobody writes',
      write: () => {},
      left: ['a0'],
      told: { removed: 1, counts: {}, skipped: {} },
    },
    {
      died: 'before',
      reason: 'what goes is changed',
      write: put(orderItem('b0', 'o0', 7)),
      left: ['a0', 'b0'],
      told: leftFor('CHANGED'),
    },
    {
      died: 'before',
      reason: 'an attribute is added to what goes',
      write: put({ ...orderItem('b0', 'o0', 2), note: { S: 'paid' } }),
      left: ['a0', 'b0'],
      told: leftFor('CHANGED'),
    },
    {
      died: 'before',
      reason: 'what stays is gone',
      write: remove(STAYS),
      left: ['b0'],
      told: leftFor('KEEPER_GONE'),
    },
    {
      died: 'before',
      reason: 'what stays is no copy any more',
      write: put(orderItem('a0', 'o9', 1)),
      left: ['a0', 'b0'],
      told: leftFor('CHANGED'),
    },
    {
      died: 'after',
      reason: 'nobody writes',
      write: () => {},
      left: ['a0'],
      told: { removed: 1, counts: { unconfirmed: 1 }, skipped: {} },
    },
    {
      died: 'after',
      reason: 'what stays is gone',
      write: remove(STAYS),
      left: ['b0'],
      told: { removed: 0, counts: { returned: 1 }, skipped: {} },
    },
    {
      died: 'after',
      reason: 'what stays is there, and no copy any more',
      write: put(orderItem('a0', 'o9', 1)),
      left: ['a0', 'b0'],
      told: { removed: 0, counts: { returned: 1 }, skipped: {} },
    },
    {
      died: 'after',
      reason: 'what went was written again, as something else',
      write: put(orderItem('b0', 'o0', 7)),
      left: ['a0', 'b0'],
      told: leftFor('CHANGED'),
    },
  ])('is settled $died it removed an item, where $reason', async ({ died, write, left, told }) => {
    const system = withDoubles(1);
    const id = await begunApply(system);
    const dying = haunted(system.ports, ({ name, moment }) => {
      if (name === 'orders.removeIfSame' && moment === died) throw new Killed();
    });
    await expect(system.clock.run(() => runHere(dying, id))).rejects.toThrow(Killed);
    write(system);
    expect(await system.workedOn(id)).toMatchObject({ state: 'finished', ...told });
    expect(idsOf(system)).toEqual(left);
  });

  it.each([
    {
      reason: 'removes what the next one is about to: it counts, and can be undone',
      write: () => {},
      left: ['a0'],
      told: { removed: 1, verified: 1, counts: { unconfirmed: 1 } },
      restored: 1,
    },
    {
      reason: 'removes what the next one is about to, and what stays goes too: it is put back',
      write: remove(STAYS),
      left: ['b0'],
      told: { removed: 0, verified: 0, counts: { returned: 1 } },
      restored: 0,
    },
  ])('and is alive after all, and $reason', async ({ write, left, told, restored }) => {
    const system = withDoubles(1);
    const id = await begunApply(system);
    const dying = haunted(system.ports, ({ name, moment }) => {
      if (name === 'orders.removeIfSame' && moment === 'before') throw new Killed();
    });
    await expect(system.clock.run(() => runHere(dying, id))).rejects.toThrow(Killed);
    const next = haunted(system.ports, ({ name, moment }) => {
      if (name !== 'orders.removeIfSame' || moment !== 'before') return;
      system.orders.remove(GOES); // as the first one does
      write(system);
    });
    expect(await system.workedOn(id, next)).toMatchObject({ state: 'finished', skipped: {}, ...told });
    expect(idsOf(system)).toEqual(left);
    expect(await system.run({ kind: 'undo', run: id })).toMatchObject({ restored, skipped: {} });
    expect(idsOf(system)).toContain('b0');
  });
});

/** Works on an apply until it is to be checked. */
async function uncheckedApply(system: RunSystem, kind: 'dedupe' | 'backfill' = 'dedupe'): Promise<string> {
  const { id } = (await system.ask(applyOf(await system.run({ kind, table: ORDERS })))) as RunStatus;
  await system.clock.run(async () => {
    await work(system.ports, { run: id, phase: 'apply', index: 0 }, Infinity);
    await steer(system.ports, id);
  });
  return id;
}

describe('the check of an apply', () => {
  it.each([
    { reason: 'REAPPEARED', write: put(orderItem('b1', 'o1', 2)) },
    { reason: 'KEEPER_LOST', write: remove({ id: { S: 'a1' } }) },
    { reason: 'KEEPER_LOST', write: put(orderItem('a1', 'o9', 1)) },
  ])('says $reason of what somebody wrote meanwhile', async ({ reason, write }) => {
    const system = withDoubles(3);
    const id = await uncheckedApply(system);
    write(system);
    expect(await system.workedOn(id)).toMatchObject({ verified: 2, skipped: { [reason]: 1 } });
  });

  it.each([
    { what: 'changed', write: (system: RunSystem) => system.table(COPIES).put(orderItem('a1', 'own', 1)) },
    { what: 'gone', write: (system: RunSystem) => system.table(COPIES).remove({ id: { S: 'a1' } }) },
  ])('says NOT_AS_WRITTEN of what was written and is $what', async ({ write }) => {
    const system = new RunSystem([
      { name: ORDERS, backfill: { to: COPIES, transform: './none.ts' }, apply: true },
    ]);
    for (const order of [0, 1, 2]) system.orders.put(orderItem(`a${order}`, `o${order}`, order));
    const id = await uncheckedApply(system, 'backfill');
    write(system);
    expect(await system.workedOn(id)).toMatchObject({ verified: 2, skipped: { NOT_AS_WRITTEN: 1 } });
  });

  it('says the same if its worker dies after the first of several batches of which each is unlike', async () => {
    const checked = async (mayDie: boolean) => {
      const system = withDoubles(130);
      const found = await system.run(dry);
      const [gone, reappeared, lost] = await planOf(system, found, [3, 60, 120]);
      system.orders.remove(JSON.parse(gone?.key ?? ''));
      const { id } = (await system.ask(applyOf(found))) as RunStatus;
      await system.clock.run(async () => {
        await work(system.ports, { run: id, phase: 'apply', index: 0 }, Infinity);
        await steer(system.ports, id);
      });
      system.orders.put(JSON.parse(reappeared?.key ?? ''));
      system.orders.remove(JSON.parse(lost?.because ?? ''));
      let gets = 0;
      const dying = haunted(system.ports, ({ name, moment }) => {
        if (mayDie && name === 'orders.get' && moment === 'after' && ++gets >= 2) throw new Killed();
      });
      const died = await system.clock
        .run(() => runHere(dying, id))
        .then(
          () => false,
          (error) => error instanceof Killed,
        );
      expect(died).toBe(mayDie);
      const { verified, skipped } = await system.workedOn(id);
      return { verified, skipped };
    };
    const expected = { verified: 127, skipped: { GONE: 1, REAPPEARED: 1, KEEPER_LOST: 1 } };
    expect(await checked(false)).toEqual(expected);
    expect(await checked(true)).toEqual(expected);
  });
});

/** Some entries of the plan of a dry run with one partition. */
async function planOf(system: RunSystem, { id, duplicates }: RunStatus, positions: readonly number[]) {
  const content = await system.objects.read(`runs/${id}/plan/0/0.${duplicates}`);
  const lines = content?.toString().split('\n') ?? [];
  return positions.map((position) => {
    const [key, because] = JSON.parse(lines[position] ?? '') as [string, string];
    return { key, because };
  });
}

describe('workers of one run', () => {
  it('race for a piece: one works, and the other one comes again', async () => {
    const system = withDoubles(5);
    const id = await begunApply(system);
    const task = { run: id, phase: 'apply', index: 0 } as const;
    const atWork = new Set<number>();
    const worker = (seed: number) => {
      const ports = { ...system.ports, random: new SeededRandom(seed, 'race') };
      const seen = haunted(ports, ({ name }) => {
        if (name.startsWith('orders.')) atWork.add(seed);
      });
      return work(seen, task, Infinity);
    };
    const worked = await system.clock.run(() => Promise.all([worker(1), worker(2)]));
    expect(worked).toEqual([{ isDone: true }, { isDone: false, waitSeconds: 1 }]);
    expect([...atWork]).toEqual([1]);
    expect(await segmentsOf(system, id, 'apply', 1)).toMatchObject([{ epoch: 1, proofs: 1, isDone: true }]);
  });

  it.each([
    { when: 'late', at: 'gather', phase: 'scatter', index: 7 },
    { when: 'early', at: 'scatter', phase: 'gather', index: 0 },
  ] as const)('do nothing for a task that comes too $when', async ({ at, phase, index }) => {
    const system = withDoubles(5);
    const { id } = (await system.ask(dry)) as RunStatus;
    const scans = at === 'gather' ? [0, 1, 2, 3] : [];
    await system.clock.run(async () => {
      for (const index of scans) await work(system.ports, { run: id, phase: 'scatter', index }, Infinity);
      await steer(system.ports, id);
    });
    expect(await system.statusOf(id)).toMatchObject({ phase: at });
    expect(await system.clock.run(() => work(system.ports, { run: id, phase, index }, Infinity))).toEqual({
      isDone: true,
    });
    expect(await system.clock.run(() => system.ledger.readSegment(id, phase, index))).toMatchObject({
      version: 0,
      isDone: false,
    });
  });

  it('keep a long scan that has nothing to write down yet', async () => {
    const system = withDoubles(100);
    system.orders.pageItems = 5;
    const { id } = (await system.ask(dry)) as RunStatus;
    const slow = haunted(system.ports, async ({ name, moment }) => {
      if (name === 'orders.scan' && moment === 'before') await system.clock.sleep(15_000);
    });
    await system.clock.run(async () => {
      const working = runHere(slow, id);
      await system.clock.sleep(10_000);
      await Promise.all([working, runHere({ ...slow, random: new SeededRandom(2, 'other') }, id)]);
    });
    const { state, durationMs } = await system.statusOf(id);
    expect(state).toBe('finished');
    expect(durationMs).toBeGreaterThan(120_000);
    const segments = await segmentsOf(system, id, 'scatter', 4);
    expect(segments.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 1]);
  });

  it('keep to the rate of writes together', async () => {
    const system = withDoubles(600, changed({ readUnitsPerSecond: 10_000, writeUnitsPerSecond: 10 }));
    system.orders.set({ items: 150_000, bytes: 10_000_000_000 });
    system.limits = { ...system.limits, concurrency: 3 };
    const id = await begunApply(system);
    const { removed, writeUnits, durationMs } = await system.workedOn(id);
    expect({ removed, writeUnits }).toEqual({ removed: 600, writeUnits: 600 });
    expect(durationMs).toBeGreaterThan(55_000);
    expect(durationMs).toBeLessThan(80_000);
  });

  it('let go of the table at the end', async () => {
    const system = withDoubles(5);
    const id = await begunApply(system);
    const { arn } = await system.clock.run(() => system.orders.describe());
    const taken = () => system.clock.run(() => system.ledger.takeTable(arn, 'another'));
    expect(await taken()).toBe(`${id}.1`);
    await system.workedOn(id);
    expect(await taken()).toBe('another');
  });
});

describe('what a scan writes down', () => {
  it('has a name of its own for each worker: one that freezes writes over nothing', async () => {
    const system = withDoubles(20);
    system.orders.set({ items: 20 });
    const { id } = (await system.ask(dry)) as RunStatus;
    const [first] = await system.clock
      .run(() => system.orders.scan({ segment: 0, totalSegments: 4 }))
      .then(({ items }) => items);
    let isAsleep = false;
    const frozen = haunted(system.ports, async ({ name, moment }) => {
      if (name !== 'objects.write' || moment !== 'before' || isAsleep) return;
      isAsleep = true;
      await system.clock.sleep(90_000);
    });
    await system.clock.run(async () => {
      const task = { run: id, phase: 'scatter', index: 0 } as const;
      const late = work(frozen, task, Infinity);
      await system.clock.sleep(61_000);
      system.orders.remove(first ?? {});
      const next = { ...system.ports, random: new SeededRandom(2, 'next') };
      expect(await work(next, task, Infinity)).toEqual({ isDone: true });
      expect(await late).toEqual({ isDone: false, waitSeconds: 1 });
    });
    expect(await namesOf(system, `runs/${id}/scatter/0/0.`)).toEqual([
      `runs/${id}/scatter/0/0.1.0`,
      `runs/${id}/scatter/0/0.2.0`,
    ]);
    expect(await system.workedOn(id)).toMatchObject({ state: 'finished', scanned: 39, duplicates: 19 });
  });
});

describe('a gather', () => {
  it('finds the same in several passes as in one', async () => {
    const system = withDoubles(1_500);
    system.orders.pageItems = 1_000;
    system.limits = { ...system.limits, flushCharacters: 10_000 };
    const planned = async (passRecords: number) => {
      system.limits = { ...system.limits, passRecords };
      const found = await system.run({ ...dry, token: `of-${passRecords}` });
      const names = ['0.1000', '1.500'].map((name) => `runs/${found.id}/plan/0/${name}`);
      const contents = await Promise.all(names.map((name) => system.objects.read(name)));
      const lines = contents.map((content) => content?.toString().split('\n') ?? []);
      expect(lines.map(({ length }) => length)).toEqual([1_000, 500]);
      const { counts, duplicates } = found;
      return { counts, duplicates, lines: lines.flat().sort() };
    };
    const one = await planned(100_000);
    expect(one).toMatchObject({ counts: { groups: 1_500 }, duplicates: 1_500 });
    expect(new Set(one.lines).size).toBe(1_500);
    expect(await planned(400)).toEqual(one);
  });

  it('that wakes up when others have planned more writes over nothing of it', async () => {
    const system = withDoubles(200);
    system.limits = { ...system.limits, flushCharacters: 2_000, passRecords: 50 };
    const { id } = (await system.ask(dry)) as RunStatus;
    await system.clock.run(async () => {
      for (const index of [0, 1, 2, 3])
        await work(system.ports, { run: id, phase: 'scatter', index }, Infinity);
      await steer(system.ports, id);
    });
    const task = { run: id, phase: 'gather', index: 0 } as const;
    let isAsleep = false;
    const frozen = haunted(system.ports, async ({ name, moment }) => {
      if (name !== 'objects.write' || moment !== 'before' || isAsleep) return;
      isAsleep = true;
      await system.clock.sleep(70_000);
    });
    await system.clock.run(async () => {
      const late = work(frozen, task, Infinity);
      await system.clock.sleep(61_000);
      let swaps = 0;
      const dying = haunted(system.ports, ({ name, moment }) => {
        if (name === 'ledger.swapSegment' && moment === 'after' && ++swaps === 4) throw new Killed();
      });
      await expect(work(dying, task, Infinity)).rejects.toThrow(Killed);
      await late;
    });
    const found = await system.workedOn(id);
    expect(found).toMatchObject({ state: 'finished', duplicates: 200 });
    expect(await system.run(applyOf(found))).toMatchObject({
      state: 'finished',
      removed: 200,
      verified: 200,
    });
  });

  it('is stopped by a cancellation', async () => {
    const system = withDoubles(200);
    system.limits = { ...system.limits, flushCharacters: 500 };
    const { id } = (await system.ask(dry)) as RunStatus;
    let reads = 0;
    const ports = haunted(system.ports, async ({ name, moment }) => {
      if (name !== 'objects.read' || moment !== 'before' || ++reads !== 1) return;
      await system.askMeanwhile({ kind: 'cancel', run: id });
    });
    await system.clock.run(async () => {
      for (const index of [0, 1, 2, 3])
        await work(system.ports, { run: id, phase: 'scatter', index }, Infinity);
      await steer(system.ports, id);
    });
    const task = { run: id, phase: 'gather', index: 0 } as const;
    expect(await system.clock.run(() => work(ports, task, Infinity))).toEqual({ isDone: true });
    expect(reads).toBe(1);
    expect(await system.workedOn(id)).toMatchObject({ state: 'cancelled', phase: 'gather', duplicates: 0 });
    expect(await segmentsOf(system, id, 'gather', 1)).toMatchObject([{ isDone: false }]);
    await system.ask({ kind: 'resume', run: id });
    expect(await system.workedOn(id)).toMatchObject({ state: 'finished', duplicates: 200 });
  });
});
