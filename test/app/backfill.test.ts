import { describe, expect, it } from 'vitest';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import type { WrittenRequest } from '../../functions/contract/requests.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { textOfItem } from '../../functions/core/item.ts';
import type { TableRef } from '../../functions/core/run.ts';
import { instead } from '../../rehearsal/haunted.ts';
import { all } from '../all.ts';
import { haunted, Killed } from './dying.ts';
import { quarantinedTexts } from './quarantined.ts';
import { applyOf, COPIES, ORDERS, orderItem, RunSystem } from './run-system.ts';

const dry = { kind: 'backfill', table: ORDERS } as const;

type Change = Partial<NonNullable<RecohereConfig['tables']>[number]>;

function migration(version?: string, change: Change = {}): RunSystem {
  const backfill = { to: COPIES, transform: './none.ts', ...(version !== undefined && { version }) };
  return new RunSystem([{ name: ORDERS, backfill, apply: true, ...change }]);
}

function copiesOf(system: RunSystem): string[] {
  return system.table(COPIES).items().map(textOfItem).sort();
}

describe('backfill', () => {
  it('finds what the target lacks, and writes it', async () => {
    const system = migration();
    for (let order = 0; order < 120; order++) system.orders.put(orderItem(`a${order}`, `o${order}`, order));
    for (let order = 0; order < 40; order++)
      system.table(COPIES).put(orderItem(`a${order}`, `o${order}`, order));
    system.table(COPIES).put(orderItem('own', 'own', 1));
    const found = await system.run(dry);
    expect(found).toMatchObject({
      scanned: 161,
      writeUnits: 0,
      counts: { missing: 80, equal: 40, extra: 1 },
    });
    const applied = await system.run(applyOf(found));
    expect(applied).toMatchObject({ state: 'finished', verified: 80, counts: { written: 80 }, skipped: {} });
    expect(copiesOf(system)).toEqual(
      [...system.orders.items(), orderItem('own', 'own', 1)].map(textOfItem).sort(),
    );
    expect(await system.ask({ kind: 'audit', run: applied.id })).toMatchObject({
      items: 80,
      isRootSame: true,
      breaks: [],
    });
    expect(await system.run({ ...dry, token: 'again' })).toMatchObject({
      counts: { equal: 120, extra: 1 },
      skipped: {},
    });
  });

  it('writes what the transform makes, under the key that it makes', async () => {
    const system = migration();
    system.transform = async ({ id, order }) => (order && id ? { id: order, was: id } : null);
    system.orders.put(orderItem('a', 'o1', 1));
    system.orders.put({ id: { S: 'no order' } });
    const applied = await system.applied('backfill');
    expect(applied).toMatchObject({ verified: 1 });
    expect(copiesOf(system)).toEqual([textOfItem({ id: { S: 'o1' }, was: { S: 'a' } })]);
  });

  it('leaves what is different, and names it, where nothing says which is newer', async () => {
    const system = migration();
    system.orders.put(orderItem('a', 'o1', 2));
    system.table(COPIES).put(orderItem('a', 'o1', 1));
    expect(await system.run(dry)).toMatchObject({
      skipped: { DIFFERENT: 1 },
      problems: [{ reason: 'DIFFERENT' }],
    });
  });

  it('writes over what is older, which is in quarantine before, and nothing else', async () => {
    const system = migration('at');
    const target = system.table(COPIES);
    const older = orderItem('a', 'older', 1);
    system.orders.put(orderItem('a', 'o1', 2));
    target.put(older);
    system.orders.put(orderItem('b', 'o2', 2));
    target.put(orderItem('b', 'newer', 3));
    system.orders.put(orderItem('c', 'o3', 2));
    target.put(orderItem('c', 'another', 2));
    system.orders.put(orderItem('d', 'o4', 2));
    target.put({ ...orderItem('d', 'o4', 2), at: { S: '2' } });
    const found = await system.run(dry);
    expect(found).toMatchObject({
      counts: { older: 1, newer: 1 },
      skipped: { DIFFERENT: 1, VERSION_UNUSABLE: 1 },
    });
    const before = copiesOf(system).filter((text) => text !== textOfItem(older));
    expect(await system.run(applyOf(found))).toMatchObject({ counts: { written: 1 }, verified: 1 });
    expect(copiesOf(system)).toEqual([...before, textOfItem(orderItem('a', 'o1', 2))].sort());
    expect(await quarantinedTexts(system.objects)).toEqual(new Set([textOfItem(older)]));
  });

  it('names two items that would become one', async () => {
    const system = migration();
    system.transform = async ({ order }) => (order ? { id: order } : null);
    system.orders.put(orderItem('a', 'o1', 1));
    system.orders.put(orderItem('b', 'o1', 2));
    expect(await system.run(dry)).toMatchObject({ counts: {}, skipped: { COLLISION: 2 } });
  });

  it('counts and names what the transform fails for', async () => {
    const system = migration();
    system.transform = async (item) => {
      if (textOfItem(item).includes('o7')) throw new Error('a secret of the user');
      return item;
    };
    for (let order = 0; order < 10; order++) system.orders.put(orderItem(`a${order}`, `o${order}`, order));
    const found = await system.run(dry);
    expect(found).toMatchObject({ counts: { missing: 9 }, skipped: { TRANSFORM_FAILED: 1 } });
    expect(found.counts).toEqual({ missing: 9 });
    expect(JSON.stringify(found)).not.toContain('secret');
    expect(system.telemetry.samples).toContainEqual(
      expect.objectContaining({ metric: 'SchemaErrorCount', value: 1 }),
    );
  });

  it.each([{ maxErrors: 0 }, { maxErrors: 39 }, { maxErrors: 99 }])(
    'gives up after $maxErrors failures of the transform',
    async ({ maxErrors }) => {
      const system = migration(undefined, { maxErrors });
      system.transform = async () => {
        throw new Error('no');
      };
      for (let order = 0; order < 100; order++) system.orders.put(orderItem(`a${order}`, `o${order}`, order));
      const given = await system.run(dry);
      expect(given).toMatchObject({ state: 'failed', failure: { code: 'TOO_MANY_ERRORS' } });
      expect(given.skipped.TRANSFORM_FAILED).toBeGreaterThan(maxErrors);
      expect(given.problems.length).toBeGreaterThan(0);
      const { keys } = (await system.ask({ kind: 'status', run: given.id, showKeys: true })) as RunStatus;
      expect(keys?.[0]).toMatchObject({ reason: 'TRANSFORM_FAILED', key: expect.stringContaining('"a') });
      expect(system.telemetry.samples).toContainEqual(
        expect.objectContaining({ metric: 'SchemaErrorCount', value: given.skipped.TRANSFORM_FAILED }),
      );
    },
  );

  it.each([1, 3])('bears %i failures of the transform where the config does', async (maxErrors) => {
    const system = migration(undefined, { maxErrors });
    let failures = 0;
    system.transform = async (item) => {
      if (failures++ < maxErrors) throw new Error('no');
      return item;
    };
    for (let order = 0; order < 10; order++) system.orders.put(orderItem(`a${order}`, `o${order}`, order));
    expect(await system.run(dry)).toMatchObject({
      state: 'finished',
      counts: { missing: 10 - maxErrors },
      skipped: { TRANSFORM_FAILED: maxErrors },
    });
  });

  it('heeds what the target is, which it changes, and not the source', async () => {
    const system = migration();
    system.orders.put(orderItem('a', 'o1', 1));
    system.orders.set({ hasReplicas: true, hasPointInTimeRecovery: false });
    system.table(COPIES).set({ hasStream: true });
    const found = await system.run(dry);
    await expect(system.ask(applyOf(found))).rejects.toMatchObject({
      code: 'HAZARDS',
      message: expect.stringMatching(/acknowledge: streams$/),
    });
    const request = { ...applyOf(found), acknowledge: ['streams'] } as WrittenRequest;
    expect(await system.run(request)).toMatchObject({ verified: 1 });
  });

  it('asks for the right to put into the target, and for no other', async () => {
    const system = migration();
    const asked: unknown[] = [];
    const ports = {
      ...system.ports,
      items: ({ name }: TableRef) => {
        const tryWriting = async (rights: unknown) => void asked.push([name, rights]);
        return instead(system.table(name), { tryWriting });
      },
    };
    system.orders.put(orderItem('a', 'o1', 1));
    await system.run(applyOf(await system.run(dry, ports)), ports);
    expect(asked).toEqual([[COPIES, ['put']]]);
  });

  it('is not to blame for what AWS refuses within a transform', async () => {
    const system = migration();
    system.transform = async () => {
      throw new RefusedError({ code: 'ACCESS_DENIED', permission: 'kms:Decrypt' });
    };
    system.orders.put(orderItem('a', 'o1', 1));
    expect(await system.run(dry)).toMatchObject({
      state: 'failed',
      failure: { code: 'ACCESS_DENIED', permission: 'kms:Decrypt' },
    });
  });

  it('tells all that it has written, although its worker died and it was cancelled', async () => {
    const system = migration();
    for (let order = 0; order < 5; order++) system.orders.put(orderItem(`a${order}`, `o${order}`, order));
    const { id } = (await system.ask(applyOf(await system.run(dry)))) as RunStatus;
    let writes = 0;
    const dying = haunted(system.ports, ({ name, moment }) => {
      if (name === `${COPIES}.putIfAbsent` && moment === 'after' && ++writes >= 3) throw new Killed();
    });
    await expect(system.clock.run(() => runHere(dying, id))).rejects.toThrow(Killed);
    await system.ask({ kind: 'cancel', run: id });
    expect(await system.workedOn(id)).toMatchObject({
      state: 'cancelled',
      counts: { written: 5 },
      skipped: {},
    });
    expect(copiesOf(system)).toHaveLength(5);
  });

  it('proves with an object that has what it wrote over, although its worker died', async () => {
    const system = migration('at');
    const old = orderItem('a', 'o1', 1);
    system.orders.put(orderItem('a', 'o1', 2));
    system.table(COPIES).put(old);
    const { id } = (await system.ask(applyOf(await system.run(dry)))) as RunStatus;
    let isDead = false;
    const dying = haunted(system.ports, ({ name, moment }) => {
      isDead ||= name === `${COPIES}.replaceIfSame` && moment === 'after';
      if (isDead) throw new Killed();
    });
    await expect(system.clock.run(() => runHere(dying, id))).rejects.toThrow(Killed);
    expect(await system.workedOn(id)).toMatchObject({ state: 'finished', counts: { written: 1 } });
    const [proof] = await system.clock.run(() => all(system.ledger.proofs(id, 'apply', 0)));
    expect((await system.objects.read(proof?.object ?? ''))?.toString()).toContain(
      JSON.stringify(textOfItem(old)),
    );
  });

  it('cannot be undone', async () => {
    const system = migration();
    system.orders.put(orderItem('a', 'o1', 1));
    const { id } = await system.applied('backfill');
    await expect(system.ask({ kind: 'undo', run: id })).rejects.toMatchObject({ code: 'NOT_UNDOABLE' });
  });
});

