import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedSecrets } from '../../../functions/adapters/sim/simulated-secrets.ts';
import { VirtualClock } from '../../../functions/adapters/sim/virtual-clock.ts';
import { RefusedError } from '../../../functions/core/errors.ts';
import type { Place } from '../../../functions/core/place.ts';

const START = Date.UTC(2026, 0, 5);
const PRIMARY: Place = { region: 'us-east-1' };
const NEAR: Place = { region: 'eu-west-1' };
const FAR: Place = { region: 'ap-southeast-2' };
const NEAR_MS = 1_000;
const FAR_MS = 5_000;

/** What no emulator can be made to do; the rest is in the contract that both sources meet. */
describe('simulated secrets', () => {
  let clock: VirtualClock;
  let secrets: SimulatedSecrets;
  let lags: Map<Place, number>;

  beforeEach(() => {
    clock = new VirtualClock(START);
    lags = new Map([
      [NEAR, NEAR_MS],
      [FAR, FAR_MS],
    ]);
    secrets = new SimulatedSecrets(
      clock,
      () => 0,
      (place) => lags.get(place) ?? 0,
    );
    secrets.create(PRIMARY, 'db', [NEAR, FAR], 'v1');
  });

  const pass = (ms: number) => clock.run(() => clock.sleep(ms));
  const described = (place: Place) => clock.run(() => secrets.describe(place, 'db'));
  const hasVersion = (place: Place, versionId: string) =>
    clock.run(() => secrets.hasVersion(place, 'db', versionId));

  /** What each region has as current, and what the primary says of the replicas. */
  function overview() {
    return clock.run(async () => {
      const [primary, near, far] = await Promise.all(
        [PRIMARY, NEAR, FAR].map((place) => secrets.describe(place, 'db')),
      );
      return {
        current: [primary?.currentId, near?.currentId, far?.currentId],
        statuses: primary?.replicas.map(({ status }) => status),
      };
    });
  }

  it('are in sync from the start, and say which region is the primary', async () => {
    expect(await overview()).toEqual({ current: ['v1', 'v1', 'v1'], statuses: ['InSync', 'InSync'] });
    for (const place of [PRIMARY, NEAR]) {
      expect(await described(place)).toMatchObject({ primaryRegion: PRIMARY.region, changedAt: START });
    }
  });

  it('are followed by each replica after a lag of its own', async () => {
    secrets.rotate(PRIMARY, 'db', 'v2');
    expect(await overview()).toEqual({ current: ['v2', 'v1', 'v1'], statuses: ['InProgress', 'InProgress'] });
    await pass(NEAR_MS);
    expect(await overview()).toEqual({ current: ['v2', 'v2', 'v1'], statuses: ['InSync', 'InProgress'] });
    await pass(FAR_MS - NEAR_MS);
    expect(await overview()).toEqual({ current: ['v2', 'v2', 'v2'], statuses: ['InSync', 'InSync'] });
    expect((await described(PRIMARY))?.changedAt).toBe(START);
    expect((await described(FAR))?.changedAt).toBe(START + FAR_MS);
  });

  it('get a pending version with the next move only', async () => {
    secrets.put(PRIMARY, 'db', 'v2');
    await pass(FAR_MS);
    expect(await overview()).toEqual({ current: ['v1', 'v1', 'v1'], statuses: ['InSync', 'InSync'] });
    expect([await hasVersion(PRIMARY, 'v2'), await hasVersion(NEAR, 'v2')]).toEqual([true, false]);
    secrets.move(PRIMARY, 'db', 'v2');
    await pass(NEAR_MS);
    expect(await hasVersion(NEAR, 'v2')).toBe(true);
  });

  it('change nothing when the label moves to where it is', async () => {
    secrets.rotate(PRIMARY, 'db', 'v2');
    await pass(FAR_MS);
    const before = await described(PRIMARY);
    secrets.move(PRIMARY, 'db', 'v2');
    expect(await described(PRIMARY)).toEqual(before);
    await expect(async () => secrets.move(PRIMARY, 'db', 'v9')).rejects.toMatchObject({ code: 'INVARIANT' });
  });

  for (const { following, status } of [
    { following: 'stuck', status: 'InProgress' },
    { following: 'lying', status: 'InSync' },
    { following: 'failed', status: 'Failed' },
  ] as const) {
    it(`are never followed by a replica that is ${following}, until it is healed`, async () => {
      secrets.rotate(PRIMARY, 'db', 'v2');
      secrets.follow(NEAR, 'db', following); // what is under way already shares its fate
      secrets.rotate(PRIMARY, 'db', 'v3');
      await pass(24 * 3600_000);
      expect(await overview()).toEqual({ current: ['v3', 'v1', 'v3'], statuses: [status, 'InSync'] });
      expect(await hasVersion(NEAR, 'v3')).toBe(false);
      secrets.heal(NEAR, 'db');
      expect(await overview()).toEqual({ current: ['v3', 'v1', 'v3'], statuses: ['InProgress', 'InSync'] });
      await pass(NEAR_MS);
      expect(await overview()).toEqual({ current: ['v3', 'v3', 'v3'], statuses: ['InSync', 'InSync'] });
    });

    it(`are called in sync in a replica that is ${following} while there is nothing to follow`, async () => {
      await pass(NEAR_MS);
      secrets.follow(NEAR, 'db', following);
      expect((await overview()).statuses).toEqual(['InSync', 'InSync']);
      secrets.heal(NEAR, 'db');
      expect((await overview()).statuses).toEqual(['InSync', 'InSync']);
    });
  }

  it('keep what had arrived before a replica was stuck', async () => {
    secrets.rotate(PRIMARY, 'db', 'v2');
    await pass(NEAR_MS);
    secrets.follow(NEAR, 'db', 'stuck');
    expect(await overview()).toMatchObject({
      current: ['v2', 'v2', 'v1'],
      statuses: ['InSync', 'InProgress'],
    });
  });

  describe('when a move overtakes the one before', () => {
    beforeEach(async () => {
      lags.set(NEAR, 10_000);
      secrets.rotate(PRIMARY, 'db', 'v2');
      lags.set(NEAR, 1_000);
      secrets.rotate(PRIMARY, 'db', 'v3');
    });

    it('drop the older one', async () => {
      await pass(1_000);
      expect(await overview()).toMatchObject({
        current: ['v3', 'v3', 'v1'],
        statuses: ['InSync', 'InProgress'],
      });
      await pass(9_000);
      expect(await overview()).toEqual({ current: ['v3', 'v3', 'v3'], statuses: ['InSync', 'InSync'] });
    });

    it('are left with the older one where it is applied too, and are called in sync', async () => {
      secrets.follow(NEAR, 'db', 'overtaking');
      await pass(1_000);
      expect(await overview()).toMatchObject({
        current: ['v3', 'v3', 'v1'],
        statuses: ['InProgress', 'InProgress'],
      });
      await pass(9_000);
      expect(await overview()).toEqual({ current: ['v3', 'v2', 'v3'], statuses: ['InSync', 'InSync'] });
      expect(await hasVersion(NEAR, 'v3')).toBe(true);
      secrets.heal(NEAR, 'db');
      await pass(1_000);
      expect(await overview()).toEqual({ current: ['v3', 'v3', 'v3'], statuses: ['InSync', 'InSync'] });
    });
  });

  describe('replicas', () => {
    it('are there after the lag when they are added', async () => {
      const added = { region: 'sa-east-1' };
      lags.set(added, 2_000);
      secrets.addReplica(PRIMARY, 'db', added);
      expect(await described(added)).toBeUndefined();
      expect((await described(PRIMARY))?.replicas).toContainEqual({
        region: 'sa-east-1',
        status: 'InProgress',
      });
      await pass(2_000);
      expect(await described(added)).toMatchObject({ currentId: 'v1', primaryRegion: PRIMARY.region });
      expect((await described(PRIMARY))?.replicas).toContainEqual({ region: 'sa-east-1', status: 'InSync' });
    });

    it('are gone at once when they are removed', async () => {
      secrets.removeReplica(NEAR, 'db');
      expect(await described(NEAR)).toBeUndefined();
      expect((await described(PRIMARY))?.replicas).toEqual([{ region: FAR.region, status: 'InSync' }]);
    });

    it('stand alone when they are promoted, with what they have', async () => {
      secrets.rotate(PRIMARY, 'db', 'v2');
      secrets.promote(NEAR, 'db');
      await pass(FAR_MS);
      expect(await described(NEAR)).toMatchObject({
        currentId: 'v1',
        primaryRegion: NEAR.region,
        replicas: [],
      });
      expect((await described(PRIMARY))?.replicas).toEqual([{ region: FAR.region, status: 'InSync' }]);
      secrets.rotate(NEAR, 'db', 'v3');
      await pass(FAR_MS);
      expect((await overview()).current).toEqual(['v2', 'v3', 'v2']);
    });
  });

  it('are nowhere when they are deleted', async () => {
    secrets.remove(PRIMARY, 'db');
    expect((await overview()).current).toEqual([undefined, undefined, undefined]);
    secrets.create(PRIMARY, 'db', [], 'v9');
    expect((await overview()).current).toEqual(['v9', undefined, undefined]);
  });

  it('are scheduled for deletion only without replicas, and then give out no value', async () => {
    await expect(async () => secrets.scheduleDeletion(PRIMARY, 'db')).rejects.toMatchObject({
      code: 'INVARIANT',
    });
    for (const replica of [NEAR, FAR]) secrets.removeReplica(replica, 'db');
    expect(secrets.valueOf(PRIMARY, 'db')).toBe('v1');
    secrets.scheduleDeletion(PRIMARY, 'db');
    expect(secrets.valueOf(PRIMARY, 'db')).toBeUndefined();
    expect(await described(PRIMARY)).toMatchObject({ currentId: 'v1', deletedAt: START });
  });

  it('say in the primary when they were rotated, and when they are to be', async () => {
    const times = { rotatedAt: START - 1, nextRotationAt: START + 1 };
    secrets.schedule(PRIMARY, 'db', times);
    expect(await described(PRIMARY)).toMatchObject(times);
    expect(await described(NEAR)).toMatchObject({ rotatedAt: undefined, nextRotationAt: undefined });
  });

  it('answer as late as the place does, after the faults of the call', async () => {
    const late = new SimulatedSecrets(
      clock,
      ({ region }) => (region === NEAR.region ? 40 : 20),
      () => 0,
    );
    late.create(PRIMARY, 'db', [NEAR], 'v1');
    late.inject('describe', (place, name) => {
      if (place.region === NEAR.region && name === 'db') throw new RefusedError({ code: 'THROTTLED' });
    });
    const asked = clock.now();
    await expect(clock.run(() => late.describe(NEAR, 'db'))).rejects.toMatchObject({ code: 'THROTTLED' });
    expect(clock.now() - asked).toBe(40);
    expect(await clock.run(() => late.hasVersion(NEAR, 'db', 'v1'))).toBe(true);
    expect((await clock.run(() => late.describe(PRIMARY, 'db')))?.currentId).toBe('v1');
  });

  it('know two accounts in one region apart', async () => {
    const theirs = { ...PRIMARY, account: '222222222222' };
    const theirReplica = { ...NEAR, account: '222222222222' };
    secrets.create(theirs, 'db', [theirReplica], 'v9');
    secrets.rotate(theirs, 'db', 'v10');
    expect((await overview()).current).toEqual(['v1', 'v1', 'v1']);
    expect(await described(theirReplica)).toMatchObject({ currentId: 'v10', primaryRegion: PRIMARY.region });
  });
});
