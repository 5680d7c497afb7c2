import { describe, expect, it } from 'vitest';
import type { Audit } from '../../functions/app/audit.ts';
import { COPIES_MAX } from '../../functions/app/gather.ts';
import { undoOf } from '../../functions/app/plan-run.ts';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import { steer } from '../../functions/app/steer.ts';
import { work } from '../../functions/app/work.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { sha256, textOfItem, type WireItem } from '../../functions/core/item.ts';
import type { Segment } from '../../functions/core/run.ts';
import type { ScanRequest } from '../../functions/ports/item-store.ts';
import { instead } from '../../rehearsal/haunted.ts';
import { begunApply, changed, dry, dyingAfter, halfApplied, idsOf, withDoubles } from './doubled.ts';
import { haunted, Killed, MOMENTS } from './dying.ts';
import { quarantinedTexts } from './quarantined.ts';
import { applyOf, COPIES, ORDERS, orderItem, RunSystem } from './run-system.ts';

/** What a cancellation is told that crosses the end of its run, and what became of the run: one of the two came first. */
const ENDINGS = {
  before: ['ENDED finished', 'cancelling cancelled', 'finished finished'],
  after: ['cancelling cancelled', 'finished finished'],
} as const;

const migrate = { kind: 'backfill', table: ORDERS } as const;

type Tables = NonNullable<RecohereConfig['tables']>;

/** Orders that are to be copied. */
function migration(change: Partial<Tables[number]> = {}): RunSystem {
  return new RunSystem([
    { name: ORDERS, backfill: { to: COPIES, transform: './none.ts' }, apply: true, ...change },
  ]);
}

function textsOf(system: RunSystem, table = ORDERS): string[] {
  return system.table(table).items().map(textOfItem);
}

/** What a process leaves behind that dies. */
async function untilKilled(working: Promise<unknown>): Promise<void> {
  await expect(working).rejects.toThrow(Killed);
}

function segmentOf(system: RunSystem, run: string, phase: Segment['phase'], index = 0): Promise<Segment> {
  return system.clock.run(() => system.ledger.readSegment(run, phase, index));
}

/** How an apply of the orders is told that its table is free, or not. */
async function answerTo(system: RunSystem, plan: RunStatus): Promise<string> {
  return system.askMeanwhile(applyOf(plan)).then(
    (status) => (status as RunStatus).state,
    ({ code }) => code,
  );
}