describe('an application that writes during a backfill', () => {
  it.each([
    {
      reason: 'removes the source: it does not come back',
      write: (system: RunSystem) => system.orders.remove({ id: { S: 'a' } }),
      skipped: 'GONE',
      left: [],
    },
    {
      reason: 'writes a newer source: that is what is written',
      write: (system: RunSystem) => system.orders.put(orderItem('a', 'o1', 7)),
      skipped: undefined,
      left: [orderItem('a', 'o1', 7)],
    },
    {
      reason: 'writes to the target itself: that stays',
      write: (system: RunSystem) => system.table(COPIES).put(orderItem('a', 'own', 9)),
      skipped: 'CHANGED',
      left: [orderItem('a', 'own', 9)],
    },
  ])('$reason', async ({ write, skipped, left }) => {
    for (const version of [undefined, 'at']) {
      const system = migration(version);
      system.orders.put(orderItem('a', 'o1', 2));
      const found = await system.run(dry);
      write(system);
      const applied = await system.run(applyOf(found));
      expect(applied.skipped).toEqual(skipped === undefined ? {} : { [skipped]: 1 });
      expect(copiesOf(system)).toEqual(left.map(textOfItem));
    }
  });

  it('writes to the target in the last moment: that stays', async () => {
    for (const version of [undefined, 'at']) {
      const system = migration(version);
      system.orders.put(orderItem('a', 'o1', 2));
      if (version) system.table(COPIES).put(orderItem('a', 'old', 1));
      const found = await system.run(dry);
      const own = orderItem('a', 'own', 9);
      const { id } = (await system.ask(applyOf(found))) as RunStatus;
      const ports = haunted(system.ports, ({ name, moment }) => {
        if (/putIf|replaceIf/.test(name) && moment === 'before') system.table(COPIES).put(own);
      });
      await system.clock.run(() => runHere(ports, id));
      expect(await system.ask({ kind: 'status', run: id })).toMatchObject({ skipped: { CHANGED: 1 } });
      expect(copiesOf(system)).toEqual([textOfItem(own)]);
    }
  });
});
