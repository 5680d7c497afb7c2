import { describe, expect, it } from 'vitest';
import type { Audit } from '../../functions/app/audit.ts';
import { type RunStatus, reconcile } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import { work } from '../../functions/app/work.ts';
import { runRequestSchema, type WrittenRequest } from '../../functions/contract/requests.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { instead } from '../../rehearsal/haunted.ts';
import { all } from '../all.ts';
import { changed, dry, halfApplied, withDoubles } from './doubled.ts';
import { haunted } from './dying.ts';
import { quarantinedTexts } from './quarantined.ts';
import { applyOf, COPIES, DEDUPE, HUB, orderItem, RunSystem } from './run-system.ts';

describe('what is refused before anything begins', () => {
  it.each([
    {
      request: { ...dry, table: 'other' },
      code: 'NO_SUCH_TABLE',
      reason: 'a table that the config does not name',
    },
    { request: { ...dry, region: 'eu-west-1' }, code: 'NO_SUCH_TABLE', reason: 'a table of another region' },
    {
      request: { ...dry, account: '111111111111' },
      code: 'NO_SUCH_TABLE',
      reason: 'a table of another account',
    },
    {
      request: { ...dry, kind: 'backfill' },
      code: 'NO_RULE',
      reason: 'a kind that the config does not ask for',
    },
    { request: { kind: 'undo', run: 'x' }, code: 'NO_SUCH_RUN', reason: 'an undo of nothing' },
    { request: { kind: 'status', run: 'x' }, code: 'NO_SUCH_RUN', reason: 'the status of nothing' },
    { request: { kind: 'resume', run: 'x' }, code: 'NO_SUCH_RUN', reason: 'to go on with nothing' },
    { request: { ...dry, mode: 'apply' }, code: 'NO_PLAN', reason: 'an apply of nothing' },
    {
      request: { ...dry, mode: 'apply', plan: 'x', count: 1 },
      code: 'NO_SUCH_RUN',
      reason: 'an apply of what never ran',
    },
    { request: { ...dry, mode: 'apply', sample: 0.5 }, code: 'BAD_REQUEST', reason: 'an apply of a sample' },
  ] satisfies { request: WrittenRequest; code: string; reason: string }[])(
    'is $reason',
    async ({ request, code }) => {
      const system = withDoubles();
      await expect(system.ask(request)).rejects.toMatchObject({ code });
      expect(system.started).toEqual([]);
    },
  );

  it('is a table that is not there, before a run is remembered', async () => {
    const system = new RunSystem([{ name: 'missing', dedupe: { key: 'order', keep: 'oldest', by: 'at' } }]);
    await expect(system.ask({ kind: 'dedupe', table: 'missing' })).rejects.toMatchObject({
      code: 'NO_SUCH_TABLE',
    });
    expect(await system.ask({ kind: 'runs' })).toEqual({ runs: [] });
  });

  it.each([{ key: 'id' }, { key: ['order', 'id'] }])(
    'is a dedupe key that holds the primary key: $key',
    async ({ key }) => {
      const system = withDoubles(1, changed({ dedupe: { key, keep: 'oldest', by: 'at' } }));
      await expect(system.ask(dry)).rejects.toMatchObject({ code: 'KEY_IS_PRIMARY' });
    },
  );

  it('is a name that two tables have, until the region is named', async () => {
    const system = withDoubles(1, [...DEDUPE, ...changed({ region: 'eu-west-1' })]);
    await expect(system.ask(dry)).rejects.toMatchObject({ code: 'AMBIGUOUS_TABLE' });
    expect(await system.run({ ...dry, region: HUB })).toMatchObject({ duplicates: 1 });
  });
});

