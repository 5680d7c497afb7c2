import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RefusedError } from '../../functions/core/errors.ts';
import type { Place } from '../../functions/core/place.ts';
import type { SecretDescription } from '../../functions/core/secret.ts';
import type { Clock } from '../../functions/ports/clock.ts';
import type { SecretSource } from '../../functions/ports/secret-source.ts';
import { until } from './until.ts';

/** The secrets that a {@link SecretSource} reads, and the means to change them; all have their primary in one place. */
export interface SecretWorld {
  readonly source: SecretSource;
  readonly clock: Clock;
  readonly primary: Place;
  /** Another region of the same account. */
  readonly replica: Place;
  /** Where every call is refused. */
  readonly refusing: Place;
  /** Runs a test to its end; a world with virtual time moves the time meanwhile. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Returns the id of its first version. */
  create(name: string): Promise<string>;
  createEmpty(name: string): Promise<void>;
  /** Adds the replica. */
  replicate(name: string): Promise<void>;
  /** Adds a version as `AWSPENDING`. */
  put(name: string, versionId: string): Promise<void>;
  /** Moves `AWSCURRENT`. */
  move(name: string, versionId: string): Promise<void>;
  /** Of a secret without a replica. */
  scheduleDeletion(name: string): Promise<void>;
  /** Removes all that was created. */
  close(): Promise<void>;
}

/** What a world does otherwise than AWS documents it: the reason why a test is left out. */
export interface Deviations {
  /** The primary of a replicated secret does not say that it is one. */
  readonly silentPrimary?: string;
  /** A secret that was created without a value has a version. */
  readonly noneEmpty?: string;
}

/** Secrets Manager's own times may be cut to whole seconds. */
const CLOCK_SLACK_MS = 1_000;

/** More than a page of versions. */
const MANY_VERSIONS = 105;