describe('a worker that freezes or dies', () => {
  it('puts back what it removed with a change that it had not read, although AWS refuses once', async () => {
    const system = withDoubles(1);
    const id = await begunApply(system);
    const noted = { ...orderItem('b0', 'o0', 2), note: { S: 'paid' } };
    let refusals = 1;
    system.orders.inject('putIfAbsent', () => {
      if (refusals-- > 0) throw new RefusedError({ code: 'UNAVAILABLE' }, { retryable: true });
    });
    const ports = haunted(system.ports, ({ name, moment }) => {
      if (name === 'orders.removeIfSame' && moment === 'before') system.orders.put(noted);
    });
    expect(await system.workedOn(id, ports)).toMatchObject({
      state: 'finished',
      removed: 0,
      counts: { returned: 1, retries: 1 },
    });
    expect(textsOf(system)).toContain(textOfItem(noted));
    expect(idsOf(system)).toEqual(['a0', 'b0']);
  });

  it('has each item in quarantine that had changed when it was removed, also of several at a time', async () => {
    const system = withDoubles(8);
    const id = await begunApply(system);
    const noted = [0, 1, 2, 3, 4, 5, 6, 7].map((at) => ({
      ...orderItem(`b${at}`, `o${at}`, 2),
      note: { S: 'paid' },
    }));
    let isNoted = false;
    const writing = haunted(system.ports, ({ name, moment }) => {
      if (name !== 'orders.removeIfSame' || moment !== 'before' || isNoted) return;
      isNoted = true;
      for (const item of noted) system.orders.put(item);
    });
    let refusals = 3;
    const objects = instead(system.objects, {
      write: async (name, content) => {
        if (content.includes('paid') && refusals-- > 0)
          throw new RefusedError({ code: 'THROTTLED' }, { retryable: true });
        await system.objects.write(name, content);
      },
    });
    const ports = { ...writing, objects: () => objects };
    expect(await system.workedOn(id, ports)).toMatchObject({ removed: 0, counts: { returned: 8 } });
    const quarantined = await quarantinedTexts(system.objects);
    expect(noted.map(textOfItem).filter((text) => !quarantined.has(text))).toEqual([]);
  });

  it('puts back what had changed when it was removed, also where it cannot be kept beside', async () => {
    const system = withDoubles(1);
    const id = await begunApply(system);
    const noted = { ...orderItem('b0', 'o0', 2), note: { S: 'paid' } };
    const writing = haunted(system.ports, ({ name, moment }) => {
      if (name === 'orders.removeIfSame' && moment === 'before') system.orders.put(noted);
    });
    const objects = instead(system.objects, {
      write: async (name, content) => {
        if (content.includes('paid')) throw new RefusedError({ code: 'ACCESS_DENIED' });
        await system.objects.write(name, content);
      },
    });
    const ports = { ...writing, objects: () => objects };
    expect(await system.workedOn(id, ports)).toMatchObject({ removed: 0, counts: { returned: 1 } });
    expect(textsOf(system)).toContain(textOfItem(noted));
  });

  it('may wake and remove the last copy: whoever has its batch then waits for that, and puts it back', async () => {
    const system = withDoubles(1);
    const id = await begunApply(system);
    const life = { isAsleep: false, isOver: false };
    const frozen = haunted(system.ports, async ({ name, moment }) => {
      if (name === 'orders.removeIfSame' && moment === 'after') life.isOver = true;
      if (life.isOver) throw new Killed();
      if (name !== 'orders.removeIfSame' || life.isAsleep) return;
      life.isAsleep = true;
      await system.clock.sleep(300_000); // longer than its lease, and shorter than it may live
    });
    await system.clock.run(async () => {
      const woken = untilKilled(runHere(frozen, id));
      await system.clock.sleep(10_000);
      system.orders.remove({ id: { S: 'a0' } });
      await Promise.all([woken, runHere(system.ports, id)]);
    });
    expect(await system.statusOf(id)).toMatchObject({
      state: 'finished',
      removed: 0,
      counts: { returned: 1 },
    });
    expect(idsOf(system)).toEqual(['b0']);
  });

  it('keeps its run from ending as long as it may be alive, however long ago the run began', async () => {
    const system = withDoubles(1_200, changed({ writeUnitsPerSecond: 1 }));
    const id = await begunApply(system);
    let removals = 0;
    const states: string[] = [];
    const frozen = haunted(system.ports, async ({ name, moment }) => {
      if (name !== 'orders.removeIfSame' || moment !== 'before' || ++removals !== 1_160) return;
      await system.clock.sleep(300_000);
      states.push(((await system.askMeanwhile({ kind: 'status', run: id })) as RunStatus).state);
    });
    await system.clock.run(async () => {
      const woken = runHere(frozen, id);
      while (removals < 1_160) await system.clock.sleep(1_000);
      await Promise.all([woken, runHere(system.ports, id)]);
    });
    expect(states).toEqual(['running']);
    expect(await system.statusOf(id)).toMatchObject({ state: 'finished', removed: 1_200 });
  });

  it('names an item that it left alone once, although it died after it had written that down', async () => {
    const system = withDoubles(1);
    const found = await system.run(dry);
    system.orders.put(orderItem('b0', 'else', 2));
    const { id } = (await system.ask(applyOf(found))) as RunStatus;
    const dying = haunted(system.ports, ({ name, moment }) => {
      if (name === 'objects.write' && moment === 'after') throw new Killed();
    });
    await untilKilled(system.clock.run(() => runHere(dying, id)));
    await system.workedOn(id);
    const { skipped, keys } = (await system.ask({ kind: 'status', run: id, showKeys: true })) as RunStatus;
    expect(skipped).toEqual({ CHANGED: 1 });
    expect(keys).toEqual([{ reason: 'CHANGED', key: textOfItem({ id: { S: 'b0' } }) }]);
  });
});

