import { describe, expect, it } from 'vitest';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { OUR_SHARE, paced } from '../../functions/app/pace.ts';
import { EU, US } from './simulated.ts';

describe('a paced source', () => {
  it('begins no more than its share of calls in any second, per place and API, in order', async () => {
    const clock = new VirtualClock(0);
    const world = new SimulatedRegions(clock, () => 10);
    const begun: { at: number; place: string; name: string | undefined }[] = [];
    const taggedAt: number[] = [];
    world.inject('tagged', () => taggedAt.push(clock.now() - 10));
    world.inject('read', ({ region }, name) => begun.push({ at: clock.now() - 10, place: region, name }));
    let told = 0;
    const { source, calls } = paced(world, clock, () => told++);

    await clock.run(async () => {
      const reads = (place: typeof US) => Array.from({ length: 20 }, (_, i) => source.read(place, `${i}`));
      await Promise.all([...reads(US), ...reads(EU), source.tagged(US, [])]);
    });

    expect(told).toBe(41);
    expect(taggedAt).toEqual([0]); // the other API does not wait for Lambda's
    expect(Object.fromEntries(calls)).toEqual({
      'lambda:GetFunctionConfiguration': 40,
      'tag:GetResources': 1,
    });
    for (const { region } of [US, EU]) {
      const own = begun.filter(({ place }) => place === region);
      expect(own.map(({ name }) => name)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
      for (const { at } of own) {
        const inSecond = own.filter((other) => other.at >= at && other.at < at + 1000);
        expect(inSecond.length).toBeLessThanOrEqual(OUR_SHARE.calls);
      }
      expect(own.at(-1)?.at).toBe(6000); // no slower than the share allows
    }
  });

  it('waits for no turn any more once a source within has no time left', async () => {
    const clock = new VirtualClock(0);
    const world = new SimulatedRegions(clock, () => 10);
    const within = paced(
      world,
      clock,
      () => {},
      OUR_SHARE,
      () => clock.now() >= 1500,
    ).source;
    const { source } = paced(within, clock, () => {});
    await clock.run(async () => {
      const reads = Array.from({ length: 600 }, (_, i) => source.read(US, `${i}`));
      const outcomes = await Promise.allSettled(reads);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(6);
      await expect(reads.at(-1)).rejects.toMatchObject({ refusal: { code: 'NOT_READ' } });
      expect(clock.now()).toBeLessThan(3000); // and not three a second
    });
  });
});