/** Declares what every {@link SecretSource} must do. */
export function describeSecretSource(
  makeWorld: () => Promise<SecretWorld>,
  { silentPrimary, noneEmpty }: Deviations = {},
): void {
  describe('secret source', () => {
    let world: SecretWorld;

    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(() => world.close());

    const verify = (what: string, body: () => Promise<void>, deviation?: string) =>
      it.skipIf(deviation)(deviation === undefined ? what : `${what} (left out: ${deviation})`, () =>
        world.run(body),
      );

    const inPrimary = (name: string) => world.source.describe(world.primary, name);
    const inReplica = (name: string) => world.source.describe(world.replica, name);

    /** Waits until a place says that a version is current, and returns all that it says. */
    async function current(place: Place, name: string, versionId: string): Promise<SecretDescription> {
      const described = await until(
        world.clock,
        () => world.source.describe(place, name),
        (description) => description?.currentId === versionId,
      );
      if (described === undefined) throw new Error('a secret that is there was described');
      return described;
    }

    /** Waits until the primary calls its replica in sync. */
    async function inSync(name: string): Promise<void> {
      await until(
        world.clock,
        () => inPrimary(name),
        (description) => description?.replicas[0]?.status === 'InSync',
      );
    }

    /** Creates both, and returns the id of the first version. */
    async function replicated(name: string): Promise<string> {
      const first = await world.create(name);
      await world.replicate(name);
      await current(world.replica, name, first);
      await inSync(name);
      return first;
    }

    describe('describing', () => {
      verify('tells what was created, and that it was never replicated', async () => {
        const before = world.clock.now();
        const first = await world.create('created');
        const described = await inPrimary('created');
        expect(described).toMatchObject({
          currentId: first,
          labelledIds: [first],
          primaryRegion: undefined,
          replicas: [],
          rotatedAt: undefined,
          nextRotationAt: undefined,
          deletedAt: undefined,
        });
        expect(described?.changedAt).toBeGreaterThanOrEqual(before - CLOCK_SLACK_MS);
        expect(described?.changedAt).toBeLessThanOrEqual(world.clock.now() + CLOCK_SLACK_MS);
      });

      verify('knows no secret that was never there, and none in another region', async () => {
        await world.create('local');
        expect(await inPrimary('never')).toBeUndefined();
        expect(await inReplica('local')).toBeUndefined();
      });

      verify(
        'says that no version is current of a secret without a value',
        async () => {
          await world.createEmpty('empty');
          expect(await inPrimary('empty')).toMatchObject({ currentId: undefined, labelledIds: [] });
        },
        noneEmpty,
      );

      verify('says in the primary how its replica is', async () => {
        const first = await replicated('shared');
        expect(await inPrimary('shared')).toMatchObject({
          currentId: first,
          replicas: [{ region: world.replica.region, status: 'InSync' }],
        });
      });

      verify(
        'says in the primary of a replicated secret that it is the primary',
        async () => {
          await replicated('own');
          expect(await inPrimary('own')).toMatchObject({ primaryRegion: world.primary.region });
        },
        silentPrimary,
      );

      verify('says in the replica which region it follows, and of no replicas', async () => {
        const first = await replicated('following');
        expect(await inReplica('following')).toMatchObject({
          currentId: first,
          labelledIds: [first],
          primaryRegion: world.primary.region,
          replicas: [],
        });
      });

      verify('says when a secret is scheduled for deletion', async () => {
        const first = await world.create('doomed');
        await world.scheduleDeletion('doomed');
        expect((await inPrimary('doomed'))?.deletedAt).toEqual(expect.any(Number));
        expect(await world.source.hasVersion(world.primary, 'doomed', first)).toBe(true);
      });
    });

    describe('labels', () => {
      verify('are on a version that is pending, and the current one stays', async () => {
        const first = await world.create('pending');
        await world.put('pending', versionId(2));
        const described = await inPrimary('pending');
        expect(described?.currentId).toBe(first);
        expect(described?.labelledIds.toSorted()).toEqual([first, versionId(2)].sort());
      });

      verify('move, and the replica follows', async () => {
        const first = await replicated('moved');
        const before = await inPrimary('moved');
        await world.put('moved', versionId(2));
        await world.move('moved', versionId(2));
        const described = await inPrimary('moved');
        expect(described?.currentId).toBe(versionId(2));
        expect(described?.labelledIds.toSorted()).toEqual([first, versionId(2)].sort());
        expect(described?.changedAt).toBeGreaterThanOrEqual(before?.changedAt ?? 0);
        const followed = await current(world.replica, 'moved', versionId(2));
        expect(followed.labelledIds.toSorted()).toEqual([first, versionId(2)].sort());
        await inSync('moved');
      });

      verify('move back, as when a rotation is undone', async () => {
        const first = await replicated('undone');
        await world.put('undone', versionId(2));
        for (const id of [versionId(2), first]) {
          await world.move('undone', id);
          await current(world.replica, 'undone', id);
        }
        expect((await inPrimary('undone'))?.currentId).toBe(first);
      });
    });

    describe('versions', () => {
      verify('are known in all places, without a label too', async () => {
        const first = await replicated('aged');
        for (const id of [versionId(2), versionId(3)]) {
          await world.put('aged', id);
          await world.move('aged', id);
        }
        await current(world.replica, 'aged', versionId(3));
        for (const place of [world.primary, world.replica]) {
          expect((await world.source.describe(place, 'aged'))?.labelledIds).not.toContain(first);
          for (const id of [first, versionId(2), versionId(3)]) {
            expect(await world.source.hasVersion(place, 'aged', id)).toBe(true);
          }
        }
      });

      verify('are not known that never were, or are of a secret that never was', async () => {
        const first = await world.create('young');
        expect(await world.source.hasVersion(world.primary, 'young', versionId(2))).toBe(false);
        expect(await world.source.hasVersion(world.primary, 'never', first)).toBe(false);
        expect(await world.source.hasVersion(world.replica, 'young', first)).toBe(false);
      });

      verify('are all known, be they more than a page holds', async () => {
        const first = await world.create('many');
        for (let n = 2; n <= MANY_VERSIONS; n++) await world.put('many', versionId(n));
        for (const id of [first, versionId(MANY_VERSIONS)]) {
          expect(await world.source.hasVersion(world.primary, 'many', id)).toBe(true);
        }
        expect(await world.source.hasVersion(world.primary, 'many', versionId(MANY_VERSIONS + 1))).toBe(
          false,
        );
      });
    });

    for (const { name, reason } of [
      { name: 'prod/shop/db', reason: 'names like paths' },
      { name: 'a+b=c@d.e_f', reason: 'all other signs that a name may hold' },
      { name: 'shop-AbCdEf', reason: 'a name that ends like an ARN' },
      { name: '_'.repeat(512), reason: 'a name of the greatest length' },
    ]) {
      verify(`takes ${reason}`, async () => {
        const first = await replicated(name);
        expect((await inPrimary(name))?.currentId).toBe(first);
        expect(await world.source.hasVersion(world.replica, name, first)).toBe(true);
      });
    }

    verify('takes no name for another that begins like it', async () => {
      const longer = await world.create('begun-AbCdEf');
      expect(await inPrimary('begun')).toBeUndefined();
      const shorter = await world.create('begun');
      expect((await inPrimary('begun'))?.currentId).toBe(shorter);
      expect((await inPrimary('begun-AbCdEf'))?.currentId).toBe(longer);
    });

    for (const [call, ask] of [
      ['describe', () => world.source.describe(world.refusing, 'any')],
      ['hasVersion', () => world.source.hasVersion(world.refusing, 'any', versionId(2))],
    ] as const) {
      verify(`refuses with a RefusedError: ${call}`, async () => {
        await expect(ask()).rejects.toBeInstanceOf(RefusedError);
        await expect(ask()).rejects.toMatchObject({ refusal: { code: 'ACCESS_DENIED' } });
      });
    }
  });
}

/** Ids are UUIDs, as AWS makes them. */
function versionId(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}