describe('requests that cross', () => {
  it('are an undo and a resume of a cancelled apply: what was undone does not go on', async () => {
    const system = withDoubles(200);
    const before = textsOf(system);
    const id = await halfApplied(system);
    await system.ask({ kind: 'cancel', run: id });
    await system.workedOn(id);
    await system.run({ kind: 'undo', run: id });
    await expect(system.ask({ kind: 'resume', run: id })).rejects.toMatchObject({ code: 'UNDONE' });
    expect(textsOf(system)).toEqual(before);
  });

  it.each(['resume', 'cancel'] as const)(
    'are a %s and another apply, which has the table at no moment of it',
    async (kind) => {
      const answers: string[] = [];
      for (let at = 1; ; at++) {
        const system = withDoubles(5);
        const run = await begunApply(system);
        const other = await system.run({ ...dry, token: 'other' });
        const ports = haunted(system.ports, async ({ number, moment }) => {
          if (number === at && moment === 'after') answers.push(await answerTo(system, other));
        });
        await system.ask({ kind, run }, ports);
        if (answers.length < at) break; // it has made fewer calls
      }
      expect(new Set(answers)).toEqual(new Set(['TABLE_TAKEN']));
    },
  );

  it.each(['resume', 'cancel'] as const)(
    'are a %s and the same once more, whenever they cross: their run is in nobody’s way, not even its own',
    async (kind) => {
      for (let at = 1, isReached = true; isReached; at++) {
        const system = withDoubles(5);
        const run = await begunApply(system);
        const other = await system.run({ ...dry, token: 'other' });
        isReached = false;
        const ports = haunted(system.ports, async ({ number, moment }) => {
          if (number !== at || moment !== 'after') return;
          isReached = true;
          await system.askMeanwhile({ kind, run });
        });
        await system.ask({ kind, run }, ports);
        expect(await system.ask({ kind: 'cancel', run }), `call ${at}`).toMatchObject({
          state: 'cancelling',
        });
        expect(await system.workedOn(run), `call ${at}`).toMatchObject({ state: 'cancelled' });
        expect(await system.ask(applyOf(other)), `call ${at}`).toMatchObject({ state: 'running' });
      }
    },
  );

  it('are a resume of a cancelled apply, and its undo or another apply, whenever they cross: one of the two has the table', async () => {
    const answers = new Set<string>();
    for (const crossing of ['undo', 'apply']) {
      for (let at = 1, isReached = true; isReached; at++) {
        const system = withDoubles(5);
        const before = textsOf(system);
        const run = await begunApply(system);
        const other = await system.run({ ...dry, token: 'other' });
        await system.ask({ kind: 'cancel', run });
        await system.workedOn(run);
        isReached = false;
        const ports = haunted(system.ports, async ({ number, moment }) => {
          if (number !== at || moment !== 'after') return;
          isReached = true;
          const asked = system.askMeanwhile(crossing === 'undo' ? { kind: 'undo', run } : applyOf(other));
          const answer = await asked.then(
            async (status) => (await runHere(system.ports, (status as RunStatus).id)).state,
            ({ code }) => code,
          );
          answers.add(`${crossing} ${answer}`);
        });
        const resumed = await system.ask({ kind: 'resume', run }, ports).then(
          (status) => (status as RunStatus).state,
          ({ code }) => code,
        );
        answers.add(`resume ${resumed}`);
        const { removed } = await system.workedOn(run);
        if (crossing === 'apply') continue;
        await system.run({ kind: 'undo', run });
        expect(textsOf(system), `call ${at}: ${removed} were removed`).toEqual(before);
      }
    }
    expect([...answers].sort()).toEqual([
      'apply TABLE_TAKEN',
      'apply finished',
      'resume UNDONE',
      'resume running',
      'undo NOT_ENDED',
      'undo finished',
    ]);
  });

  it('are a cancellation and a worker between two batches: it begins none after an undo', async () => {
    const system = withDoubles(60);
    const before = textsOf(system);
    const id = await begunApply(system);
    let gets = 0;
    const seen: unknown[] = [];
    const worker = haunted(system.ports, async ({ name, moment }) => {
      // the second batch is read before it is begun
      if (name !== 'orders.get' || moment !== 'before' || ++gets !== 52) return;
      await system.askMeanwhile({ kind: 'cancel', run: id });
      seen.push((await runHere(system.ports, id)).state);
      const undo = (await system.askMeanwhile({ kind: 'undo', run: id })) as RunStatus;
      seen.push((await runHere(system.ports, undo.id)).state, textsOf(system).length);
    });
    expect(await system.workedOn(id, worker)).toMatchObject({ state: 'cancelled', removed: 50 });
    expect(seen).toEqual(['cancelled', 'finished', 120]);
    expect(textsOf(system)).toEqual(before);
  });

  it('are a cancellation and a worker that dies in its next batch: all of it is known, and undone', async () => {
    const system = withDoubles(60);
    const before = textsOf(system);
    const id = await begunApply(system);
    let gets = 0;
    let removals = 0;
    const dying = haunted(system.ports, async ({ name, moment }) => {
      if (name === 'orders.removeIfSame' && moment === 'after' && ++removals >= 55) throw new Killed();
      if (name !== 'orders.get' || moment !== 'before' || ++gets !== 52) return;
      await system.askMeanwhile({ kind: 'cancel', run: id });
    });
    await untilKilled(system.clock.run(() => runHere(dying, id)));
    expect(await system.workedOn(id)).toMatchObject({ state: 'cancelled', removed: 60 });
    expect((await segmentOf(system, id, 'apply')).held).toBeUndefined();
    expect(await system.run({ kind: 'undo', run: id })).toMatchObject({ restored: 60 });
    expect(textsOf(system)).toEqual(before);
  });

  it('are a cancellation and an end that slept through a resume: it ends nothing that holds something', async () => {
    const system = withDoubles(200);
    const id = await halfApplied(system);
    await system.ask({ kind: 'cancel', run: id });
    let isAsleep = false;
    const sleepy = haunted(system.ports, async ({ name, moment }) => {
      if (name !== 'ledger.releaseTable' || moment !== 'before' || isAsleep) return;
      isAsleep = true;
      await runHere(system.ports, id);
      await system.askMeanwhile({ kind: 'resume', run: id });
      await untilKilled(runHere(dyingAfter(system, 20), id));
      await system.askMeanwhile({ kind: 'cancel', run: id });
    });
    expect(await system.workedOn(id, sleepy)).toMatchObject({ state: 'cancelling', removed: 100 });
    expect((await segmentOf(system, id, 'apply')).held).toBeDefined();
    expect(await system.workedOn(id)).toMatchObject({ state: 'cancelled', removed: 150 });
    expect(textsOf(system)).toHaveLength(250);
  });

  it.each(MOMENTS)(
    'are a cancellation and the end of a run, %s any call of it: one of them is true',
    async (moment) => {
      const endings = new Set<string>();
      for (let at = 1; ; at++) {
        const system = withDoubles(2);
        const id = await begunApply(system);
        const answers: string[] = [];
        let isReached = false;
        const ports = haunted(system.ports, async (call) => {
          isReached ||= call.number === at;
          if (call.number !== at || call.moment !== moment) return;
          const asked = system.askMeanwhile({ kind: 'cancel', run: id }) as Promise<RunStatus>;
          answers.push(
            await asked.then(
              ({ state }) => state,
              ({ code }) => code,
            ),
          );
        });
        await system.clock.run(() => runHere(ports, id));
        const { state } = await system.workedOn(id);
        if (!isReached) break; // it has made fewer calls
        for (const answer of answers) endings.add(`${answer} ${state}`);
        const told = system.telemetry.samples.filter(
          ({ metric, properties }) => metric === 'ReconcileSucceeded' && properties.run === id,
        );
        expect(
          told.map(({ value }) => value),
          `call ${at}`,
        ).toEqual([state === 'finished' ? 1 : 0]);
        const other = await system.run({ ...dry, token: 'other' });
        expect(await system.ask(applyOf(other)), `call ${at}`).toMatchObject({ state: 'running' });
      }
      expect([...endings].sort()).toEqual(['ENDED finished', 'cancelling cancelled']);
    },
  );

  it.each(MOMENTS)(
    'are the end of a run and a cancellation, %s any call of that: one of them is true',
    async (moment) => {
      const endings = new Set<string>();
      for (let at = 1; ; at++) {
        const system = withDoubles(2);
        const id = await begunApply(system);
        let isReached = false;
        const ports = haunted(system.ports, async (call) => {
          if (call.number !== at || call.moment !== moment) return;
          isReached = true;
          await runHere(system.ports, id);
        });
        const answer = await system.ask({ kind: 'cancel', run: id }, ports).then(
          (status) => (status as RunStatus).state,
          ({ code }) => code,
        );
        if (!isReached) break; // it has made fewer calls
        endings.add(`${answer} ${(await system.workedOn(id)).state}`);
        const other = await system.run({ ...dry, token: 'other' });
        expect(await system.ask(applyOf(other)), `call ${at}`).toMatchObject({ state: 'running' });
      }
      expect([...endings].sort()).toEqual(ENDINGS[moment]);
    },
  );

  it('are a forget and a resume, of which one is refused whenever they cross', async () => {
    const answers = new Set<string>();
    for (let at = 1; ; at++) {
      const system = withDoubles(200);
      const id = await halfApplied(system);
      await system.ask({ kind: 'cancel', run: id });
      await system.workedOn(id);
      let resumed: string | undefined;
      const ports = haunted(system.ports, async ({ number, moment }) => {
        if (number !== at || moment !== 'before') return;
        resumed = await system.askMeanwhile({ kind: 'resume', run: id }).then(
          () => 'resumed',
          ({ code }) => code,
        );
      });
      const forgotten = await system.ask({ kind: 'forget', run: id }, ports).then(
        () => 'forgotten',
        ({ code }) => code,
      );
      if (resumed === undefined) break; // it has made fewer calls
      answers.add(`${resumed} ${forgotten}`);
      const kept = (await quarantinedTexts(system.objects)).size;
      expect(kept, `call ${at}`).toBe(forgotten === 'forgotten' ? 0 : 100);
    }
    expect([...answers].sort()).toEqual(['FORGOTTEN forgotten', 'resumed NOT_ENDED']);
  });

  it.each(['undo', 'resume'] as const)(
    'are a forget and the %s of an undo whose worker is frozen: what is told to be forgotten does not come back',
    async (kind) => {
      const answers = new Set<string>();
      for (let at = 1; ; at++) {
        const system = withDoubles(100);
        const { id } = await system.applied();
        if (kind === 'resume') {
          await system.ask({ kind: 'undo', run: id });
          await system.ask({ kind: 'cancel', run: undoOf(id) });
          await system.workedOn(undoOf(id));
        }
        let undoing: Promise<unknown> | undefined;
        const ports = haunted(system.ports, async ({ number, moment }) => {
          if (number !== at || moment !== 'before') return;
          const isAsked = await system.askMeanwhile({ kind, run: kind === 'undo' ? id : undoOf(id) }).then(
            () => true,
            () => false,
          );
          await new Promise<void>((resolve) => {
            const freezing = haunted(system.ports, async ({ name, moment }) => {
              if (name !== 'orders.putIfAbsent' || moment !== 'before') return;
              resolve();
              await system.clock.sleep(30_000);
            });
            undoing = (isAsked ? runHere(freezing, undoOf(id)) : Promise.resolve()).finally(resolve);
          });
        });
        const forgotten = await system.ask({ kind: 'forget', run: id }, ports).then(
          () => 'forgotten',
          ({ code }) => code,
        );
        if (undoing === undefined) break; // it has made fewer calls
        const working = undoing;
        await system.clock.run(() => working);
        answers.add(forgotten);
        const back = system.orders.items().length - 100;
        expect(back, `call ${at}`).toBe(forgotten === 'forgotten' ? 0 : 100);
        await system.ask({ kind: 'forget', run: id });
        expect(await quarantinedTexts(system.objects), `call ${at}`).toEqual(new Set());
      }
      expect([...answers].sort()).toEqual(['NOT_ENDED', 'forgotten']);
    },
  );

  it('are an apply that found its table taken, its cancellation, and the same asked for again: it stays cancelled', async () => {
    const system = withDoubles(5);
    const first = await begunApply(system);
    const found = await system.run({ ...dry, token: 'two' });
    await expect(system.ask(applyOf(found))).rejects.toMatchObject({ code: 'TABLE_TAKEN' });
    await system.workedOn(first);
    const run = found.id.replace('-dry-', '-apply-');
    await system.ask({ kind: 'cancel', run });
    expect(await system.workedOn(run)).toMatchObject({ state: 'cancelled' });
    expect(await system.ask(applyOf(found))).toMatchObject({ state: 'cancelled' });
  });
});

