import { describe, expect, it } from 'vitest';
import type { Audit } from '../../functions/app/audit.ts';
import { undoOf } from '../../functions/app/plan-run.ts';
import { type RunStatus, reconcile } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import { work } from '../../functions/app/work.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { begunApply, dry, halfApplied, idsOf, withDoubles } from './doubled.ts';
import { haunted, Killed } from './dying.ts';
import { quarantinedTexts } from './quarantined.ts';
import { applyOf, type RunSystem } from './run-system.ts';

/** Lets whoever waits at it go on, once it is open. */
function gate() {
  let open = () => {};
  const isOpen = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, isOpen };
}

/** The state that is answered, or the code of the refusal. */
function answerTo(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    (status) => (status as RunStatus).state,
    ({ code }) => code,
  );
}

/** Cancels a run, and lets it stop. */
async function stopped(system: RunSystem, run: string): Promise<void> {
  await system.ask({ kind: 'cancel', run });
  await system.workedOn(run);
}

/** Ports of a process to which something happens once, at a call. */
function interrupted(
  system: RunSystem,
  at: { readonly name: string; readonly moment: 'before' | 'after'; readonly time?: number },
  act: () => Promise<void>,
): RunSystem['ports'] {
  let times = 0;
  return haunted(system.ports, async ({ name, moment }) => {
    if (name === at.name && moment === at.moment && ++times === (at.time ?? 1)) await act();
  });
}

describe('a forget', () => {
  it('sees a worker that took its lease when the undo had been cancelled, and was resumed since', async () => {
    const system = withDoubles(10);
    const { id } = await system.applied();
    const undo = undoOf(id);
    await system.ask({ kind: 'undo', run: id });
    const erases = gate();
    const mayErase = gate();
    let forgetting: Promise<unknown> = Promise.resolve();
    const steps = new Map<string, () => Promise<void>>([
      [
        'ledger.readSegment', // it has read that the undo is running
        async () => {
          await system.askMeanwhile({ kind: 'cancel', run: undo });
          expect((await runHere(system.ports, undo)).state).toBe('cancelled');
        },
      ],
      [
        'ledger.proofs', // it has a lease, and has read what is undone
        async () => {
          // the mark, and three salts
          const freezing = interrupted(system, { name: 'ledger.swapRun', moment: 'after', time: 4 }, () => {
            erases.open();
            return mayErase.isOpen;
          });
          forgetting = reconcile(freezing, system.config, { kind: 'forget', run: id });
          await Promise.race([erases.isOpen, forgetting]);
          await system.askMeanwhile({ kind: 'resume', run: undo });
        },
      ],
      [
        'orders.putIfAbsent',
        async () => {
          mayErase.open();
          await forgetting;
        },
      ],
    ]);
    const late = haunted(system.ports, async ({ name, moment }) => {
      const step = moment === 'before' ? steps.get(name) : undefined;
      steps.delete(step ? name : '');
      await step?.();
    });
    await system.clock.run(() => work(late, { run: undo, phase: 'undo', index: 0 }, Infinity));
    mayErase.open();
    await system.clock.run(() => forgetting);
    await system.ask({ kind: 'forget', run: id });
    expect(await quarantinedTexts(system.objects)).toEqual(new Set());
    expect(idsOf(system).filter((each) => each.startsWith('b'))).toEqual([]);
  });

  it('takes nothing from an undo that it is refused for', async () => {
    const system = withDoubles(100);
    const { id } = await system.applied();
    const ports = interrupted(system, { name: 'ledger.swapRun', moment: 'before' }, async () => {
      await system.askMeanwhile({ kind: 'undo', run: id });
    });
    const refused = { code: 'NOT_ENDED', context: { run: undoOf(id) } };
    await expect(system.ask({ kind: 'forget', run: id }, ports)).rejects.toMatchObject(refused);
    expect(await system.workedOn(undoOf(id))).toMatchObject({ state: 'finished', restored: 100 });
  });

  it('stands although another one is refused that has marked the run too', async () => {
    const system = withDoubles(10);
    const { id } = await system.applied();
    const ports = interrupted(system, { name: 'ledger.swapRun', moment: 'after' }, async () => {
      await system.askMeanwhile({ kind: 'forget', run: id });
      const segment = await system.ledger.readSegment(id, 'apply', 0);
      const ghostUntil = system.clock.now() + 60_000;
      await system.ledger.swapSegment({ ...segment, version: segment.version + 1, ghostUntil });
    });
    await expect(system.ask({ kind: 'forget', run: id }, ports)).rejects.toMatchObject({ code: 'NOT_ENDED' });
    await expect(system.ask({ kind: 'undo', run: id })).rejects.toMatchObject({ code: 'FORGOTTEN' });
  });

  it('keeps its undo from being resumed, and lets it be cancelled', async () => {
    const system = withDoubles(10);
    const { id } = await system.applied();
    const run = undoOf(id);
    await system.ask({ kind: 'undo', run: id });
    await stopped(system, run);
    await system.ask({ kind: 'forget', run: id });
    await expect(system.ask({ kind: 'resume', run })).rejects.toMatchObject({ code: 'FORGOTTEN' });
    expect(await system.ask({ kind: 'cancel', run })).toMatchObject({ state: 'cancelled' });
  });

  it('makes an undo fail that was remembered after it', async () => {
    const system = withDoubles(10);
    const { id } = await system.applied();
    const ports = interrupted(system, { name: 'ledger.swapRun', moment: 'before' }, async () => {
      await system.askMeanwhile({ kind: 'forget', run: id });
    });
    await system.ask({ kind: 'undo', run: id }, ports);
    expect(await system.workedOn(undoOf(id))).toMatchObject({
      state: 'failed',
      failure: { code: 'FORGOTTEN' },
      restored: 0,
    });
  });
});

