import { afterEach, describe, expect, it, vi } from 'vitest';
import type * as Allowances from '../../functions/app/allowance.ts';
import type * as Apply from '../../functions/app/apply.ts';
import type * as ApplyBackfill from '../../functions/app/apply-backfill.ts';
import type * as ApplyDedupe from '../../functions/app/apply-dedupe.ts';
import type * as Check from '../../functions/app/check.ts';
import type * as Gather from '../../functions/app/gather.ts';
import type { Grip } from '../../functions/app/grip.ts';
import type { RunPorts } from '../../functions/app/run-ports.ts';
import type * as Steer from '../../functions/app/steer.ts';
import type * as Undo from '../../functions/app/undo.ts';
import type * as Dedupe from '../../functions/core/dedupe.ts';
import { OBJECT_NAMES, type Skip } from '../../functions/core/run.ts';
import type { ItemStore } from '../../functions/ports/item-store.ts';
import type { RunLedger } from '../../functions/ports/run-ledger.ts';
import { instead } from '../../rehearsal/haunted.ts';
import type { InvariantNumber } from '../../rehearsal/invariants.ts';

/** A mistake in a use case: how it gets there, by what it is noticed, and within how many seeds. */
interface Mistake {
  readonly reason: string;
  readonly plant: () => void;
  readonly by: InvariantNumber;
  readonly within: number;
}

/** What the mistakes are in. */
const MOCKED = [
  'app/allowance',
  'app/apply',
  'app/apply-backfill',
  'app/apply-dedupe',
  'app/check',
  'app/gather',
  'app/steer',
  'app/undo',
  'core/dedupe',
];

const MISTAKES: readonly Mistake[] = [
  {
    reason: 'from the third batch on a proof does not name the one before it',
    plant: () =>
      vi.doMock('../../functions/app/apply.ts', async (original) => {
        const real = await original<typeof Apply>();
        return { ...real, apply: withLedger(real.apply, unlinked) };
      }),
    by: 17,
    within: 5,
  },
  {
    reason: 'an undo puts back the first batch alone',
    plant: () =>
      vi.doMock('../../functions/app/undo.ts', async (original) => {
        const real = await original<typeof Undo>();
        return { ...real, undo: withLedger(real.undo, ofFirstBatch) };
      }),
    by: 17,
    within: 20,
  },
  {
    reason: 'an undo tells as put back what somebody else has written there again',
    plant: () =>
      vi.doMock('../../functions/app/undo.ts', async (original) => {
        const real = await original<typeof Undo>();
        const putting = (store: ItemStore): Partial<ItemStore> => ({
          putIfAbsent: async (item) => ({ ...(await store.putIfAbsent(item)), isDone: true }),
        });
        return { ...real, undo: withItems(real.undo, putting) };
      }),
    by: 17,
    within: 20,
  },
  {
    reason: 'a removed item is kept without what it had got since it was read',
    plant: () =>
      vi.doMock('../../functions/app/apply-dedupe.ts', async (original) => {
        const real = await original<typeof ApplyDedupe>();
        const removing = (store: ItemStore): Partial<ItemStore> => ({
          removeIfSame: async (item) => {
            const { removed, writeUnits } = await store.removeIfSame(item);
            return { removed: removed && item, writeUnits };
          },
        });
        return { ...real, applyDedupe: withItems(real.applyDedupe, removing) };
      }),
    by: 15,
    within: 20,
  },
  {
    reason: 'an item written over is kept without what it had got since it was read',
    plant: () =>
      vi.doMock('../../functions/app/apply-backfill.ts', async (original) => {
        const real = await original<typeof ApplyBackfill>();
        const replacing = (store: ItemStore): Partial<ItemStore> => ({
          replaceIfSame: async (item, before) => {
            const { replaced, writeUnits } = await store.replaceIfSame(item, before);
            return { replaced: replaced && before, writeUnits };
          },
        });
        return { ...real, applyBackfill: withItems(real.applyBackfill, replacing) };
      }),
    by: 15,
    within: 120,
  },
  {
    reason: 'a backfill writes whatever is other over what is there',
    plant: () =>
      vi.doMock('../../functions/core/dedupe.ts', async (original) => {
        const real = await original<typeof Dedupe>();
        const compareOrders: typeof real.compareOrders = (a, b) => Math.abs(real.compareOrders(a, b));
        return { ...real, compareOrders };
      }),
    by: 16,
    within: 30,
  },
  {
    reason: 'a plan is made of what is left of what was written down',
    plant: () =>
      vi.doMock('../../functions/app/gather.ts', async (original) => {
        const real = await original<typeof Gather>();
        const gather: typeof real.gather = (ports, grip) =>
          real.gather({ ...ports, ledger: countingSpills(ports, grip) }, grip);
        return { ...real, gather };
      }),
    by: 17,
    within: 20,
  },
  {
    reason: 'a run ends while a worker may be alive that was taken over from',
    plant: () =>
      vi.doMock('../../functions/app/steer.ts', async (original) => {
        const real = await original<typeof Steer>();
        const steer: typeof real.steer = ({ ledger, ...ports }, id) =>
          real.steer({ ...ports, ledger: ghostless(ledger) }, id);
        return { ...real, steer };
      }),
    by: 17,
    within: 60,
  },
  {
    reason: 'a check finds nothing that is there again',
    plant: () =>
      vi.doMock('../../functions/app/check.ts', async (original) => {
        const real = await original<typeof Check>();
        const check: typeof real.check = (ports, grip) => {
          const skip = (reason: Skip, key: string) =>
            reason === 'REAPPEARED' ? grip.count('verified') : grip.skip(reason, key);
          return real.check(ports, instead<Grip>(grip, { skip }));
        };
        return { ...real, check };
      }),
    by: 17,
    within: 20,
  },
  {
    reason: 'a worker does not wait until it has paid for what it has consumed',
    plant: () =>
      vi.doMock('../../functions/app/allowance.ts', async (original) => {
        const real = await original<typeof Allowances>();
        return {
          ...real,
          Allowance: class extends real.Allowance {
            override async wait(): Promise<void> {}
          },
        };
      }),
    by: 17,
    within: 20,
  },
];

