import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ITEM_BYTES_MAX } from '../../functions/contract/ledger.ts';
import type { ClosedEpisode, Episode, SubjectState } from '../../functions/core/episode.ts';
import { type PlaceId, placeId } from '../../functions/core/place.ts';
import type { SecretMemory } from '../../functions/core/secret.ts';
import type { Clock } from '../../functions/ports/clock.ts';
import type { Ledger } from '../../functions/ports/ledger.ts';
import { all } from '../all.ts';
import { until } from './until.ts';

/** A ledger, and what no port can do to it. */
export interface LedgerWorld {
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Runs a test to its end; a world with virtual time moves the time meanwhile. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Puts a state as a later release would have written it. */
  plantFuture(state: SubjectState): Promise<void>;
  /** What lies there of a subject's state, as text. */
  stored(subject: string): Promise<string>;
  close(): Promise<void>;
}

/** More than a page of the index holds. */
const MANY = 105;
const WRITERS = 4;

const US = placeId({ region: 'us-east-1' });
const EU = placeId({ region: 'eu-west-1', account: '222222222222' });

/** A state of a subject, with nothing in it but what is given. */
function stateOf(subject: string, version: number, given: Partial<SubjectState> = {}): SubjectState {
  return { subject, version, wake: 0, ...given };
}

const ROOTS = {
  [US]: { env: 'v1.k1:aa', code: 'v1.k1:bb', settings: 'v1.k1:cc' },
  [EU]: { env: 'v1.k1:ab' },
} satisfies Record<PlaceId, object>;

export const OPEN: Episode = {
  id: '0000000007',
  cause: { id: 'deploy-1', source: 'aws.cloudformation', at: 1_767_600_000_000 },
  deploy: { id: 'Shop', source: 'aws.cloudformation', at: 1_767_600_000_001 },
  lastChangeAt: 1_767_600_000_001,
  lastMovedAt: 1_767_600_000_002,
  firstSeenAt: 1_767_600_000_003,
  lastSeenAt: 1_767_600_000_004,
  since: 900,
  looks: 3,
  isOverdue: true,
  reached: { [US]: 1_767_600_000_003 },
  noticedAt: 1_767_600_000_004,
  pausedAt: 1_767_600_000_005,
  roots: ROOTS,
  findings: [
    { replica: EU, facet: 'env', kind: 'different', keys: ['LEVEL', 'ŽLUŤ_日本_🐎'], reference: US },
    { replica: EU, facet: 'replica', kind: 'missing', keys: [] },
    { replica: EU, facet: 'traffic', kind: 'unsettled', keys: ['live'] },
    { replica: US, facet: 'replica', kind: 'failed', keys: [] },
    {
      replica: US,
      facet: 'env',
      kind: 'unobservable',
      keys: [],
      refusal: { code: 'ACCESS_DENIED', call: 'lambda:ListFunctions', permission: 'kms:Decrypt' },
    },
    { replica: US, facet: 'code', kind: 'unobservable', keys: [], refusal: { code: 'NO_BUILD_ID' } },
    { replica: EU, facet: 'code', kind: 'unexpected', keys: ['CodeSha256'] },
    ...(['unsettled', 'stale', 'failed', 'missing', 'standalone'] as const).map(
      (kind) => ({ replica: EU, facet: 'version', kind, keys: [] }) as const,
    ),
    ...(['unsettled', 'stale', 'unexpected'] as const).map(
      (kind) => ({ replica: EU, facet: 'consumer', kind, keys: ['api'] }) as const,
    ),
    { replica: EU, facet: 'consumer', kind: 'failed', keys: ['api'], refusal: { code: 'PROBE_SILENT' } },
    { replica: US, facet: 'rotation', kind: 'failed', keys: ['RotationFailed'] },
  ],
  rotation: {
    versionId: 'v2',
    isMove: true,
    triedId: 'v3',
    hops: [
      { hop: 1, replica: US, state: 'agreed', evidence: 'described', at: 1_767_600_000_005 },
      { hop: 2, replica: EU, state: 'stuck', evidence: null, at: null },
      { hop: 3, replica: US, consumer: 'api', state: 'agreed', evidence: 'reported', at: 1_767_600_000_006 },
    ],
  },
};

