import { describe, expect, it } from 'vitest';
import { SimulatedAccessMemory } from '../../functions/adapters/sim/access-memory.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { SimulatedSecrets } from '../../functions/adapters/sim/simulated-secrets.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { considerate } from '../../functions/app/considerate.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { US } from './simulated.ts';

const OTHER = {
  ...US,
  account: '222222222222',
  access: { roleArn: 'arn:aws:iam::222222222222:role/recohere-read' },
};
const HOUR = 3_600_000;

type Part = Parameters<ReturnType<typeof considerate>['functions']>[1];

function system(part: Part = 'sweep') {
  const clock = new VirtualClock(0);
  const world = new SimulatedRegions(clock, () => 10);
  const begun: number[] = [];
  world.inject('read', () => begun.push(clock.now() - 10));
  const said: string[] = [];
  const say = (message: string, { account }: Readonly<Record<string, string>>) =>
    said.push(`${account}: ${message}`);
  const ports = { memory: new SimulatedAccessMemory(clock, () => 5), clock };
  const { functions, secrets, probes, readUntil } = considerate(ports, { info: say, warn: say });
  return { clock, world, begun, said, source: functions(world, part), secrets, probes, readUntil };
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

describe('a considerate source of secrets', () => {
  it('reads once what several ask for at once, and nothing more when its time is over', async () => {
    const { clock, secrets, readUntil } = system();
    const world = new SimulatedSecrets(
      clock,
      () => 10,
      () => 0,
    );
    let calls = 0;
    for (const call of ['describe', 'hasVersion'] as const) world.inject(call, () => calls++);
    const source = secrets(world);
    await clock.run(async () => {
      world.create(US, 'prod/db', [], 'v1');
      await Promise.all([1, 2, 3].map(() => source.describe(US, 'prod/db')));
      await Promise.all([1, 2, 3].map(() => source.hasVersion(US, 'prod/db', 'v1')));
      expect(calls).toBe(2);
      readUntil(clock.now());
      await expect(source.describe(US, 'prod/db')).rejects.toMatchObject({
        refusal: { code: 'NOT_READ', call: 'secretsmanager:DescribeSecret' },
      });
      await expect(source.hasVersion(US, 'prod/db', 'v1')).rejects.toMatchObject({
        refusal: { code: 'NOT_READ', call: 'secretsmanager:ListSecretVersionIds' },
      });
      expect(calls).toBe(2);
    });
  });

  it('invokes a probe once for all who ask at once, and none when its time is over', async () => {
    const { clock, probes, readUntil } = system();
    let invoked = 0;
    const own = probes({
      async probe() {
        invoked++;
        await clock.sleep(10);
        return { versionId: 'v1' };
      },
    });
    await clock.run(async () => {
      await Promise.all([1, 2, 3].map(() => own.probe(US, 'api', 'prod/db')));
      expect(invoked).toBe(1);
      readUntil(clock.now());
      expect(await own.probe(US, 'api', 'prod/db')).toEqual({
        refusal: { code: 'NOT_READ', call: 'lambda:InvokeFunction' },
      });
      expect(invoked).toBe(1);
    });
  });

  it('leaves a role alone that refuses, whatever was asked for through it', async () => {
    const { clock, world, secrets, source, said } = system();
    const refuse = () => {
      throw new RefusedError({ code: 'ACCESS_DENIED', permission: 'sts:AssumeRole' });
    };
    world.inject('read', refuse);
    let asked = 0;
    const own = secrets({
      async describe() {
        asked++;
        return undefined;
      },
      hasVersion: async () => false,
    });
    await clock.run(async () => {
      await expect(source.read(OTHER, 'api')).rejects.toThrow(RefusedError);
      await expect(own.describe(OTHER, 'prod/db')).rejects.toMatchObject({
        refusal: { permission: 'sts:AssumeRole' },
      });
      expect(asked).toBe(0);
      expect(said).toHaveLength(1);
    });
  });
});