describe('an apply', () => {
  it('must be allowed by the config', async () => {
    const system = withDoubles(1, changed({ apply: false }));
    await expect(system.applied()).rejects.toMatchObject({ code: 'APPLY_OFF' });
  });

  it('must name how many items the dry run said', async () => {
    const system = withDoubles();
    const found = await system.run(dry);
    await expect(system.ask({ ...applyOf(found), count: 4 } as WrittenRequest)).rejects.toMatchObject({
      code: 'OTHER_COUNT',
    });
    expect(system.orders.items()).toHaveLength(10);
  });

  it('removes no more than the config bears', async () => {
    const system = withDoubles(5, changed({ maxRemovals: 4 }));
    await expect(system.applied()).rejects.toMatchObject({ code: 'TOO_MANY' });
  });

  it('removes as many as the config bears', async () => {
    const system = withDoubles(5, changed({ maxRemovals: 5 }));
    expect(await system.applied()).toMatchObject({ state: 'finished', removed: 5 });
  });

  it.each([
    { facts: { hasStream: true }, hazard: 'streams' },
    { facts: { hasReplicas: true }, hazard: 'replicas' },
    { facts: { hasPointInTimeRecovery: false }, hazard: 'no-point-in-time-recovery' },
    { facts: { hasPointInTimeRecovery: undefined }, hazard: 'no-point-in-time-recovery' },
  ] as const)('of a table with $facts must acknowledge $hazard', async ({ facts, hazard }) => {
    const system = withDoubles();
    system.orders.set(facts);
    const found = await system.run(dry);
    await expect(system.ask(applyOf(found))).rejects.toMatchObject({
      code: 'HAZARDS',
      message: expect.stringContaining(hazard),
    });
    const request = { ...applyOf(found), acknowledge: [hazard] } as WrittenRequest;
    expect(await system.run(request)).toMatchObject({ removed: 5 });
  });

  it('asks for the rights that it will need, and for no other', async () => {
    const system = withDoubles();
    const asked: unknown[] = [];
    const tryWriting = async (rights: unknown) => void asked.push(rights);
    const ports = { ...system.ports, items: () => instead(system.orders, { tryWriting }) };
    const applied = await system.run(applyOf(await system.run(dry, ports)), ports);
    expect(asked).toEqual([['remove', 'put']]);
    await system.run({ kind: 'undo', run: applied.id }, ports);
    expect(asked).toEqual([['remove', 'put'], ['put']]);
  });

  it('says which permission is missing, and begins nothing', async () => {
    const system = withDoubles();
    system.orders.inject('tryWriting', () => {
      throw new RefusedError({
        code: 'ACCESS_DENIED',
        call: 'dynamodb:DeleteItem',
        permission: 'dynamodb:DeleteItem',
      });
    });
    const found = await system.run(dry);
    await expect(system.ask(applyOf(found))).rejects.toMatchObject({
      refusal: { permission: 'dynamodb:DeleteItem' },
    });
    expect(system.started).toHaveLength(1);
  });

  it('is not made of a dry run that has not ended, of a sample, of an apply, or of an older config', async () => {
    const system = withDoubles();
    const unfinished = (await system.ask({ ...dry, token: 'unfinished' })) as RunStatus;
    await expect(system.ask(applyOf(unfinished))).rejects.toMatchObject({ code: 'NO_PLAN' });
    const sample = await system.run({ ...dry, sample: 0.5, token: 'sample' });
    await expect(system.ask(applyOf(sample))).rejects.toMatchObject({ code: 'NO_PLAN' });
    const found = await system.run({ ...dry, token: 'whole' });
    const applied = await system.run(applyOf(found));
    await expect(system.ask({ ...applyOf(found), plan: applied.id } as WrittenRequest)).rejects.toMatchObject(
      { code: 'NO_PLAN' },
    );
    const [table] = system.config.tables;
    if (table?.dedupe) table.dedupe.keep = 'newest';
    await expect(system.ask(applyOf(found))).rejects.toMatchObject({ code: 'PLAN_OUTDATED' });
  });

  it('is not made of a dry run that is older than a week', async () => {
    const system = withDoubles();
    const found = await system.run(dry);
    await system.clock.run(() => system.clock.sleep(8 * 86_400_000));
    await expect(system.ask(applyOf(found))).rejects.toMatchObject({ code: 'PLAN_OUTDATED' });
  });

  it('is not made of a dry run of another table', async () => {
    const both = [
      ...DEDUPE,
      { name: COPIES, dedupe: { key: 'order', keep: 'oldest' as const, by: 'at' }, apply: true },
    ];
    const system = withDoubles(1, both);
    const found = await system.run(dry);
    await expect(system.ask({ ...applyOf(found), table: COPIES } as WrittenRequest)).rejects.toMatchObject({
      code: 'OTHER_TABLE',
    });
  });

  it('is done once, however often it is asked for', async () => {
    const system = withDoubles();
    const found = await system.run(dry);
    const first = await system.run(applyOf(found));
    const again = await system.run(applyOf(found));
    expect(again).toEqual(first);
    expect(system.orders.items()).toHaveLength(5);
  });

  it('is made of a dry run of the release before, which named what it wrote otherwise', async () => {
    const system = withDoubles();
    const found = await system.run(dry);
    const plan = `runs/${found.id}/plan/0/0`;
    const content = (await system.objects.read(`${plan}.5`)) ?? Buffer.of();
    await system.objects.remove(`${plan}.5`);
    await system.objects.write(plan, content);
    expect(await system.run(applyOf(found))).toMatchObject({ state: 'finished', removed: 5 });
  });

  it('fails when what the dry run wrote down is gone, and removes nothing', async () => {
    const system = withDoubles();
    const found = await system.run(dry);
    for await (const name of system.objects.list(`runs/${found.id}/plan`)) await system.objects.remove(name);
    expect(await system.run(applyOf(found))).toMatchObject({
      state: 'failed',
      failure: { code: 'PLAN_LOST' },
      removed: 0,
    });
    expect(system.orders.items()).toHaveLength(10);
  });
});