describe('a table', () => {
  it('is let go of by no resume for the other, when two of them and an undo cross', async () => {
    const system = withDoubles(200);
    const id = await begunApply(system);
    await stopped(system, id);
    const remembered = gate();
    const resumed = gate();
    const mayTake = gate();
    const answers: string[] = [];
    const ask = (kind: 'resume' | 'undo', ports: RunSystem['ports']) =>
      answerTo(reconcile(ports, system.config, { kind, run: id }));
    await system.clock.run(async () => {
      let losing = Promise.resolve('');
      let undoing = Promise.resolve('');
      const late = interrupted(system, { name: 'ledger.takeTable', moment: 'before' }, () => {
        remembered.open();
        return mayTake.isOpen;
      });
      const loser = haunted(system.ports, async ({ name, moment }) => {
        if (name === 'ledger.releaseTable' && moment === 'before') await resumed.isOpen;
        if (name !== 'ledger.takeTable' || moment !== 'after') return;
        undoing = ask('undo', late); // as the same attempt as the winner
        await remembered.isOpen;
      });
      const winner = interrupted(system, { name: 'ledger.swapRun', moment: 'before' }, async () => {
        losing = ask('resume', loser); // the winner has found no undo
        await remembered.isOpen;
      });
      answers.push(await ask('resume', winner));
      resumed.open();
      answers.push(await losing);
      mayTake.open();
      answers.push(await undoing);
    });
    expect(answers).toEqual(['running', 'UNDONE', 'TABLE_TAKEN']);
  });

  it('is not let go of by the resume of a run at work whose undo came too late', async () => {
    const system = withDoubles(200);
    const id = await begunApply(system);
    const other = await system.run({ ...dry, token: 'other' });
    await stopped(system, id);
    const slow = interrupted(system, { name: 'ledger.swapRun', moment: 'before' }, async () => {
      await system.askMeanwhile({ kind: 'resume', run: id });
    });
    await expect(system.ask({ kind: 'undo', run: id }, slow)).rejects.toMatchObject({ code: 'TABLE_TAKEN' });
    const answers: string[] = [];
    const working = interrupted(
      system,
      { name: 'orders.removeIfSame', moment: 'before', time: 60 },
      async () => {
        for (const request of [{ kind: 'resume', run: id } as const, applyOf(other)])
          answers.push(await answerTo(system.askMeanwhile(request)));
      },
    );
    await system.workedOn(id, working);
    expect(answers).toEqual(['running', 'TABLE_TAKEN']);
  });

  it.each(['cancel', 'resume', 'apply'] as const)(
    'that another run has taken makes none fail that has done its work: a %s crosses its end',
    async (kind) => {
      const system = withDoubles(5);
      const found = await system.run({ ...dry, token: 'one' });
      const { id } = (await system.ask(applyOf(found))) as RunStatus;
      const other = await system.run({ ...dry, token: 'other' });
      const ports = interrupted(system, { name: 'ledger.releaseTable', moment: 'after' }, async () => {
        await system.askMeanwhile(applyOf(other));
        await answerTo(system.askMeanwhile(kind === 'apply' ? applyOf(found) : { kind, run: id }));
      });
      expect(await system.workedOn(id, ports)).toMatchObject({ state: 'finished', removed: 5 });
    },
  );

  it('makes no attempt fail that came after the request that did not get it', async () => {
    const system = withDoubles(5);
    const id = await begunApply(system);
    const other = await system.run({ ...dry, token: 'other' });
    await stopped(system, id);
    const { id: rival } = (await system.ask(applyOf(other))) as RunStatus;
    // it has heard that the other one has the table, and is at work
    const sleepy = interrupted(system, { name: 'ledger.readRun', moment: 'after', time: 3 }, async () => {
      await runHere(system.ports, rival);
      await system.askMeanwhile({ kind: 'resume', run: id });
    });
    expect(await answerTo(system.ask({ kind: 'cancel', run: id }, sleepy))).toBe('TABLE_TAKEN');
    expect(await system.statusOf(id)).toMatchObject({ state: 'running' });
  });
});