describe('what has expired', () => {
  it.each([
    { what: 'its plan', prefix: 'runs/', became: { removed: 100, skipped: {} } },
    {
      what: 'its quarantine',
      prefix: 'quarantine/',
      became: { removed: 50, skipped: { QUARANTINE_LOST: 50 } },
    },
  ])('keeps no run from being cancelled, nor its table from others: $what', async ({ prefix, became }) => {
    const system = withDoubles(200);
    const id = await halfApplied(system);
    for await (const name of system.objects.list(prefix)) await system.objects.remove(name);
    await system.ask({ kind: 'cancel', run: id });
    expect(await system.workedOn(id)).toMatchObject({ state: 'cancelled', ...became });
    const other = await system.run({ ...dry, token: 'other' });
    expect(await system.run(applyOf(other))).toMatchObject({ state: 'finished' });
  });

  it('is lost to an undo for itself alone', async () => {
    const system = withDoubles(300);
    const { id } = await system.applied();
    for await (const name of system.objects.list(`quarantine/${id}/0/0.`)) await system.objects.remove(name);
    expect(await system.run({ kind: 'undo', run: id })).toMatchObject({
      state: 'finished',
      restored: 250,
      skipped: { QUARANTINE_LOST: 50 },
    });
  });

  it.each([
    { content: '["', what: 'text that is cut' },
    { content: '["hunter2","hunter2"]', what: 'keys that are none' },
    { content: '[1,2]', what: 'JSON of another kind' },
  ])('is all that is damaged: a plan that is $what, and a quarantine', async ({ content }) => {
    const system = withDoubles(1);
    const { id } = await system.applied();
    for await (const name of system.objects.list('quarantine/'))
      await system.objects.write(name, Buffer.from(content));
    expect(await system.run({ kind: 'undo', run: id })).toMatchObject({ skipped: { QUARANTINE_LOST: 1 } });
    system.orders.put(orderItem('b0', 'o0', 2));
    const other = await system.run({ ...dry, token: 'other' });
    for await (const name of system.objects.list(`runs/${other.id}/plan`))
      await system.objects.write(name, Buffer.from(content));
    const failed = await system.run(applyOf(other));
    expect(failed).toMatchObject({ state: 'failed', failure: { code: 'PLAN_LOST' } });
  });

  it('keeps a failed run from nothing but to be cancelled: the table stays taken until then', async () => {
    const system = withDoubles();
    const id = await begunApply(system);
    const other = await system.run({ ...dry, token: 'other' });
    for await (const name of system.objects.list(`runs/${id.replace('-apply-', '-dry-')}/plan`))
      await system.objects.remove(name);
    expect(await system.workedOn(id)).toMatchObject({ state: 'failed', failure: { code: 'PLAN_LOST' } });
    await expect(system.ask(applyOf(other))).rejects.toMatchObject({ code: 'TABLE_TAKEN' });
    await system.ask({ kind: 'cancel', run: id });
    expect(await system.workedOn(id)).toMatchObject({ state: 'cancelled' });
    expect(await system.run(applyOf(other))).toMatchObject({ state: 'finished', removed: 5 });
  });
});