describe('a dry run', () => {
  it('has the same id for the same token, and another one without', async () => {
    const system = withDoubles();
    const ids = await Promise.all(
      [{ token: 'a' }, { token: 'a' }, { token: 'b' }].map(
        async (token) => ((await system.ask({ ...dry, ...token })) as RunStatus).id,
      ),
    );
    expect(new Set(ids).size).toBe(2);
    const first = (await system.ask(dry)) as RunStatus;
    await system.clock.run(() => system.clock.sleep(1_000));
    expect(((await system.ask(dry)) as RunStatus).id).not.toBe(first.id);
  });

  it('of a sample reads a part, and estimates the rest', async () => {
    const system = new RunSystem();
    for (let order = 0; order < 4_000; order++)
      system.orders.put(orderItem(`a${order}`, `o${order % 3_600}`, order));
    const found = await system.run({ ...dry, sample: 0.25 });
    expect(found.scanned).toBeGreaterThan(800);
    expect(found.scanned).toBeLessThan(1_200);
    expect(found.estimate?.items).toBeGreaterThan(3_500);
    const { least = 0, likely = 0, most = 0 } = found.estimate?.duplicates ?? {};
    expect([least <= 400, 400 <= most, least <= likely, likely <= most]).toEqual([true, true, true, true]);
  });

  it('fails when what the scan wrote down is gone', async () => {
    const system = withDoubles();
    const { id } = (await system.ask(dry)) as RunStatus;
    let isGone = false;
    const ports = haunted(system.ports, async ({ name }) => {
      if (name !== 'objects.read' || isGone) return;
      isGone = true;
      for await (const object of system.objects.list(`runs/${id}/scatter`))
        await system.objects.remove(object);
    });
    await system.clock.run(() => runHere(ports, id));
    expect(await system.ask({ kind: 'status', run: id })).toMatchObject({
      state: 'failed',
      failure: { code: 'SPILL_LOST' },
    });
  });

  it.each([
    { field: 0, reason: 'a hash' },
    { field: 1, reason: 'the key of an item of the target' },
    { field: 2, reason: 'the key of its source' },
  ])('fails when what the scan wrote down is damaged: $reason is never empty', async ({ field }) => {
    const system = new RunSystem(changed({ backfill: { to: COPIES, transform: 'any' } }));
    system.orders.put(orderItem('a0', 'o0', 1));
    const objects = instead(system.objects, {
      read: async (name) => {
        const content = await system.objects.read(name);
        if (content === undefined || !name.includes('/scatter/')) return content;
        return Buffer.from(JSON.stringify(JSON.parse(content.toString()).with(field, '')));
      },
    });
    const failed = await system.run(
      { ...dry, kind: 'backfill' },
      { ...system.ports, objects: () => objects },
    );
    expect(failed).toMatchObject({ state: 'failed', failure: { code: 'SPILL_LOST' } });
  });

  it('goes on slower when it is throttled, and counts it', async () => {
    const system = withDoubles();
    let refusals = 3;
    system.orders.inject('scan', () => {
      if (refusals-- > 0)
        throw new RefusedError({ code: 'THROTTLED', call: 'dynamodb:Scan' }, { retryable: true });
    });
    expect(await system.run(dry)).toMatchObject({ state: 'finished', duplicates: 5, counts: { retries: 3 } });
  });

  it('keeps to its rate', async () => {
    const system = withDoubles(2_000, changed({ readUnitsPerSecond: 10 }));
    const found = await system.run(dry);
    expect(found.durationMs).toBeGreaterThan((found.readUnits / 10) * 1_000 * 0.9);
    expect(found.durationMs).toBeLessThan((found.readUnits / 10) * 1_000 * 2);
  });

  it('is told in metrics, once', async () => {
    const system = withDoubles();
    const { id } = await system.run(dry);
    await system.clock.run(() => runHere(system.ports, id));
    const told = system.telemetry.samples.map(({ metric, value }) => [metric, value]);
    expect(told).toEqual([
      ['ReconcileSucceeded', 1],
      ['ReconcileFailed', 0],
      ['ReconcileRetries', 0],
      ['ReconcileCostUsd', expect.any(Number)],
      ['SchemaErrorCount', 0],
      ['DuplicatesPerMillion', 500_000],
    ]);
  });
});