/** What is remembered of a secret, with one of each thing. */
export const MEMORY: SecretMemory = {
  held: { [US]: { versionId: 'v2', since: 1_767_600_000_005 } },
  loads: [
    { replica: US, consumer: 'api', process: 'p1', at: 6, used: { versionId: 'v2', isKnown: true } },
    { replica: EU, consumer: 'api', at: 7, used: { refusal: { code: 'PROBE_FAILED' } } },
  ],
  ended: { event: 'RotationAbandoned', at: 8, versionId: 'v2' },
  unread: 1,
};

export function closedOf(subject: string, number: number, given: Partial<ClosedEpisode> = {}): ClosedEpisode {
  return {
    id: String(number).padStart(10, '0'),
    subject,
    cause: OPEN.cause,
    outcome: 'forward',
    wasOverdue: false,
    timeToDetectMs: 3,
    convergenceMs: 40_000,
    exposureMs: 60_000,
    resolutionMs: 0,
    closedAt: 1_767_600_060_000,
    findings: OPEN.findings,
    reached: { [EU]: 1_767_600_050_000 },
    ...given,
  };
}

/** Declares what every {@link Ledger} must do. @param runs Of each property. */
export function describeLedger(makeWorld: () => Promise<LedgerWorld>, runs = 50): void {
  describe('ledger', () => {
    let world: LedgerWorld;
    let named = 0;

    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(() => world.close());

    /** A test with a subject of its own. */
    const verify = (what: string, body: (subject: string, ledger: Ledger) => Promise<void>) =>
      it(what, () => world.run(() => body(freshSubject(), world.ledger)));

    function freshSubject(): string {
      return `subject-${++named}`;
    }

    function listed(ledger: Ledger, after?: string): Promise<string[]> {
      return all(ledger.subjects(after));
    }

    describe('a state', () => {
      verify('of a subject that nobody wrote is of version 0', async (subject, ledger) => {
        expect(await ledger.read(subject)).toEqual({ subject, version: 0, wake: 0 });
      });

      verify(
        'is deeply equal to what was written: else each look would find something new',
        async (subject, ledger) => {
          await ledger.swap(stateOf(subject, 1, { open: OPEN }));
          expect(isDeepStrictEqual((await ledger.read(subject)).open, OPEN)).toBe(true);
        },
      );

      verify('is written where nothing was, and only once', async (subject, ledger) => {
        expect(await ledger.swap(stateOf(subject, 1, { wake: 5 }))).toBe(true);
        expect(await ledger.swap(stateOf(subject, 1, { wake: 6 }))).toBe(false);
        expect(await ledger.read(subject)).toEqual(stateOf(subject, 1, { wake: 5 }));
      });

      for (const { version, reason } of [
        { version: 1, reason: 'as if nothing were there' },
        { version: 2, reason: 'from a state that is gone' },
        { version: 4, reason: 'past one that was never written' },
      ]) {
        verify(`stays as it is when a swap comes ${reason}`, async (subject, ledger) => {
          await ledger.swap(stateOf(subject, 1));
          await ledger.swap(stateOf(subject, 2, { open: OPEN }));
          const before = await world.stored(subject);
          expect(await ledger.swap(stateOf(subject, version, { wake: 99 }))).toBe(false);
          expect(await world.stored(subject)).toBe(before);
        });
      }

      verify('is not begun in the middle', async (subject, ledger) => {
        expect(await ledger.swap(stateOf(subject, 2))).toBe(false);
        expect(await ledger.read(subject)).toEqual(stateOf(subject, 0));
      });

      verify('is not written with the version of no state', async (subject, ledger) => {
        await expect(ledger.swap(stateOf(subject, 0))).rejects.toMatchObject({ code: 'INVARIANT' });
      });

      verify('that two write at once is written by exactly one', async (subject, ledger) => {
        for (const version of [1, 2]) {
          const writes = [10, 20].map((wake) => stateOf(subject, version, { wake }));
          const won = await Promise.all(writes.map((state) => ledger.swap(state)));
          expect(won.toSorted()).toEqual([false, true]);
          expect(await ledger.read(subject)).toEqual(writes[won.indexOf(true)]);
        }
      });

      for (const { given, reason } of [
        { given: { agreed: { roots: ROOTS, at: 5 }, wake: 7 }, reason: 'agreed' },
        { given: { open: OPEN }, reason: 'open, with findings of every kind' },
        {
          given: {
            open: OPEN,
            secret: MEMORY,
            asked: { by: OPEN.cause, expected: { key: 'BUILD_ID', root: 'v1.k1:dd' }, isMet: false },
          },
          reason: 'with what was asked for',
        },
        {
          given: { asked: { by: OPEN.cause, expected: undefined, isMet: true } },
          reason: 'with nothing asked for',
        },
        {
          given: {
            untold: [{ replica: EU, seenAt: 5 }],
            toldUnread: [US],
            heard: OPEN.cause,
            silence: { until: 6, reason: 'ŽLUŤ 日本' },
            group: 'functions[0]',
            answeredUntil: 8,
            retiredAt: 7,
          },
          reason: 'with what is remembered beside its episode',
        },
        { given: { last: closedOf('x', 1), agreed: { roots: {}, at: 0 } }, reason: 'closed' },
        { given: { agreed: undefined, open: undefined, last: undefined }, reason: 'with nothing in it' },
        { given: { open: { ...OPEN, roots: { [US]: {} }, findings: [] } }, reason: 'with empty lists' },
        {
          given: { wake: Number.MAX_SAFE_INTEGER, agreed: { roots: {}, at: 0.25 } },
          reason: 'of odd numbers',
        },
      ] satisfies { given: Partial<SubjectState>; reason: string }[]) {
        verify(`is read as it was written: ${reason}`, async (subject, ledger) => {
          expect(await ledger.swap(stateOf(subject, 1, given))).toBe(true);
          const read = await ledger.read(subject);
          expect(read).toEqual(stateOf(subject, 1, given));
          expect(read.open).toEqual(given.open);
        });
      }

      verify('is shared with nobody', async (subject, ledger) => {
        const keys = ['A'];
        const open = { ...OPEN, findings: [{ replica: US, facet: 'replica', kind: 'extra', keys }] } as const;
        await ledger.swap(stateOf(subject, 1, { open }));
        keys.push('B');
        const read = await ledger.read(subject);
        expect(read.open?.findings[0]?.keys).toEqual(['A']);
        Object.assign(read, { wake: 9 });
        expect((await ledger.read(subject)).wake).toBe(0);
      });

      verify('goes by its subject, whatever characters it has', async (subject, ledger) => {
        const odd = [`${subject}#STATE`, `${subject}/Ž 日本 🐎`, `EPISODE#${subject}`];
        for (const [wake, name] of odd.entries()) await ledger.swap(stateOf(name, 1, { wake }));
        for (const [wake, name] of odd.entries()) expect((await ledger.read(name)).wake).toBe(wake);
        expect((await ledger.read(subject)).version).toBe(0);
      });

      verify('that is too large for an item is refused, and nothing is written', async (subject, ledger) => {
        const state = stateOf(subject, 1, {
          agreed: { at: 0, roots: { [US]: { env: 'x'.repeat(ITEM_BYTES_MAX) } } },
        });
        await expect(async () => ledger.swap(state)).rejects.toMatchObject({ code: 'INVARIANT' });
        expect((await ledger.read(subject)).version).toBe(0);
      });
    });

    describe('a state of a later release', () => {
      verify('is left alone', async (subject, ledger) => {
        await world.plantFuture(stateOf(subject, 3));
        const before = await world.stored(subject);
        await expect(ledger.read(subject)).rejects.toMatchObject({ code: 'FUTURE_ITEM', retryable: false });
        for (const version of [1, 3, 4, 5]) expect(await ledger.swap(stateOf(subject, version))).toBe(false);
        expect(await world.stored(subject)).toBe(before);
      });
    });

    describe('any sequence of swaps', () => {
      /** Writers that at once either read or swap on what they have read. */
      const moment = fc.array(
        fc.record({ writer: fc.nat(WRITERS - 1), act: fc.constantFrom('read', 'swap') }),
        { minLength: 1, maxLength: WRITERS },
      );

      it('grows versions by one and keeps each write that won, until the next', () =>
        world.run(async () => {
          const { ledger } = world;
          const property = fc.asyncProperty(fc.array(moment, { maxLength: 12 }), async (moments) => {
            const subject = freshSubject();
            let current = stateOf(subject, 0);
            let marks = 0;
            const views = new Map<number, SubjectState>();
            for (const acts of moments) {
              const swaps = acts.filter(({ act }) => act === 'swap');
              const writes = swaps.map(({ writer }) => {
                const { version } = views.get(writer) ?? stateOf(subject, 0);
                return stateOf(subject, version + 1, { wake: ++marks });
              });
              const won = await Promise.all(writes.map((state) => ledger.swap(state)));
              const winners = writes.filter((_, n) => won[n]);
              const mayWin = writes.some(({ version }) => version === current.version + 1);
              expect(winners).toHaveLength(mayWin ? 1 : 0);
              for (const winner of winners) {
                expect(winner.version).toBe(current.version + 1);
                current = winner;
              }
              for (const { writer } of acts.filter(({ act }) => act === 'read')) {
                const read = await ledger.read(subject);
                expect(read).toEqual(current);
                views.set(writer, read);
              }
            }
            expect(await ledger.read(subject)).toEqual(current);
          });
          await fc.assert(property, { numRuns: runs });
        }));
    });

    describe('history', () => {
      verify('is empty at first', async (subject, ledger) => {
        await ledger.swap(stateOf(subject, 1, { last: closedOf(subject, 1) }));
        expect(await ledger.history(subject, 10)).toEqual([]);
      });

      verify('has an episode once, however often it is recorded', async (subject, ledger) => {
        const episode = closedOf(subject, 1);
        await ledger.record(episode);
        await ledger.record(episode);
        expect(await ledger.history(subject, 10)).toEqual([episode]);
      });

      verify('has what was recorded last', async (subject, ledger) => {
        await ledger.record(closedOf(subject, 1));
        await ledger.record(closedOf(subject, 1, { outcome: 'retired' }));
        expect(await ledger.history(subject, 10)).toMatchObject([{ outcome: 'retired' }]);
      });

      verify('is newest first, and no longer than wanted', async (subject, ledger) => {
        const numbers = [2, 11, 1, 103, 10];
        for (const number of numbers) await ledger.record(closedOf(subject, number));
        const ids = async (limit: number) =>
          (await ledger.history(subject, limit)).map(({ id }) => Number(id));
        expect(await ids(10)).toEqual([103, 11, 10, 2, 1]);
        expect(await ids(3)).toEqual([103, 11, 10]);
        expect(await ids(0)).toEqual([]);
      });

      verify('is whole, however many episodes are wanted', async (subject, ledger) => {
        for (let number = 1; number <= MANY; number++) await ledger.record(closedOf(subject, number));
        const ids = (await ledger.history(subject, MANY - 1)).map(({ id }) => Number(id));
        expect(ids).toEqual(Array.from({ length: MANY - 1 }, (_, n) => MANY - n));
      });

      verify('of one subject shows nothing of another', async (subject, ledger) => {
        const others = [`${subject}0`, `${subject}#EPISODE`, subject.slice(0, -1)];
        for (const other of others) await ledger.record(closedOf(other, 1));
        await ledger.record(closedOf(subject, 2));
        expect(await ledger.history(subject, 10)).toMatchObject([{ subject, id: '0000000002' }]);
        expect((await ledger.read(subject)).version).toBe(0);
      });
    });

    describe('subjects', () => {
      verify(
        'are listed once each, however many they are and however often they were written',
        async (prefix, ledger) => {
          const subjects = Array.from({ length: MANY }, (_, n) => `${prefix}-${String(n).padStart(3, '0')}`);
          for (const subject of subjects) await ledger.swap(stateOf(subject, 1));
          for (const subject of subjects.slice(0, 5)) await ledger.swap(stateOf(subject, 2, { open: OPEN }));
          const found = await until(
            world.clock,
            async () => (await listed(ledger)).filter((subject) => subject.startsWith(`${prefix}-`)),
            ({ length }) => length >= MANY,
          );
          expect(found).toEqual(subjects);
          const [third] = subjects.slice(2);
          expect((await listed(ledger, third)).slice(0, 2)).toEqual(subjects.slice(3, 5));
          expect(await listed(ledger, '~')).toEqual([]);
        },
      );

      verify('without a state are not listed, whatever history they have', async (subject, ledger) => {
        await ledger.record(closedOf(subject, 1));
        expect(await listed(ledger)).not.toContain(subject);
      });
    });
  });
}