describe('an application that writes meanwhile', () => {
  it('loses no attribute that it adds to a target that is written over', async () => {
    const system = migration({ backfill: { to: COPIES, version: 'at', transform: './none.ts' } });
    system.orders.put(orderItem('a', 'o1', 5));
    system.table(COPIES).put(orderItem('a', 'o1', 1));
    const { id } = (await system.ask(applyOf(await system.run(migrate)))) as RunStatus;
    const noted = { ...orderItem('a', 'o1', 1), note: { S: 'paid' } };
    const ports = haunted(system.ports, ({ name, moment }) => {
      if (name === `${COPIES}.replaceIfSame` && moment === 'before') system.table(COPIES).put(noted);
    });
    expect(await system.workedOn(id, ports)).toMatchObject({ verified: 1, counts: { written: 1 } });
    expect(textsOf(system, COPIES)).toEqual([textOfItem(orderItem('a', 'o1', 5))]);
    expect(await quarantinedTexts(system.objects)).toContain(textOfItem(noted));
  });

  it('finds no source in the target that it deleted while its batch was written', async () => {
    const system = migration({ writeUnitsPerSecond: 1 });
    for (let order = 0; order < 40; order++) system.orders.put(orderItem(`a${order}`, `o${order}`, order));
    const { id } = (await system.ask(applyOf(await system.run(migrate)))) as RunStatus;
    let puts = 0;
    const gone: string[] = [];
    const ports = haunted(system.ports, ({ name, moment }) => {
      if (name !== `${COPIES}.putIfAbsent` || moment !== 'after' || ++puts !== 12) return;
      const written = textsOf(system, COPIES);
      const next = system.orders.items().findLast((item) => !written.includes(textOfItem(item))) ?? {};
      gone.push(textOfItem(next));
      system.orders.remove(next);
    });
    expect(await system.workedOn(id, ports)).toMatchObject({
      state: 'finished',
      verified: 39,
      counts: { written: 39 },
      skipped: { GONE: 1 },
    });
    expect(gone).toHaveLength(1);
    expect(textsOf(system, COPIES)).not.toContain(gone[0]);
  });
});