describe('a run that is cancelled', () => {
  it('settles what it held, lets go of the table, and can be resumed', async () => {
    const system = withDoubles(200);
    const id = await halfApplied(system);
    expect(await system.ask({ kind: 'cancel', run: id })).toMatchObject({ state: 'cancelling' });
    await system.clock.run(() => runHere(system.ports, id));
    const cancelled = (await system.ask({ kind: 'status', run: id })) as RunStatus;
    expect(cancelled).toMatchObject({ state: 'cancelled', removed: 100 });
    expect(system.orders.items()).toHaveLength(300);
    // another run may have the table now
    expect(await system.run({ ...dry, token: 'between' })).toMatchObject({ duplicates: 100 });
    expect(await system.ask({ kind: 'resume', run: id })).toMatchObject({ state: 'running' });
    await system.clock.run(() => runHere(system.ports, id));
    expect(await system.ask({ kind: 'status', run: id })).toMatchObject({
      state: 'finished',
      removed: 200,
      verified: 200,
    });
    expect(system.started.map(({ attempt }) => attempt)).toEqual([1, 1, 2, 1, 3]);
    await expect(system.ask({ kind: 'resume', run: id })).rejects.toMatchObject({ code: 'ENDED' });
  });

  it('gives back what it removed', async () => {
    const system = withDoubles(200);
    const id = await halfApplied(system);
    await expect(system.ask({ kind: 'undo', run: id })).rejects.toMatchObject({ code: 'NOT_ENDED' });
    await system.ask({ kind: 'cancel', run: id });
    await system.clock.run(() => runHere(system.ports, id));
    expect(await system.run({ kind: 'undo', run: id })).toMatchObject({ restored: 100 });
    expect(system.orders.items()).toHaveLength(400);
  });

  it('does not hold a table that a resumed run has taken again', async () => {
    const system = withDoubles(200);
    const id = await halfApplied(system);
    const other = await system.run({ ...dry, token: 'other' });
    await expect(system.ask(applyOf(other))).rejects.toMatchObject({ code: 'TABLE_TAKEN' });
    await system.ask({ kind: 'resume', run: id });
    await expect(system.ask(applyOf(other))).rejects.toMatchObject({ code: 'TABLE_TAKEN' });
    await system.clock.run(() => runHere(system.ports, id));
    expect(await system.run(applyOf(other))).toMatchObject({ state: 'finished' });
  });

  it('leaves nothing to do for workers that it has stopped, but to settle what they hold', async () => {
    const system = withDoubles(200);
    const { id } = (await system.ask(applyOf(await system.run(dry)))) as RunStatus;
    await system.ask({ kind: 'cancel', run: id });
    const task = { run: id, phase: 'apply', index: 0 } as const;
    expect(await system.clock.run(() => work(system.ports, task, Infinity))).toEqual({ isDone: true });
    expect(system.orders.items()).toHaveLength(400);
    expect((await system.clock.run(() => system.ledger.readSegment(id, 'apply', 0))).version).toBe(0);
  });

  it('stops a worker between two batches, which has nothing to do then', async () => {
    const system = withDoubles(200);
    const { id } = (await system.ask(applyOf(await system.run(dry)))) as RunStatus;
    let isAsked = false;
    const ports = haunted(system.ports, async ({ name, moment }) => {
      if (name !== 'orders.removeIfSame' || moment === 'before' || isAsked) return;
      isAsked = true;
      await reconcile(system.ports, system.config, runRequestSchema.parse({ kind: 'cancel', run: id }));
    });
    const task = { run: id, phase: 'apply', index: 0 } as const;
    expect(await system.clock.run(() => work(ports, task, Infinity))).toEqual({ isDone: true });
    expect(system.orders.items()).toHaveLength(350);
    await system.clock.run(() => runHere(system.ports, id));
    expect(await system.ask({ kind: 'status', run: id })).toMatchObject({ state: 'cancelled', removed: 50 });
  });

  it('stops a worker when its time is over, which goes on later', async () => {
    const system = withDoubles(200);
    const { id } = (await system.ask(applyOf(await system.run(dry)))) as RunStatus;
    const task = { run: id, phase: 'apply', index: 0 } as const;
    const worked = await system.clock.run(() => work(system.ports, task, 0));
    expect(worked).toEqual({ isDone: false, waitSeconds: 0 });
  });

  it('is refused to be cancelled once it has finished', async () => {
    const system = withDoubles();
    const { id } = await system.run(dry);
    await expect(system.ask({ kind: 'cancel', run: id })).rejects.toMatchObject({ code: 'ENDED' });
  });
});