afterEach(() => {
  for (const name of MOCKED) vi.doUnmock(`../../functions/${name}.ts`);
});

describe('a data run in which', () => {
  it.each(MISTAKES)('$reason is noticed by invariant $by within $within seeds', async (mistake) => {
    const { reason, plant, by, within } = mistake;
    vi.resetModules();
    plant();
    const { playTable } = await import('../../rehearsal/seeds/table-scenario.ts');
    for (let seed = 1; seed <= within; seed++) {
      const { violations } = await playTable({ seed });
      if (violations.some(({ invariant }) => invariant === by)) return;
    }
    expect.unreachable(`it was not noticed by ${by} within ${within} seeds that ${reason}`);
  });
});

type Work<T extends readonly unknown[], R> = (ports: RunPorts, ...given: T) => Promise<R>;

/** Work with another ledger. */
function withLedger<T extends readonly unknown[], R>(
  work: Work<T, R>,
  spoil: (ledger: RunLedger) => Partial<RunLedger>,
): Work<T, R> {
  return ({ ledger, ...ports }, ...given) =>
    work({ ...ports, ledger: instead(ledger, spoil(ledger)) }, ...given);
}

/** Work with other tables. */
function withItems<T extends readonly unknown[], R>(
  work: Work<T, R>,
  spoil: (store: ItemStore) => Partial<ItemStore>,
): Work<T, R> {
  return ({ items, ...ports }, ...given) => {
    const spoilt = (store: ItemStore) => instead(store, spoil(store));
    return work({ ...ports, items: (table) => spoilt(items(table)) }, ...given);
  };
}

function unlinked(ledger: RunLedger): Partial<RunLedger> {
  return { record: (proof) => ledger.record(proof.number < 2 ? proof : { ...proof, previous: '' }) };
}

function ofFirstBatch(ledger: RunLedger): Partial<RunLedger> {
  return {
    proofs: async function* (...of) {
      for await (const proof of ledger.proofs(...of)) if (proof.number === 0) yield proof;
    },
  };
}

/** A ledger that knows of nobody who may be late. */
function ghostless(ledger: RunLedger): RunLedger {
  return instead(ledger, {
    readSegment: async (...of) => ({ ...(await ledger.readSegment(...of)), ghostUntil: 0 }),
  });
}

/** A ledger that says as many records as there are. */
function countingSpills({ ledger, objects }: RunPorts, { run, segment: { index } }: Grip): RunLedger {
  return instead(ledger, {
    readSegment: async (id, phase, of) => {
      const segment = await ledger.readSegment(id, phase, of);
      const names = segment.spills.map((flush) => OBJECT_NAMES.spill(id, index, of, flush));
      const contents = await Promise.all(names.map((name) => objects(run.table).read(name)));
      const lines = contents.flatMap((content) => content?.toString().split('\n') ?? []);
      return {
        ...segment,
        records: segment.records.map((count, partition) => (partition === index ? lines.length : count)),
      };
    },
  });
}