describe('a limit', () => {
  it('of time lets each worker get somewhere, however slow a run is to be, and writes down what it found', async () => {
    const system = withDoubles(200, changed({ readUnitsPerSecond: 1 }));
    system.orders.pageItems = 20;
    const { id } = (await system.ask(dry)) as RunStatus;
    const task = { run: id, phase: 'scatter', index: 0 } as const;
    const cursors: (string | undefined)[] = [];
    for (let lives = 0; lives < 100; lives++) {
      // each may live for as long as two pages take
      const worked = await system.clock.run(() => work(system.ports, task, system.clock.now() + 2_000));
      const { cursor } = await system.clock.run(() => system.ledger.readSegment(id, 'scatter', 0));
      cursors.push(cursor);
      if (worked.isDone) break;
    }
    expect(cursors.length).toBeGreaterThan(2);
    expect(cursors.length).toBeLessThan(100);
    expect(new Set(cursors.slice(0, -1)).size).toBe(cursors.length - 1);
  });

  it('of its life ends no gather that needs several lives', async () => {
    const system = new RunSystem();
    system.orders.set({ items: 0, bytes: 0 }); // as of a table that was filled in the last six hours
    for (let order = 0; order < 3_000; order++) system.orders.put(orderItem(`a${order}`, `o${order}`, order));
    system.limits = { ...system.limits, flushCharacters: 2_000, passRecords: 200 };
    const { id } = (await system.ask(dry)) as RunStatus;
    const slow = haunted(system.ports, async ({ name, moment }) => {
      if (name === 'objects.read' && moment === 'before') await system.clock.sleep(5_000);
    });
    await system.clock.run(async () => {
      for (const index of [0, 1, 2, 3])
        await work(system.ports, { run: id, phase: 'scatter', index }, Infinity);
      await steer(system.ports, id);
    });
    const lives: boolean[] = [];
    while (lives.at(-1) !== true && lives.length < 20) {
      const until = system.clock.now() + 870_000;
      const task = { run: id, phase: 'gather', index: 0 } as const;
      lives.push((await system.clock.run(() => work(slow, task, until))).isDone);
    }
    expect(lives).toEqual([false, false, true]);
    expect(await system.workedOn(id)).toMatchObject({ state: 'finished', scanned: 3_000 });
  });

  it('of a page is a number, also where nothing is said of units', async () => {
    const system = withDoubles(500, changed({ readUnitsPerSecond: 100 }));
    const limits = new Set<unknown>();
    const scan = async (request: ScanRequest) => {
      limits.add(request.limit);
      return { ...(await system.orders.scan(request)), readUnits: 0 };
    };
    const ports = { ...system.ports, items: () => instead(system.orders, { scan }) };
    expect(await system.run(dry, ports)).toMatchObject({ state: 'finished', scanned: 1_000 });
    expect([...limits]).toEqual([200]);
  });

  it('of a worker that is about to end is kept by a flush over a thousand partitions', async () => {
    const system = new RunSystem();
    system.orders.set({ items: 60_000_000 });
    for (let order = 0; order < 30_000; order++)
      system.orders.put(orderItem(`a${order}`, `o${order}`, order));
    system.orders.pageItems = 30_000;
    const { id } = (await system.ask(dry)) as RunStatus;
    const slow = haunted(system.ports, async ({ name, moment }) => {
      if (name === 'objects.write' && moment === 'before') await system.clock.sleep(40);
    });
    const task = { run: id, phase: 'scatter', index: 0 } as const;
    const before = system.clock.now();
    await system.clock.run(() => work(slow, task, Infinity));
    expect(system.clock.now() - before).toBeLessThan(30_000);
  });

  it('of a worker is kept by a batch of large items', async () => {
    const system = new RunSystem();
    system.limits = { ...system.limits, concurrency: 16 };
    system.orders.set({ bytes: 10_000_000_000 });
    const big = { S: 'x'.repeat(100_000) };
    for (let order = 0; order < 60; order++) {
      system.orders.put(orderItem(`a${order}`, `o${order}`, 1));
      system.orders.put(orderItem(`b${order}`, `o${order}`, 2, { big }));
    }
    const run = await begunApply(system);
    const until = system.clock.now() + 1_000;
    await system.clock.run(() => work(system.ports, { run, phase: 'apply', index: 0 }, until));
    expect(system.clock.now() - until).toBeLessThan(30_000);
  });

  it('of DynamoDB is a million segments, however small a sample is', async () => {
    const system = withDoubles(10);
    const { id } = await system.run({ ...dry, sample: 0.000001 });
    const run = await system.clock.run(() => system.ledger.readRun(id));
    expect(run?.layout).toMatchObject({ segments: 4, totalSegments: 1_000_000 });
  });

  it.each([
    { copies: COPIES_MAX, found: { duplicates: COPIES_MAX - 1, skipped: {} } },
    { copies: COPIES_MAX + 1, found: { duplicates: 0, skipped: { TOO_MANY_COPIES: COPIES_MAX + 1 } } },
  ])('of what is told apart is passed by none of $copies copies', async ({ copies, found }) => {
    const system = new RunSystem();
    system.orders.set({ items: copies });
    const all = Array.from({ length: copies }, (_, copy) => orderItem(`a${copy}`, 'o1', copy));
    const scan = async ({ segment }: ScanRequest) => {
      const items = segment === 0 ? all : [];
      return { items, scanned: items.length, readUnits: 1 };
    };
    const ports = { ...system.ports, items: () => instead(system.orders, { scan }) };
    system.limits = { ...system.limits, passRecords: 1_000_000 };
    expect(await system.run(dry, ports)).toMatchObject({ counts: { groups: 1 }, ...found });
  });
});

