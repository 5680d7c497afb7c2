import { describe, expect, it } from 'vitest';
import { type RunStatus, reconcile } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import { runRequestSchema } from '../../functions/contract/requests.ts';
import { textOfItem, type WireItem } from '../../functions/core/item.ts';
import { dry, idsOf } from './doubled.ts';
import { type AtCall, haunted } from './dying.ts';
import { quarantinedTexts } from './quarantined.ts';
import { applyOf, DEDUPE, orderItem, RunSystem } from './run-system.ts';

/** Orders of which every tenth was written twice, and every hundredth three times. */
function withDoubles(orders: number): RunSystem {
  const system = new RunSystem();
  for (let order = 0; order < orders; order++) {
    system.orders.put(orderItem(`a${order}`, `o${order}`, order));
    if (order % 10 === 0) system.orders.put(orderItem(`b${order}`, `o${order}`, order + 1));
    if (order % 100 === 0) system.orders.put(orderItem(`c${order}`, `o${order}`, order + 2));
  }
  return system;
}

/** The newer one stays. */
const NEWEST = DEDUPE.map((table) => ({
  ...table,
  dedupe: { key: 'order', keep: 'newest', by: 'at' } as const,
}));

/** One order that was written twice: `a` is older than `b`. */
function onePair(keep: 'oldest' | 'newest' = 'oldest'): RunSystem {
  const system = new RunSystem(
    DEDUPE.map((table) => ({ ...table, dedupe: { key: 'order', keep, by: 'at' } })),
  );
  system.orders.put(orderItem('a', 'o1', 1));
  system.orders.put(orderItem('b', 'o1', 2));
  return system;
}

