import { describe, expect, it } from 'vitest';
import { SimulatedAccessMemory } from '../../functions/adapters/sim/access-memory.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { considerate } from '../../functions/app/considerate.ts';
import type { Part } from '../../functions/contract/deployment.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { US } from './simulated.ts';

const OTHER = {
  ...US,
  account: '222222222222',
  access: { roleArn: 'arn:aws:iam::222222222222:role/recohere-read' },
};
const HOUR = 3_600_000;

function system(part: Part = 'sweep') {
  const clock = new VirtualClock(0);
  const world = new SimulatedRegions(clock, () => 10);
  const begun: number[] = [];
  world.inject('read', () => begun.push(clock.now() - 10));
  const said: string[] = [];
  const say = (message: string, { account }: Readonly<Record<string, string>>) =>
    said.push(`${account}: ${message}`);
  const ports = { source: world, memory: new SimulatedAccessMemory(clock, () => 5), clock };
  return { clock, world, begun, said, ...considerate(ports, part, { info: say, warn: say }) };
}

describe('a considerate source', () => {
  it('keeps one pace for all looks, and reads once what several ask for', async () => {
    const startsOf = async (part: Part) => {
      const { clock, begun, source } = system(part);
      const look = () => Promise.all(['a', 'b', 'c'].map((name) => source.read(US, name)));
      await clock.run(() => Promise.all([look(), look(), look()]));
      return begun;
    };
    // two copies of verify-deploy and one sweep begin three calls a second
    expect(await startsOf('verify-deploy')).toEqual([0, 2000, 4000]);
    expect(await startsOf('sweep')).toEqual([0, 0, 1000]);
  });

  it('reads nothing more when its time is over, and reads again when it has more', async () => {
    const { clock, begun, source, readUntil } = system();
    await clock.run(async () => {
      readUntil(1500);
      const reads = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => source.read(US, name));
      const outcomes = await Promise.allSettled(reads);
      expect(outcomes.map(({ status }) => status)).toEqual([
        ...Array(4).fill('fulfilled'),
        'rejected',
        'rejected',
      ]);
      await expect(reads[5]).rejects.toMatchObject({ refusal: { code: 'NOT_READ' } });
      readUntil(60_000);
      await source.read(US, 'e');
      expect(begun).toHaveLength(5);
    });
  });

  it('says once that a role refuses, and once that it does not any more', async () => {
    const { clock, world, said, source } = system();
    let refuses = true;
    let asked = 0;
    world.inject('list', () => {
      asked++;
      if (refuses) throw new RefusedError({ code: 'ACCESS_DENIED', permission: 'sts:AssumeRole' });
    });
    await clock.run(async () => {
      for (let minute = 0; minute < 60; minute += 5) {
        await expect(source.list(OTHER)).rejects.toThrow(RefusedError);
        await clock.sleep(5 * 60_000);
      }
      expect(asked).toBeLessThan(6);
      refuses = false;
      await clock.sleep(24 * HOUR);
      await source.list(OTHER);
    });
    expect(said).toEqual([
      '222222222222: the read role of an account refuses the hub; it is asked again later',
      '222222222222: the read role of an account can be assumed again',
    ]);
  });
});