describe('an undo', () => {
  it('names what somebody has written again, and leaves it', async () => {
    const system = withDoubles();
    const { id } = await system.applied();
    system.orders.put(orderItem('b1', 'new', 9));
    const undone = await system.run({ kind: 'undo', run: id });
    expect(undone).toMatchObject({ restored: 4, skipped: { RECREATED: 1 } });
    expect(system.orders.items()).toContainEqual(orderItem('b1', 'new', 9));
  });

  it('puts back also what somebody was in the way of, and is not any more', async () => {
    const system = withDoubles();
    const { id } = await system.applied();
    system.orders.put(orderItem('b0', 'o0', 9));
    const ports = haunted(system.ports, ({ name, moment }) => {
      if (name === 'orders.get' && moment === 'before') system.orders.remove({ id: { S: 'b0' } });
    });
    expect(await system.run({ kind: 'undo', run: id }, ports)).toMatchObject({ restored: 5, skipped: {} });
    expect(system.orders.items()).toHaveLength(10);
  });

  it.each(['dry-run', 'undo'] as const)('is not made of a run of the mode %s', async (mode) => {
    const system = withDoubles();
    const found = await system.run(dry);
    const applied = await system.run(applyOf(found));
    const run = mode === 'undo' ? (await system.run({ kind: 'undo', run: applied.id })).id : found.id;
    await expect(system.ask({ kind: 'undo', run })).rejects.toMatchObject({ code: 'NOT_UNDOABLE' });
  });
});

