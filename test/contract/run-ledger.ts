import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ITEM_BYTES_MAX,
  type LedgerKey,
  proofKey,
  runKey,
  segmentKey,
  tableKey,
} from '../../functions/contract/ledger.ts';
import { BACKFILL_SKIPS } from '../../functions/core/backfill.ts';
import { GROUP_SKIPS } from '../../functions/core/dedupe.ts';
import {
  CHAIN_START,
  COUNTS,
  ITEM_SKIPS,
  NOTHING,
  newSegment,
  PHASES,
  type Proof,
  type ProofEntry,
  RUN_STATES,
  type Run,
  type Segment,
  type Tally,
} from '../../functions/core/run.ts';
import type { Clock } from '../../functions/ports/clock.ts';
import type { RunLedger } from '../../functions/ports/run-ledger.ts';
import { all } from '../all.ts';
import { until } from './until.ts';

/** A ledger of runs, and what no port can do to it. */
export interface RunLedgerWorld {
  readonly ledger: RunLedger;
  readonly clock: Clock;
  /** Runs a test to its end; a world with virtual time moves the time meanwhile. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** From now on, a later release has written what lies there. */
  makeFuture(key: LedgerKey): Promise<void>;
  /** What lies there, as text. */
  stored(key: LedgerKey): Promise<string>;
  close(): Promise<void>;
}

/** More than a page holds. */
const MANY = 105;
const WRITERS = 4;
const START = Date.UTC(2026, 0, 5);
/** After all others. */
const LATER = Date.UTC(2090, 0, 5);

const SKIPS = [...GROUP_SKIPS, ...BACKFILL_SKIPS, ...ITEM_SKIPS];
const OUTCOMES = ['removed', 'unconfirmed', 'returned', 'written', 'restored', ...SKIPS] as const;

const TALLY: Tally = {
  counts: Object.fromEntries(COUNTS.map((count, n) => [count, n])),
  skipped: Object.fromEntries(SKIPS.map((skip, n) => [skip, n])),
  readUnits: 0.1 + 0.2,
  writeUnits: 1e-7,
};

/** A run with nothing in it that need not be. */
export function runOf(id: string, given: Partial<Run> = {}): Run {
  return {
    id,
    mode: 'dry-run',
    table: { name: 'orders', region: 'eu-west-1' },
    rule: { kind: 'backfill', to: 'orders-v2' },
    version: 1,
    state: 'running',
    phase: 'scatter',
    layout: {
      segments: 4,
      totalSegments: 40,
      partitions: 8,
      concurrency: 2,
      readUnitsPerSecond: 1000,
      writeUnitsPerSecond: 200,
      maxErrors: 100,
    },
    attempt: 1,
    salt: '5a17',
    startedAt: START,
    keys: ['pk'],
    expected: 0,
    ...given,
  };
}

/** What a run may have besides: all of it. */
export const WHOLE: Required<Omit<Run, 'id' | 'version' | 'startedAt'>> = {
  mode: 'apply',
  table: { name: 'orders', region: 'eu-west-1', account: '222222222222' },
  rule: {
    kind: 'dedupe',
    key: ['customer', 'číslo 🐎'],
    keep: 'newest',
    by: 'createdAt',
    where: { type: 'order', empty: '', size: -0.25, isPaid: false, PK: { beginsWith: 'ORDER#' } },
  },
  state: 'failed',
  phase: 'check',
  layout: runOf('').layout,
  attempt: 3,
  of: 'dedupe-orders-dry-1',
  salt: 'ab'.repeat(16),
  endedAt: START + 1,
  keys: ['pk', 'sk'],
  targetKeys: ['id', 'at'],
  changes: 'arn:aws:dynamodb:eu-west-1:222222222222:table/orders',
  expected: 12_345_678_901,
  tally: TALLY,
  problems: SKIPS.map((reason) => ({ reason, key: 'k'.repeat(32) })),
  proofRoot: 'f'.repeat(64),
  failure: { code: 'ACCESS_DENIED', permission: 'dynamodb:DeleteItem' },
  isForgotten: true,
};

