import { describe, expect, it } from 'vitest';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { sharing } from '../../functions/app/sharing.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import type { FunctionSource } from '../../functions/ports/function-source.ts';
import { EU, US } from './simulated.ts';

/** Each call of a source with arguments that differ, twice. */
function callsOf(source: FunctionSource): Promise<unknown>[] {
  return [0, 1].flatMap(() => [
    source.list(US),
    source.list(EU),
    source.read(US, 'api'),
    source.read(US, 'job'),
    source.read(US, 'api', '1'),
    source.alias(US, 'api', 'live'),
    source.alias(US, 'api', 'next'),
    source.tagged(US, [{ key: 'team', values: ['a'] }]),
    source.tagged(US, [{ key: 'team', values: ['b'] }]),
  ]);
}

describe('a shared source', () => {
  it('makes calls that are the same once while they are under way, and again after', async () => {
    const clock = new VirtualClock(0);
    const world = new SimulatedRegions(clock, () => 10);
    let made = 0;
    for (const call of ['list', 'read', 'alias', 'tagged'] as const) world.inject(call, () => made++);
    const source = sharing(world);
    await clock.run(async () => {
      world.deploy(US, 'api', {});
      const answers = await Promise.all(callsOf(source));
      expect(answers.slice(0, 9)).toEqual(answers.slice(9));
      expect(made).toBe(9);
      await Promise.all(callsOf(source));
      expect(made).toBe(18);
    });
  });

  it('shares a refusal, and asks again after it', async () => {
    const clock = new VirtualClock(0);
    const world = new SimulatedRegions(clock, () => 10);
    let made = 0;
    world.inject('list', () => {
      made++;
      throw new RefusedError({ code: 'THROTTLED' });
    });
    const source = sharing(world);
    await clock.run(async () => {
      const asked = await Promise.allSettled([source.list(US), source.list(US)]);
      expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect(made).toBe(1);
      await expect(source.list(US)).rejects.toThrow(RefusedError);
      expect(made).toBe(2);
    });
  });
});