describe('dedupe', () => {
  it('finds copies in a dry run and changes nothing', async () => {
    const system = withDoubles(500);
    const before = system.orders.items().map(textOfItem);
    const found = await system.run(dry);
    expect(found).toMatchObject({
      mode: 'dry-run',
      state: 'finished',
      scanned: 555,
      duplicates: 55,
      removed: 0,
      writeUnits: 0,
    });
    expect(found.counts).toMatchObject({ groups: 50 });
    expect(system.orders.items().map(textOfItem)).toEqual(before);
  });

  it('removes what a dry run found, checks it, and puts it back byte for byte', async () => {
    const system = withDoubles(500);
    const before = system.orders.items().map(textOfItem);
    const applied = await system.applied();
    expect(applied).toMatchObject({
      mode: 'apply',
      state: 'finished',
      removed: 55,
      verified: 55,
      skipped: {},
    });
    expect(system.orders.items()).toHaveLength(500);
    expect(await system.ask({ kind: 'audit', run: applied.id })).toMatchObject({
      items: 55,
      isRootSame: true,
      breaks: [],
    });
    const undone = await system.run({ kind: 'undo', run: applied.id });
    expect(undone).toMatchObject({ mode: 'undo', state: 'finished', restored: 55, skipped: {} });
    expect(system.orders.items().map(textOfItem)).toEqual(before);
    expect(await system.ask({ kind: 'audit', run: undone.id })).toMatchObject({
      items: 55,
      isRootSame: true,
      breaks: [],
    });
  });

  it.each([
    { keep: 'oldest', left: ['a'] },
    { keep: 'newest', left: ['b'] },
  ] as const)('keeps the $keep', async ({ keep, left }) => {
    const system = onePair(keep);
    await system.applied();
    expect(idsOf(system)).toEqual(left);
  });

  it('reads each item once, and at most five times strongly what is removed', async () => {
    const system = withDoubles(500);
    const found = await system.run(dry);
    const applied = await system.run(applyOf(found));
    const scan = await system.clock.run(() =>
      Promise.all([0, 1, 2, 3].map((segment) => system.orders.scan({ segment, totalSegments: 4 }))),
    );
    expect(found.readUnits).toBeLessThan(2 * scan.reduce((sum, { readUnits }) => sum + readUnits, 0));
    expect(applied.readUnits).toBeLessThanOrEqual(5 * applied.removed);
    expect(applied.writeUnits).toBe(applied.removed);
  });

  it('leaves alone, and names, what it cannot put in order', async () => {
    const system = onePair();
    system.orders.put({ id: { S: 'c' }, order: { S: 'o2' }, at: { N: '1' } });
    system.orders.put({ id: { S: 'd' }, order: { S: 'o2' } });
    system.orders.put({ id: { S: 'e' }, order: { S: 'o3' }, at: { S: '1' } });
    system.orders.put({ id: { S: 'f' }, order: { S: 'o3' }, at: { N: '1' } });
    system.orders.put({ id: { S: 'g' } });
    const found = await system.run(dry);
    expect(found).toMatchObject({ duplicates: 1, skipped: { BY_MISSING: 2, BY_MIXED: 2 } });
    expect(found.counts).toMatchObject({ groups: 3, unkeyed: 1 });
    expect(found.problems).toHaveLength(4);
    expect(JSON.stringify(found)).not.toMatch(/"S\\?":|o2|o3/);
    const { keys } = (await system.ask({ kind: 'status', run: found.id, showKeys: true })) as RunStatus;
    expect(keys?.map(({ key }) => JSON.parse(key).id.S).sort()).toEqual(['c', 'd', 'e', 'f']);
  });

  it('bears one group of 100,000 copies', async () => {
    const system = new RunSystem(DEDUPE.map((table) => ({ ...table, maxRemovals: 200_000 })));
    system.orders.pageItems = 10_000;
    for (let copy = 0; copy < 100_000; copy++) system.orders.put(orderItem(`a${copy}`, 'o1', copy));
    const found = await system.run(dry);
    expect(found).toMatchObject({ duplicates: 99_999, counts: { groups: 1 } });
  });

  it('of an empty table finds nothing, and can be applied', async () => {
    const system = new RunSystem();
    expect(await system.run(dry)).toMatchObject({ scanned: 0, duplicates: 0, state: 'finished' });
    expect(await system.applied()).toMatchObject({ removed: 0, state: 'finished' });
  });

  it('ends as failed when the table goes away, and keeps what it has removed', async () => {
    const system = withDoubles(2_000);
    const found = await system.run(dry);
    let removals = 0;
    const ports = haunted(system.ports, ({ name, moment }) => {
      if (name === 'orders.removeIfSame' && moment === 'after' && ++removals === 60) system.orders.drop();
    });
    const applied = await system.run(applyOf(found), ports);
    expect(applied).toMatchObject({ state: 'failed', failure: { code: 'NO_SUCH_TABLE' } });
    const quarantined = await quarantinedTexts(system.objects);
    expect(quarantined.size).toBeGreaterThanOrEqual(60);
    expect(system.telemetry.samples).toContainEqual(
      expect.objectContaining({
        metric: 'ReconcileFailed',
        value: 1,
        properties: expect.objectContaining({ run: applied.id }),
      }),
    );
  });
});

/** What the user's application does to the pair, and what must be there then. */
const WRITES: readonly {
  readonly reason: string;
  readonly write: (system: RunSystem) => void;
  /** Ids that are in the table if the write came before the keeper was read for the last time. */
  readonly left: readonly string[];
  /** The same, if it came after. */
  readonly leftLater: readonly string[];
}[] = [
  {
    reason: 'removes the copy that stays',
    write: ({ orders }) => orders.remove({ id: { S: 'a' } }),
    left: ['b'],
    leftLater: [],
  },
  {
    reason: 'gives the copy that stays another order number',
    write: ({ orders }) => orders.put(orderItem('a', 'o9', 1)),
    left: ['a', 'b'],
    leftLater: ['a'],
  },
];

/** Works on an apply while something happens at one of its calls. @returns Names of all calls, in order. */
async function appliedWith(
  system: RunSystem,
  at: number,
  act: () => void,
): Promise<{ status: RunStatus; calls: string[] }> {
  const found = await system.run(dry);
  const calls: string[] = [];
  const atCall: AtCall = ({ number, name, moment }) => {
    if (moment === 'after') return;
    calls[number] = name;
    if (number === at) act();
  };
  const { id } = (await system.ask(applyOf(found))) as RunStatus;
  await system.clock.run(() => runHere(haunted(system.ports, atCall), id));
  return { status: (await system.ask({ kind: 'status', run: id })) as RunStatus, calls };
}