/** What a segment may have: all of it. */
export const WORKED: Required<Omit<Segment, 'run' | 'phase' | 'index' | 'version'>> = {
  epoch: 7,
  lease: { owner: 'worker-1', takenAt: START, until: START + 1 },
  ghostUntil: START + 2,
  isDone: true,
  cursor: '{"pk":{"S":"Ž 日本 🐎"}}',
  seen: 12,
  spills: ['1.0', '7.12'],
  records: [0, 5, 12_345_678],
  held: 'quarantine/run/1/0.7',
  proofs: 2,
  head: 'e'.repeat(64),
  tally: TALLY,
  problems: [{ reason: 'CHANGED', key: 'k' }],
};

/** A link of a chain, with nothing in it that need not be. */
export function proofOf(run: string, number: number, given: Partial<Proof> = {}): Proof {
  return {
    run,
    phase: 'apply',
    index: 1,
    number,
    previous: CHAIN_START,
    at: START,
    epoch: 1,
    entries: [],
    ...given,
  };
}

function entryOf(outcome: ProofEntry['outcome']): ProofEntry {
  return { key: 'k', because: 'b', item: 'i', outcome };
}

/** Declares what every {@link RunLedger} must do. @param runs Of each property. */
export function describeRunLedger(makeWorld: () => Promise<RunLedgerWorld>, runs = 50): void {
  describe('run ledger', () => {
    let world: RunLedgerWorld;
    let named = 0;

    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(() => world.close());

    /** A test with a run of its own. */
    const verify = (what: string, body: (id: string, ledger: RunLedger) => Promise<void>) =>
      it(what, () => world.run(() => body(freshRun(), world.ledger)));

    function freshRun(): string {
      return `run-${++named}`;
    }

    /** The first segment of a run's apply. */
    const segmentOf = (id: string, version: number, given: Partial<Segment> = {}): Segment => ({
      ...newSegment(id, 'apply', 1),
      version,
      ...given,
    });

    function chain(id: string, ledger: RunLedger, phase: Proof['phase'] = 'apply', index = 1) {
      return all(ledger.proofs(id, phase, index));
    }

    describe('a run', () => {
      verify('that nobody wrote is not there', async (id, ledger) => {
        expect(await ledger.readRun(id)).toBeUndefined();
      });

      for (const { given, reason } of [
        { given: {}, reason: 'just begun' },
        { given: WHOLE, reason: 'with everything that it may have' },
        {
          given: { ...WHOLE, rule: { kind: 'backfill', to: 'orders-v2', version: 'v' } },
          reason: 'versions',
        },
        {
          given: { of: undefined, tally: undefined, failure: undefined },
          reason: 'nothing where nothing need be',
        },
        {
          given: { failure: { code: 'NO_SUCH_TABLE' }, tally: NOTHING, problems: [] },
          reason: 'a short failure',
        },
        { given: { expected: 0.5, isForgotten: false }, reason: 'odd values' },
      ] satisfies { given: Partial<Run>; reason: string }[]) {
        verify(`is read as it was written: ${reason}`, async (id, ledger) => {
          expect(await ledger.swapRun(runOf(id, given))).toBe(true);
          expect(await ledger.readRun(id)).toEqual(runOf(id, given));
        });
      }

      verify('is read in every state and phase', async (id, ledger) => {
        const changes = [
          ...RUN_STATES.map((state) => ({ state })),
          ...(['dry-run', 'apply', 'undo'] as const).flatMap((mode) =>
            PHASES[mode].map((phase) => ({ mode, phase })),
          ),
        ];
        for (const [n, change] of changes.entries()) {
          const next = runOf(id, { ...change, version: n + 1 });
          expect(await ledger.swapRun(next)).toBe(true);
          expect(await ledger.readRun(id)).toEqual(next);
        }
      });

      for (const { version, reason } of [
        { version: 1, reason: 'as if nothing were there' },
        { version: 2, reason: 'from a version that is gone' },
        { version: 4, reason: 'past one that was never written' },
      ]) {
        verify(`stays as it is when a swap comes ${reason}`, async (id, ledger) => {
          for (const written of [1, 2]) await ledger.swapRun(runOf(id, { version: written }));
          const before = await world.stored(runKey(id));
          expect(await ledger.swapRun(runOf(id, { version, state: 'finished' }))).toBe(false);
          expect(await world.stored(runKey(id))).toBe(before);
        });
      }

      verify('is not begun in the middle, nor written without a version', async (id, ledger) => {
        expect(await ledger.swapRun(runOf(id, { version: 2 }))).toBe(false);
        await expect(ledger.swapRun(runOf(id, { version: 0 }))).rejects.toMatchObject({ code: 'INVARIANT' });
        expect(await ledger.readRun(id)).toBeUndefined();
      });

      verify('that many write at once is written by exactly one', async (id, ledger) => {
        for (const version of [1, 2]) {
          const writes = Array.from({ length: WRITERS }, (_, n) => runOf(id, { version, attempt: n }));
          const won = await Promise.all(writes.map((next) => ledger.swapRun(next)));
          expect(won.filter(Boolean)).toHaveLength(1);
          expect(await ledger.readRun(id)).toEqual(writes[won.indexOf(true)]);
        }
      });

      verify('is shared with nobody', async (id, ledger) => {
        const keys: [string, ...string[]] = ['pk'];
        await ledger.swapRun(runOf(id, { keys }));
        keys.push('sk');
        const read = await ledger.readRun(id);
        expect(read?.keys).toEqual(['pk']);
        Object.assign(read ?? {}, { attempt: 9 });
        expect((await ledger.readRun(id))?.attempt).toBe(1);
      });

      verify('that is too large for an item is refused, and nothing is written', async (id, ledger) => {
        const next = runOf(id, { salt: 'x'.repeat(ITEM_BYTES_MAX) });
        await expect(ledger.swapRun(next)).rejects.toMatchObject({ code: 'INVARIANT' });
        expect(await ledger.readRun(id)).toBeUndefined();
      });

      verify('of a later release is left alone', async (id, ledger) => {
        await ledger.swapRun(runOf(id));
        await world.makeFuture(runKey(id));
        const before = await world.stored(runKey(id));
        await expect(ledger.readRun(id)).rejects.toMatchObject({ code: 'FUTURE_ITEM', retryable: false });
        for (const version of [1, 2, 3]) expect(await ledger.swapRun(runOf(id, { version }))).toBe(false);
        expect(await world.stored(runKey(id))).toBe(before);
      });
    });

    describe('runs', () => {
      /** What the index has of it in the end. */
      const listed = (limit: number, willDo: (ids: readonly string[]) => boolean) =>
        until(world.clock, () => world.ledger.runs(limit), willDo);

      verify('are listed newest first, once each, and no more than wanted', async (id, ledger) => {
        const ids = Array.from({ length: MANY }, (_, n) => `${id}-${n}`);
        // neither in the order of time nor in that of names
        for (const n of ids.keys()) {
          const at = (n * 11) % MANY;
          await ledger.swapRun(runOf(`${id}-${at}`, { startedAt: LATER + at }));
        }
        const newest = `${id}-${MANY - 1}`;
        await ledger.swapRun(runOf(newest, { startedAt: LATER + MANY - 1, version: 2 }));
        const found = await listed(MANY, (all) => ids.every((each) => all.includes(each)));
        expect(found).toEqual(ids.toReversed());
        expect(await ledger.runs(MANY - 2)).toEqual(ids.toReversed().slice(0, MANY - 2));
        expect(await ledger.runs(1)).toEqual([newest]);
        expect(await ledger.runs(0)).toEqual([]);
      });

      verify('that began at once are both listed', async (id, ledger) => {
        const ids = [`${id}-b`, `${id}-a`];
        for (const each of ids) await ledger.swapRun(runOf(each, { startedAt: LATER * 2 }));
        expect(await listed(2, (all) => all.length === 2 && ids.every((each) => all.includes(each)))).toEqual(
          ids,
        );
      });

      verify('are listed without their segments, proofs and tables', async (id, ledger) => {
        await ledger.swapSegment(segmentOf(id, 1));
        await ledger.record(proofOf(id, 0));
        await ledger.takeTable(`arn:${id}`, id);
        expect((await ledger.runs(1000)).filter((each) => each.includes(id))).toEqual([]);
      });
    });

    describe('a segment', () => {
      verify('that nobody wrote is new', async (id, ledger) => {
        expect(await ledger.readSegment(id, 'gather', 3)).toEqual(newSegment(id, 'gather', 3));
      });

      for (const { given, reason } of [
        { given: {}, reason: 'as it begins' },
        { given: WORKED, reason: 'with everything that it may have' },
        { given: { ...WORKED, lease: undefined, cursor: undefined, held: undefined }, reason: 'given back' },
        { given: { cursor: '' }, reason: 'with an empty cursor' },
      ] satisfies { given: Partial<Segment>; reason: string }[]) {
        verify(`is read as it was written: ${reason}`, async (id, ledger) => {
          expect(await ledger.swapSegment(segmentOf(id, 1, given))).toBe(true);
          expect(await ledger.readSegment(id, 'apply', 1)).toEqual(segmentOf(id, 1, given));
        });
      }

      verify('is one of its run, its phase and its index', async (id, ledger) => {
        const others = [
          newSegment(id, 'apply', 10),
          newSegment(id, 'apply', 11),
          newSegment(id, 'check', 1),
          newSegment(`${id}-1`, 'apply', 1),
        ];
        for (const [seen, other] of others.entries())
          await ledger.swapSegment({ ...other, version: 1, seen });
        expect(await ledger.readSegment(id, 'apply', 1)).toEqual(newSegment(id, 'apply', 1));
        for (const [seen, { run, phase, index }] of others.entries()) {
          expect(await ledger.readSegment(run, phase, index)).toMatchObject({ run, phase, index, seen });
        }
      });

      verify('is not written with an older epoch', async (id, ledger) => {
        expect(await ledger.swapSegment(segmentOf(id, 1, { epoch: 3 }))).toBe(true);
        const before = await world.stored(segmentKey(id, 'apply', 1));
        expect(await ledger.swapSegment(segmentOf(id, 2, { epoch: 2, isDone: true }))).toBe(false);
        expect(await world.stored(segmentKey(id, 'apply', 1))).toBe(before);
        expect(await ledger.swapSegment(segmentOf(id, 2, { epoch: 3 }))).toBe(true);
        expect(await ledger.swapSegment(segmentOf(id, 3, { epoch: 10 }))).toBe(true);
        expect(await ledger.swapSegment(segmentOf(id, 4, { epoch: 9 }))).toBe(false);
      });

      verify('is not begun in the middle, nor written without a version', async (id, ledger) => {
        expect(await ledger.swapSegment(segmentOf(id, 2))).toBe(false);
        await expect(ledger.swapSegment(segmentOf(id, 0))).rejects.toMatchObject({ code: 'INVARIANT' });
      });

      verify('is shared with nobody', async (id, ledger) => {
        const spills = ['1.0'];
        await ledger.swapSegment(segmentOf(id, 1, { spills }));
        spills.push('1.1');
        expect((await ledger.readSegment(id, 'apply', 1)).spills).toEqual(['1.0']);
      });

      verify('that is too large for an item is refused, and nothing is written', async (id, ledger) => {
        const next = segmentOf(id, 1, { cursor: 'x'.repeat(ITEM_BYTES_MAX) });
        await expect(ledger.swapSegment(next)).rejects.toMatchObject({ code: 'INVARIANT' });
        expect((await ledger.readSegment(id, 'apply', 1)).version).toBe(0);
      });

      verify('of a later release is left alone', async (id, ledger) => {
        const key = segmentKey(id, 'apply', 1);
        await ledger.swapSegment(segmentOf(id, 1));
        await world.makeFuture(key);
        const before = await world.stored(key);
        await expect(ledger.readSegment(id, 'apply', 1)).rejects.toMatchObject({ code: 'FUTURE_ITEM' });
        for (const version of [1, 2]) {
          expect(await ledger.swapSegment(segmentOf(id, version, { epoch: 9 }))).toBe(false);
        }
        expect(await world.stored(key)).toBe(before);
      });

      /** Workers that at once either read or swap on what they have read, with an epoch a little off. */
      const moment = fc.array(
        fc.record({
          writer: fc.nat(WRITERS - 1),
          act: fc.constantFrom('read', 'swap'),
          later: fc.integer({ min: -1, max: 1 }),
        }),
        { minLength: 1, maxLength: WRITERS },
      );

      it('grows versions by one and epochs never down, whoever writes', () =>
        world.run(async () => {
          const { ledger } = world;
          const property = fc.asyncProperty(fc.array(moment, { maxLength: 12 }), async (moments) => {
            const id = freshRun();
            let current = segmentOf(id, 0);
            let marks = 0;
            const views = new Map<number, Segment>();
            for (const acts of moments) {
              const writes = acts.flatMap(({ writer, act, later }) => {
                if (act === 'read') return [];
                const { version, epoch } = views.get(writer) ?? segmentOf(id, 0);
                const next = { epoch: Math.max(0, epoch + later), seen: ++marks };
                return [segmentOf(id, version + 1, next)];
              });
              const won = await Promise.all(writes.map((next) => ledger.swapSegment(next)));
              const winners = writes.filter((_, n) => won[n]);
              const { version, epoch } = current;
              const mayWin = writes.filter((next) => next.version === version + 1 && next.epoch >= epoch);
              expect(winners).toHaveLength(Math.min(1, mayWin.length));
              for (const winner of winners) {
                expect(mayWin).toContain(winner);
                current = winner;
              }
              for (const { writer } of acts.filter(({ act }) => act === 'read')) {
                const read = await ledger.readSegment(id, 'apply', 1);
                expect(read).toEqual(current);
                views.set(writer, read);
              }
            }
          });
          await fc.assert(property, { numRuns: runs });
        }));
    });

    describe('proofs', () => {
      verify('are none at first', async (id, ledger) => {
        await ledger.swapSegment(segmentOf(id, 1));
        expect(await chain(id, ledger)).toEqual([]);
      });

      for (const { given, reason } of [
        { given: {}, reason: 'with no entries' },
        { given: { object: 'quarantine/x', entries: OUTCOMES.map(entryOf) }, reason: 'with every outcome' },
        { given: { object: undefined, at: START + 5, epoch: 9 }, reason: 'with no object' },
      ] satisfies { given: Partial<Proof>; reason: string }[]) {
        verify(`are read as they were written: ${reason}`, async (id, ledger) => {
          await ledger.record(proofOf(id, 0, given));
          expect(await chain(id, ledger)).toEqual([proofOf(id, 0, given)]);
        });
      }

      verify('are in the order of their numbers, however many there are', async (id, ledger) => {
        for (let n = 0; n < MANY; n++) await ledger.record(proofOf(id, (n * 11) % MANY));
        expect((await chain(id, ledger)).map(({ number }) => number)).toEqual([...Array(MANY).keys()]);
      });

      verify('are in the order of their numbers, however large these are', async (id, ledger) => {
        const numbers = [9, 10, 99, 100, 9_999_999_999];
        for (const number of numbers.toReversed()) await ledger.record(proofOf(id, number));
        expect((await chain(id, ledger)).map(({ number }) => number)).toEqual(numbers);
      });

      verify('large ones are read page by page, whole', async (id, ledger) => {
        const entries = Array.from({ length: 1_000 }, () => ({
          ...entryOf('removed'),
          item: 'i'.repeat(64),
        }));
        const proofs = Array.from({ length: 12 }, (_, n) => proofOf(id, n, { entries }));
        for (const proof of proofs) await ledger.record(proof);
        expect(await chain(id, ledger)).toEqual(proofs);
      });

      verify('of one segment show nothing of another', async (id, ledger) => {
        const others = [
          { index: 10 },
          { index: 11 },
          { phase: 'undo' },
          { run: `${id}-1` },
        ] satisfies Partial<Proof>[];
        for (const other of others) await ledger.record(proofOf(id, 0, other));
        await ledger.record(proofOf(id, 5));
        expect((await chain(id, ledger)).map(({ number }) => number)).toEqual([5]);
        expect(await chain(id, ledger, 'undo')).toHaveLength(1);
        expect(await chain(id, ledger, 'apply', 10)).toHaveLength(1);
        expect(await chain(id, ledger, 'apply', 0)).toEqual([]);
      });

      verify(
        'are written over by the same epoch and by a newer one, not by an older one',
        async (id, ledger) => {
          const written = async (epoch: number, at: number) => {
            await ledger.record(proofOf(id, 0, { epoch, at }));
            return (await chain(id, ledger)).map((proof) => [proof.epoch, proof.at]);
          };
          expect(await written(2, 10)).toEqual([[2, 10]]);
          expect(await written(2, 11)).toEqual([[2, 11]]);
          expect(await written(10, 12)).toEqual([[10, 12]]);
          expect(await written(9, 13)).toEqual([[10, 12]]);
        },
      );

      verify('that are too large for an item are refused', async (id, ledger) => {
        const proof = proofOf(id, 0, { object: 'x'.repeat(ITEM_BYTES_MAX) });
        await expect(ledger.record(proof)).rejects.toMatchObject({ code: 'INVARIANT' });
        expect(await chain(id, ledger)).toEqual([]);
      });

      verify('are shared with nobody', async (id, ledger) => {
        const entries = [entryOf('removed')];
        await ledger.record(proofOf(id, 0, { entries }));
        entries.push(entryOf('returned'));
        expect(await chain(id, ledger)).toMatchObject([{ entries: [entryOf('removed')] }]);
      });

      verify('of a later release are left alone', async (id, ledger) => {
        const key = proofKey(id, 'apply', 1, 0);
        await ledger.record(proofOf(id, 0));
        await world.makeFuture(key);
        const before = await world.stored(key);
        await ledger.record(proofOf(id, 0, { epoch: 9 }));
        expect(await world.stored(key)).toBe(before);
        await expect(chain(id, ledger)).rejects.toMatchObject({ code: 'FUTURE_ITEM' });
      });
    });

    describe('a table', () => {
      /** A test with a run and a table of its own. */
      const verifyTable = (
        what: string,
        body: (arn: string, ids: readonly [string, string], ledger: RunLedger) => Promise<void>,
      ) =>
        verify(what, (id, ledger) =>
          body(`arn:aws:dynamodb:eu-west-1:111111111111:table/${id}`, [`${id}-a`, `${id}-b`], ledger),
        );

      verifyTable('is for the run that takes it, as often as it does', async (arn, [a, b], ledger) => {
        expect(await ledger.takeTable(arn, a)).toBe(a);
        expect(await ledger.takeTable(arn, b)).toBe(a);
        expect(await ledger.takeTable(arn, a)).toBe(a);
        expect(await ledger.takeTable(`${arn}-2`, b)).toBe(b);
      });

      verifyTable('that many take at once is for one of them', async (arn, [a], ledger) => {
        const ids = Array.from({ length: 2 * WRITERS }, (_, n) => `${a}-${n}`);
        const holders = await Promise.all(ids.map((id) => ledger.takeTable(arn, id)));
        expect(new Set(holders).size).toBe(1);
        expect(ids).toContain(holders[0]);
        for (const id of ids) expect(await ledger.takeTable(arn, id)).toBe(holders[0]);
      });

      verifyTable('is taken instead of one that is named', async (arn, [a, b], ledger) => {
        await ledger.takeTable(arn, a);
        expect(await ledger.takeTable(arn, b, a)).toBe(b);
        expect(await ledger.takeTable(arn, b, a)).toBe(b);
        expect(await ledger.takeTable(arn, a)).toBe(b);
        await ledger.releaseTable(arn, a);
        expect(await ledger.takeTable(arn, a)).toBe(b);
      });

      verifyTable('is not taken instead of another', async (arn, [a, b], ledger) => {
        await ledger.takeTable(arn, a);
        expect(await ledger.takeTable(arn, b, `${a}-2`)).toBe(a);
        expect(await ledger.takeTable(arn, b, b)).toBe(a);
        expect(await ledger.takeTable(arn, a, b)).toBe(a);
        expect(await ledger.takeTable(arn, b)).toBe(a);
      });

      verifyTable('is taken where nobody has it, whoever is named', async (arn, [a, b], ledger) => {
        expect(await ledger.takeTable(arn, a, b)).toBe(a);
        await ledger.releaseTable(arn, a);
        expect(await ledger.takeTable(arn, b, a)).toBe(b);
      });

      verifyTable(
        'that many take instead of the same one is for one of them',
        async (arn, [a, b], ledger) => {
          await ledger.takeTable(arn, b);
          const ids = Array.from({ length: 2 * WRITERS }, (_, n) => `${a}-${n}`);
          const holders = await Promise.all(ids.map((id) => ledger.takeTable(arn, id, b)));
          expect(new Set(holders).size).toBe(1);
          expect(ids).toContain(holders[0]);
          for (const id of ids) expect(await ledger.takeTable(arn, id, b)).toBe(holders[0]);
        },
      );

      verifyTable('is given back by the run that has it, and by nobody else', async (arn, [a, b], ledger) => {
        await ledger.releaseTable(arn, b);
        await ledger.takeTable(arn, a);
        await ledger.releaseTable(arn, b);
        expect(await ledger.takeTable(arn, b)).toBe(a);
        await ledger.releaseTable(arn, a);
        await ledger.releaseTable(arn, a);
        expect(await ledger.takeTable(arn, b)).toBe(b);
        await ledger.releaseTable(arn, a);
        expect(await ledger.takeTable(arn, a)).toBe(b);
      });

      verifyTable('is for one at a time, however it is taken and given back', async (arn, [a], ledger) => {
        let inside = 0;
        /** Nobody has it for long here, so a try may find it free whenever it looks and taken whenever it takes. */
        const isTaken = (id: string) =>
          ledger.takeTable(arn, id).then(
            (holder) => holder === id,
            (error: unknown) => {
              expect(error).toMatchObject({ code: 'TABLE_BUSY', retryable: true });
              return false;
            },
          );
        const working = async (id: string) => {
          for (let turns = 0; turns < 3; turns++) {
            await until(world.clock, () => isTaken(id), Boolean);
            expect(++inside).toBe(1);
            await ledger.readRun(id);
            inside--;
            await ledger.releaseTable(arn, id);
          }
        };
        await Promise.all(Array.from({ length: WRITERS }, (_, n) => working(`${a}-${n}`)));
      });

      verifyTable('that a later release has taken is left alone', async (arn, [a, b], ledger) => {
        await ledger.takeTable(arn, a);
        await world.makeFuture(tableKey(arn));
        const before = await world.stored(tableKey(arn));
        for (const id of [a, b]) {
          await expect(ledger.takeTable(arn, id)).rejects.toMatchObject({ code: 'FUTURE_ITEM' });
          await expect(ledger.takeTable(arn, id, a)).rejects.toMatchObject({ code: 'FUTURE_ITEM' });
          await ledger.releaseTable(arn, id);
        }
        expect(await world.stored(tableKey(arn))).toBe(before);
      });
    });
  });
}