describe('a proof', () => {
  it('speaks of an item that is missing in its quarantined batch', async () => {
    const system = withDoubles(5);
    const { id } = await system.applied();
    for await (const name of system.objects.list('quarantine/')) {
      const lines = (await system.objects.read(name))?.toString().split('\n') ?? [];
      await system.objects.write(name, Buffer.from(lines.slice(1).join('\n')));
    }
    expect(await system.ask({ kind: 'audit', run: id })).toMatchObject({
      breaks: [{ phase: 'apply', index: 0, number: 0, why: 'a quarantined item was changed' }],
    });
  });

  it('keeps an undo from putting back what was changed in quarantine', async () => {
    const system = withDoubles(5);
    const { id } = await system.applied();
    for await (const name of system.objects.list('quarantine/')) {
      const text = (await system.objects.read(name))?.toString() ?? '';
      await system.objects.write(
        name,
        Buffer.from(text.replaceAll('{\\"N\\":\\"2\\"}', '{\\"N\\":\\"999\\"}')),
      );
    }
    expect(await quarantinedTexts(system.objects)).toContain(textOfItem(orderItem('b0', 'o0', 999)));
    expect(await system.run({ kind: 'undo', run: id })).toMatchObject({
      state: 'finished',
      restored: 0,
      skipped: { QUARANTINE_LOST: 5 },
    });
    expect(idsOf(system)).toEqual(['a0', 'a1', 'a2', 'a3', 'a4']);
  });

  it('is not called broken where the object could only not be read for a moment', async () => {
    const system = withDoubles(5);
    const { id } = await system.applied();
    const ports = haunted(system.ports, ({ name }) => {
      if (name === 'objects.read') throw new RefusedError({ code: 'THROTTLED' }, { retryable: true });
    });
    await expect(system.ask({ kind: 'audit', run: id }, ports)).rejects.toMatchObject({ code: 'THROTTLED' });
  });

  it('is missed in the middle of its chain', async () => {
    const system = withDoubles(200);
    const { id } = await system.applied();
    const ledger = instead(system.ledger, {
      proofs: async function* (...of: Parameters<typeof system.ledger.proofs>) {
        for await (const proof of system.ledger.proofs(...of)) if (proof.number !== 1) yield proof;
      },
    });
    const { proofs, breaks } = (await system.ask(
      { kind: 'audit', run: id },
      { ...system.ports, ledger },
    )) as Audit;
    expect(proofs).toBe(3);
    expect(breaks).toEqual([{ phase: 'apply', index: 0, number: 1, why: 'a proof is missing' }]);
  });

  it('is ignored that no checkpoint counts', async () => {
    const system = withDoubles(200);
    const { id } = await system.applied();
    await system.clock.run(async () => {
      for await (const proof of system.ledger.proofs(id, 'apply', 0)) {
        await system.ledger.record({ ...proof, number: proof.number + 4, previous: 'f'.repeat(64) });
      }
    });
    expect(await system.ask({ kind: 'audit', run: id })).toEqual({
      run: id,
      proofs: 4,
      items: 200,
      isQuarantineRead: true,
      isRootSame: true,
      breaks: [],
    });
  });
});

describe('a report', () => {
  it('of a failed run says the same in a list as alone, and in metrics', async () => {
    const system = withDoubles(200);
    const id = await begunApply(system);
    let removals = 0;
    const ports = haunted(system.ports, ({ name, moment }) => {
      if (name === 'orders.removeIfSame' && moment === 'after' && ++removals === 120) system.orders.drop();
    });
    const status = await system.workedOn(id, ports);
    expect(status).toMatchObject({ state: 'failed', removed: 100 });
    const { runs } = (await system.ask({ kind: 'runs' })) as { runs: RunStatus[] };
    const { phase, progress, ...report } = status;
    expect(runs.find((run) => run.id === id)).toEqual(report);
    const properties = { run: id, table: ORDERS, kind: 'dedupe', mode: 'apply', state: 'failed' };
    expect(system.telemetry.samples.filter(({ properties: { run } }) => run === id)).toEqual([
      { metric: 'ReconcileSucceeded', value: 0, properties },
      { metric: 'ReconcileFailed', value: 1, properties },
      { metric: 'ReconcileRetries', value: 0, properties },
      { metric: 'ReconcileCostUsd', value: status.costUsd, properties },
    ]);
    expect(status.costUsd).toBeGreaterThan(0);
  });

  it('of an apply is told in metrics, with its retries and its costs', async () => {
    const system = withDoubles();
    const id = await begunApply(system);
    let refusals = 3;
    system.orders.inject('get', () => {
      if (refusals-- > 0) throw new RefusedError({ code: 'THROTTLED' }, { retryable: true });
    });
    const { costUsd } = await system.workedOn(id);
    const properties = { run: id, table: ORDERS, kind: 'dedupe', mode: 'apply', state: 'finished' };
    expect(system.telemetry.samples.filter(({ properties: { run } }) => run === id)).toEqual([
      { metric: 'ReconcileSucceeded', value: 1, properties },
      { metric: 'ReconcileFailed', value: 0, properties },
      { metric: 'ReconcileRetries', value: 3, properties },
      { metric: 'ReconcileCostUsd', value: costUsd, properties },
    ]);
    expect(costUsd).toBeGreaterThan(0);
  });
});