describe('an application that writes during an apply', () => {
  it.each(WRITES)('$reason: one copy is left, whenever it does', async ({ write, left, leftLater }) => {
    const undisturbed = await appliedWith(onePair(), 0, () => {});
    const removal = undisturbed.calls.indexOf('orders.removeIfSame');
    const lastLook = undisturbed.calls.indexOf('orders.get', removal);
    expect(removal).toBeGreaterThan(0);
    expect(lastLook).toBeGreaterThan(removal);
    for (let at = 1; at < undisturbed.calls.length; at++) {
      const system = onePair();
      const { status } = await appliedWith(system, at, () => write(system));
      expect(idsOf(system), `before call ${at}`).toEqual(at <= lastLook ? left : leftLater);
      expect(status.state, `before call ${at}`).toBe('finished');
    }
  });

  it.each([
    { reason: 'changes', write: { at: { N: '3' } } },
    { reason: 'adds an attribute to', write: { note: { S: 'paid' } } },
    { reason: 'gives another order number to', write: { order: { S: 'o2' } } },
  ] satisfies { reason: string; write: WireItem }[])(
    '$reason the copy that goes: what it wrote is never lost',
    async ({ write }) => {
      const { calls } = await appliedWith(onePair(), 0, () => {});
      const removal = calls.indexOf('orders.removeIfSame');
      for (let at = 1; at <= removal; at++) {
        const system = onePair();
        const written = { ...orderItem('b', 'o1', 2), ...write };
        const { status } = await appliedWith(system, at, () => system.orders.put(written));
        const there = system.orders.items().map(textOfItem);
        const isKept = there.includes(textOfItem(written));
        // an attribute that was added before the copy was read is no reason to keep it, and goes into quarantine with it
        if (!isKept)
          expect(await quarantinedTexts(system.objects), `before call ${at}`).toContain(textOfItem(written));
        else expect(status.removed, `before call ${at}`).toBe(0);
        if (at === removal) expect(isKept).toBe(true);
      }
    },
  );
});

describe('runs that cross', () => {
  it('lets one run change a table at a time', async () => {
    const system = onePair('oldest');
    const first = (await system.ask(applyOf(await system.run({ ...dry, token: 'one' })))) as RunStatus;
    const second = await system.run({ ...dry, token: 'two' });
    await expect(system.ask(applyOf(second))).rejects.toMatchObject({
      code: 'TABLE_TAKEN',
      context: { run: first.id },
    });
    await system.clock.run(() => runHere(system.ports, first.id));
    expect(idsOf(system)).toEqual(['a']);
    // it is asked for again, and is outdated
    const late = await system.run(applyOf(second));
    expect(late).toMatchObject({ state: 'finished', removed: 0, skipped: { GONE: 1 } });
  });

  it('leaves a copy even where a worker of an `oldest` run wakes in the middle of a `newest` one', async () => {
    const oldest = onePair('oldest');
    const found = await oldest.run(dry);
    const { id } = (await oldest.ask(applyOf(found))) as RunStatus;
    const newest = new RunSystem(NEWEST, {}, oldest.clock);
    const ports = { ...newest.ports, items: oldest.ports.items };
    let isAsleep = false;
    const frozen = haunted(oldest.ports, async ({ name, moment }) => {
      if (name !== 'orders.removeIfSame' || moment === 'after' || isAsleep) return;
      isAsleep = true;
      expect(await newestApplied(newest, ports)).toMatchObject({ removed: 1 });
      expect(idsOf(oldest)).toEqual(['b']);
    });
    await oldest.clock.run(() => runHere(frozen, id));
    expect(await oldest.ask({ kind: 'status', run: id })).toMatchObject({
      removed: 0,
      counts: { returned: 1 },
    });
    expect(idsOf(oldest)).toEqual(['b']);
  });
});

/** A whole `newest` run, on the clock of somebody who waits for it. */
async function newestApplied(system: RunSystem, ports: RunSystem['ports']): Promise<object> {
  const ask = (request: object) => reconcile(ports, system.config, runRequestSchema.parse(request));
  const begun = (await ask(dry)) as RunStatus;
  await runHere(ports, begun.id);
  const found = (await ask({ kind: 'status', run: begun.id })) as RunStatus;
  const { id } = (await ask(applyOf(found))) as RunStatus;
  await runHere(ports, id);
  return ask({ kind: 'status', run: id });
}