describe('an audit', () => {
  it('calls nothing broken that is being forgotten', async () => {
    const system = withDoubles(5);
    const { id } = await system.applied();
    const ports = interrupted(system, { name: 'objects.read', moment: 'before' }, async () => {
      await system.askMeanwhile({ kind: 'forget', run: id });
    });
    expect(await system.ask({ kind: 'audit', run: id }, ports)).toMatchObject({
      isRootSame: true,
      isQuarantineRead: false,
      breaks: [],
    });
  });

  it('calls no root another one where the run goes on', async () => {
    const system = withDoubles(200);
    const id = await halfApplied(system);
    await stopped(system, id);
    const ports = interrupted(system, { name: 'ledger.readSegment', moment: 'before' }, async () => {
      await system.askMeanwhile({ kind: 'resume', run: id });
      await runHere(system.ports, id);
    });
    const audit = (await system.ask({ kind: 'audit', run: id }, ports)) as Audit;
    expect(audit).toMatchObject({ isRootSame: true, breaks: [] });
  });
});

describe('a worker', () => {
  it('makes no run fail that somebody else goes on with', async () => {
    const system = withDoubles(200);
    const id = await begunApply(system);
    const sleepy = interrupted(system, { name: 'orders.get', moment: 'before' }, async () => {
      await system.clock.sleep(90_000);
      throw new RefusedError({ code: 'ACCESS_DENIED' });
    });
    const slow = haunted(system.ports, async ({ name, moment }) => {
      if (name === 'orders.removeIfSame' && moment === 'before') await system.clock.sleep(3_000);
    });
    await system.clock.run(async () => {
      const first = work(sleepy, { run: id, phase: 'apply', index: 0 }, Infinity);
      await system.clock.sleep(65_000);
      await Promise.all([first, runHere(slow, id)]);
    });
    expect(await system.statusOf(id)).toMatchObject({ state: 'finished', removed: 200 });
  });

  it('needs no plan to settle what holds nothing', async () => {
    const system = withDoubles(200);
    const id = await begunApply(system);
    const dying = interrupted(system, { name: 'orders.get', moment: 'before' }, async () => {
      throw new Killed();
    });
    await expect(system.clock.run(() => runHere(dying, id))).rejects.toThrow(Killed);
    for await (const name of system.objects.list('runs/')) await system.objects.remove(name);
    await system.ask({ kind: 'cancel', run: id });
    expect(await system.workedOn(id)).toMatchObject({ state: 'cancelled' });
  });
});

it('says of a run that it was to be undone, where the undo has put nothing back yet', async () => {
  const system = withDoubles(200);
  const id = await halfApplied(system);
  const other = await system.run({ ...dry, token: 'other' });
  await stopped(system, id);
  const { id: rival } = (await system.ask(applyOf(other))) as RunStatus;
  await expect(system.ask({ kind: 'undo', run: id })).rejects.toMatchObject({ code: 'TABLE_TAKEN' });
  await stopped(system, rival);
  const message = expect.stringContaining('an undo of the run was asked for');
  await expect(system.ask({ kind: 'resume', run: id })).rejects.toMatchObject({ code: 'UNDONE', message });
});

it('tells no old numbers of a failed run while it is cancelled', async () => {
  const system = withDoubles(200);
  const id = await begunApply(system);
  const failing = interrupted(system, { name: 'orders.get', moment: 'before' }, async () => {
    throw new RefusedError({ code: 'ACCESS_DENIED' });
  });
  const failed = await system.workedOn(id, failing);
  expect(failed).toMatchObject({ state: 'failed', failure: { code: 'ACCESS_DENIED' } });
  await system.clock.run(() => system.clock.sleep(60_000));
  const { state, failure, durationMs } = (await system.ask({ kind: 'cancel', run: id })) as RunStatus;
  expect({ state, failure, durationMs }).toEqual({
    state: 'cancelling',
    failure: undefined,
    durationMs: failed.durationMs + 60_000,
  });
});
