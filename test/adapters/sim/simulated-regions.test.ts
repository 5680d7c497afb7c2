import { describe, expect, it } from 'vitest';
import { SimulatedRegions } from '../../../functions/adapters/sim/simulated-regions.ts';
import { VirtualClock } from '../../../functions/adapters/sim/virtual-clock.ts';
import { RefusedError } from '../../../functions/core/errors.ts';

const HERE = { region: 'us-east-1' };
const THERE = { region: 'eu-west-1' };
const CALL_MS = 20;

/** What no emulator can be made to do; the rest is in the contract that both sources meet. */
describe('simulated regions', () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 5));
  const regions = new SimulatedRegions(clock, ({ region }) =>
    region === HERE.region ? CALL_MS : 2 * CALL_MS,
  );

  it('refuses an environment whose key cannot be used, and tells the rest', async () => {
    regions.deploy(HERE, 'locked', { environment: { LEVEL: 'info' }, undecryptable: true });
    const read = await clock.run(() => regions.read(HERE, 'locked'));
    expect(read?.environment).toEqual({ code: 'ACCESS_DENIED', permission: 'kms:Decrypt' });
    expect(read?.codeSha256).not.toBe('');
  });

  it('finishes an update when its time has come, and never one that fails', async () => {
    regions.deploy(HERE, 'slow', { updateMs: 1_000 });
    regions.deploy(HERE, 'broken', { updateMs: 1_000, updateFails: true });
    const progress = () =>
      clock.run(async () => [
        (await regions.read(HERE, 'slow'))?.progress,
        (await regions.read(HERE, 'broken'))?.progress,
      ]);
    expect(await progress()).toEqual(['unsettled', 'unsettled']);
    await clock.run(() => clock.sleep(1_000));
    expect(await progress()).toEqual(['settled', 'failed']);
  });

  it('shows in an old answer what was there, as it was then', async () => {
    let staleMs = 0;
    const stale = new SimulatedRegions(
      clock,
      () => 0,
      () => staleMs,
    );
    stale.deploy(HERE, 'pay', { environment: { LEVEL: 'info' }, updateMs: 3_000 });
    await clock.run(() => clock.sleep(2_000));
    stale.deploy(HERE, 'pay', { environment: { LEVEL: 'debug' }, updateMs: 3_000 });
    await clock.run(() => clock.sleep(4_000));
    const progress = async () => (await clock.run(() => stale.read(HERE, 'pay')))?.progress;
    expect(await progress()).toBe('settled');
    staleMs = 4_500; // before the second deploy, in the midst of the first
    expect(await progress()).toBe('unsettled');
  });

  it('answers each call as late as its place does', async () => {
    for (const [place, lateMs] of [
      [HERE, CALL_MS],
      [THERE, 2 * CALL_MS],
    ] as const) {
      const asked = clock.now();
      await clock.run(() => regions.list(place));
      expect(clock.now() - asked).toBe(lateMs);
    }
  });

  it('does an injected fault before the answer, for its own call only', async () => {
    const faulty = new SimulatedRegions(clock, () => CALL_MS);
    faulty.deploy(HERE, 'cart', {});
    faulty.inject('read', (place, name) => {
      if (name === 'cart') throw new RefusedError({ code: 'THROTTLED' });
      faulty.remove(place, 'cart');
    });
    const read = (name: string) => clock.run(() => faulty.read(HERE, name));
    await expect(read('cart')).rejects.toMatchObject({ code: 'THROTTLED' });
    expect((await clock.run(() => faulty.list(HERE))).functions).toHaveLength(1);
    expect(await read('other')).toBeUndefined();
    expect((await clock.run(() => faulty.list(HERE))).functions).toHaveLength(0);
  });

  it('knows two accounts in one region apart', async () => {
    const account = { region: HERE.region, account: '222222222222' };
    regions.deploy(account, 'theirs', {});
    const [own, theirs] = await clock.run(async () => [
      await regions.read(HERE, 'theirs'),
      await regions.read(account, 'theirs'),
    ]);
    expect(own).toBeUndefined();
    expect(theirs?.account).toBe('222222222222');
  });
});