describe('what is forgotten', () => {
  it('is all that was removed and every key, and the proofs stay valid', async () => {
    const system = withDoubles();
    const { id } = await system.applied();
    expect((await quarantinedTexts(system.objects)).size).toBe(5);
    await system.ask({ kind: 'forget', run: id });
    expect(await all(system.objects.list(''))).toEqual([]);
    expect(await system.ask({ kind: 'audit', run: id })).toEqual({
      run: id,
      proofs: 1,
      items: 5,
      isQuarantineRead: false,
      isRootSame: true,
      breaks: [],
    });
    await expect(system.ask({ kind: 'undo', run: id })).rejects.toMatchObject({ code: 'FORGOTTEN' });
  });

  it('is nothing that an undo is just putting back', async () => {
    const system = withDoubles();
    const { id } = await system.applied();
    const undo = (await system.ask({ kind: 'undo', run: id })) as RunStatus;
    await expect(system.ask({ kind: 'forget', run: id })).rejects.toMatchObject({ code: 'NOT_ENDED' });
    await system.clock.run(() => runHere(system.ports, undo.id));
    expect(await system.ask({ kind: 'forget', run: id })).toMatchObject({ id });
  });

  it('is nothing to which a worker may still add that may be alive, be it one of the dry run', async () => {
    const system = withDoubles();
    const { id } = await system.applied();
    const ghostUntil = system.clock.now() + 60_000;
    await system.clock.run(async () => {
      const segment = await system.ledger.readSegment(id.replace('-apply-', '-dry-'), 'scatter', 0);
      await system.ledger.swapSegment({ ...segment, version: segment.version + 1, ghostUntil });
    });
    const refused = { code: 'NOT_ENDED', retryable: true };
    await expect(system.ask({ kind: 'forget', run: id })).rejects.toMatchObject(refused);
    await system.clock.run(() => system.clock.sleep(60_000));
    expect(await system.ask({ kind: 'forget', run: id })).toMatchObject({ id });
  });

  it.each([
    { mode: 'dry-run', code: 'NOTHING_KEPT' },
    { mode: 'apply', code: 'NOT_ENDED' },
  ])('is not a $mode that has nothing, or is under way', async ({ mode, code }) => {
    const system = withDoubles();
    const found = await system.run(dry);
    const run = mode === 'apply' ? ((await system.ask(applyOf(found))) as RunStatus).id : found.id;
    await expect(system.ask({ kind: 'forget', run })).rejects.toMatchObject({ code });
  });
});

describe('an audit', () => {
  it.each([
    {
      why: 'a proof was changed',
      break: async (system: RunSystem, id: string) => {
        for await (const proof of system.ledger.proofs(id, 'apply', 0)) {
          if (proof.number === 1) await system.ledger.record({ ...proof, previous: 'f'.repeat(64) });
        }
      },
    },
    {
      why: 'the end is missing',
      break: async (system: RunSystem, id: string) => {
        for await (const proof of system.ledger.proofs(id, 'apply', 0)) {
          if (proof.number === 3) await system.ledger.record({ ...proof, entries: proof.entries.slice(1) });
        }
      },
    },
    {
      why: 'a quarantined batch is missing',
      break: async (system: RunSystem) => {
        for await (const name of system.objects.list('quarantine/')) return system.objects.remove(name);
      },
    },
    {
      why: 'a quarantined item was changed',
      break: async (system: RunSystem) => {
        for await (const name of system.objects.list('quarantine/')) {
          const content = await system.objects.read(name);
          return system.objects.write(name, Buffer.from(content?.toString().replace('"2', '"3') ?? ''));
        }
      },
    },
  ])('finds that $why', async ({ why, break: damage }) => {
    const system = withDoubles(200);
    const { id } = await system.applied();
    await system.clock.run(() => damage(system, id));
    const { breaks } = (await system.ask({ kind: 'audit', run: id })) as Audit;
    expect(breaks.map((each) => each.why)).toContain(why);
  });
});

describe('what can be asked of runs', () => {
  it('is a list of the newest', async () => {
    const system = withDoubles();
    for (const token of ['a', 'b', 'c']) {
      await system.run({ ...dry, token });
      await system.clock.run(() => system.clock.sleep(1_000));
    }
    const { runs } = (await system.ask({ kind: 'runs', limit: 2 })) as {
      runs: { id: string; duplicates: number }[];
    };
    expect(runs.map(({ id }) => id)).toEqual([
      expect.stringContaining('-c-'),
      expect.stringContaining('-b-'),
    ]);
    expect(runs[0]).toMatchObject({ duplicates: 5, kind: 'dedupe', mode: 'dry-run', state: 'finished' });
  });

  it('is how far one is', async () => {
    const system = withDoubles(100);
    const { id, progress } = (await system.ask(dry)) as RunStatus;
    expect(progress).toEqual({ done: 0, of: 200 });
    await system.clock.run(() => runHere(system.ports, id));
    const { progress: gathered } = (await system.ask({ kind: 'status', run: id })) as RunStatus;
    expect(gathered).toEqual({ done: 1, of: 1 });
    const applying = await halfApplied(system);
    const { phase, progress: half } = (await system.ask({ kind: 'status', run: applying })) as RunStatus;
    expect({ phase, ...half }).toEqual({ phase: 'apply', done: 50, of: 100 });
  });
});