describe('what is never told', () => {
  it('is a primary key, to the ledger', async () => {
    const system = new RunSystem();
    for (let order = 0; order < 1_000; order++)
      system.orders.put(orderItem(`jane.doe.${order}@example.com`, `o${order % 500}`, order));
    system.limits = { ...system.limits, flushCharacters: 2_000 };
    const written: string[] = [];
    const remember =
      <T>(call: (given: T) => Promise<boolean>) =>
      (given: T) => {
        written.push(JSON.stringify(given));
        return call(given);
      };
    const ledger = instead(system.ledger, {
      swapRun: remember((run) => system.ledger.swapRun(run)),
      swapSegment: remember((segment) => system.ledger.swapSegment(segment)),
      record: async (proof) => {
        written.push(JSON.stringify(proof));
        await system.ledger.record(proof);
      },
    });
    const ports = { ...system.ports, ledger };
    const found = await system.run(dry, ports);
    expect(await system.run(applyOf(found), ports)).toMatchObject({ removed: 500 });
    expect(written.join()).toContain('"cursor":"1.');
    expect(written.join()).toContain('"outcome":"removed"');
    expect(written.join()).not.toContain('jane.doe');
  });

  it('is what an item said, once it is forgotten: who guesses it cannot see that it was so', async () => {
    const system = withDoubles(1);
    const applied = await system.applied();
    const undone = await system.run({ kind: 'undo', run: applied.id });
    const [entry] = await system.clock.run(async () => {
      for await (const { entries } of system.ledger.proofs(applied.id, 'apply', 0)) return entries;
      return [];
    });
    expect(entry?.outcome).toBe('removed');
    expect(sha256(textOfItem(orderItem('b0', 'o0', 2)))).not.toContain(entry?.item);
    await system.ask({ kind: 'forget', run: applied.id });
    const runs = await system.clock.run(() =>
      Promise.all([applied.id, applied.of ?? '', undone.id].map((id) => system.ledger.readRun(id))),
    );
    expect(runs.map((run) => run?.salt)).toEqual(['', '', '']);
  });
});

describe('a config', () => {
  it('is the same however DynamoDB orders the attributes of its `where`', async () => {
    const where = { id: { beginsWith: 'b' }, order: { beginsWith: 'o' } };
    const system = withDoubles(3, changed({ dedupe: { key: 'order', keep: 'oldest', by: 'at', where } }));
    const found = await system.run(dry);
    const ledger = instead(system.ledger, {
      readRun: async (id) => {
        const run = await system.ledger.readRun(id);
        if (run?.rule.kind !== 'dedupe') return run;
        const reversed = Object.fromEntries(Object.entries(run.rule.where).reverse());
        return { ...run, rule: { ...run.rule, where: reversed } };
      },
    });
    expect(await system.ask(applyOf(found), { ...system.ports, ledger })).toMatchObject({ state: 'running' });
  });

  it('may be of a table with composite, number and binary keys, and wide items', async () => {
    const dedupe = { key: ['order', 'amount'], keep: 'newest', by: 'at' } as const;
    const system = new RunSystem(
      [{ name: ORDERS, dedupe: { ...dedupe, key: [...dedupe.key] }, apply: true }],
      {
        [ORDERS]: ['pk', 'sk'],
      },
    );
    const numbers = ['1.50', '-0.0', '1e3', '12345678901234567890123456789012345678', '0.1', '-7', '1E-130'];
    const wide: WireItem = Object.fromEntries(
      Array.from({ length: 150 }, (_, at) => [`attribute${at}`, { S: String(at) }]),
    );
    for (const [at, number] of numbers.entries()) {
      for (const copy of [0, 1, 2]) {
        system.orders.put({
          pk: { N: number },
          sk: { B: new Uint8Array([3 * at + copy, 255, 0]) },
          order: { BS: [new Uint8Array([1]), new Uint8Array([2])] },
          amount: { N: number },
          at: { N: `${copy}.0` },
          ...wide,
        });
      }
    }
    const before = textsOf(system);
    const applied = await system.applied();
    expect(applied).toMatchObject({ state: 'finished', removed: 14, verified: 14, skipped: {} });
    expect(textsOf(system)).toEqual(before.filter((text) => text.includes('"at":{"N":"2"}')));
    expect(await system.run({ kind: 'undo', run: applied.id })).toMatchObject({ restored: 14 });
    expect(textsOf(system)).toEqual(before);
  });
});
