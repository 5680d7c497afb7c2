import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedNudges } from '../../functions/adapters/sim/nudges.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { SimulatedTelemetry } from '../../functions/adapters/sim/telemetry.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { SimulatedWakes } from '../../functions/adapters/sim/wakes.ts';
import type { Concern } from '../../functions/app/hear.ts';
import { type VerifyPorts, verifyChange, verifyWake } from '../../functions/app/verify.ts';
import { type ParsedConfig, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import type { Change } from '../../functions/core/episode.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { fingerprintKey } from '../../functions/core/fingerprint.ts';
import { Sealed } from '../../functions/core/sealed.ts';
import { AP, EU, everywhere, sweepNow, US, withoutSecrets } from './simulated.ts';

const SECOND = 1000;
const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 5, 9);
const ALL: Concern = { kind: 'all' };

function configOf(config: Partial<RecohereConfig> = {}): ParsedConfig {
  const parsed = parseConfig({
    hub: { region: 'us-east-1' },
    replicas: [US, EU, AP],
    functions: [{ select: { name: '*' } }],
    ...config,
  });
  if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
  return parsed.config;
}

/** A world whose functions have agreed for a day, and all that looks at it. */
function system(config = configOf()) {
  const clock = new VirtualClock(START);
  const world = new SimulatedRegions(clock, () => 20);
  const ledger = new SimulatedLedger();
  const telemetry = new SimulatedTelemetry();
  const wakes = new SimulatedWakes(clock, (wake) => verifyWake(ports, config, wake));
  const ports: VerifyPorts = {
    source: world,
    clock,
    ledger,
    wakes,
    nudges: new SimulatedNudges(),
    telemetry,
    random: new SeededRandom(1, 'delays'),
    key: fingerprintKey('k1', new Uint8Array(32).fill(7)),
  };
  return {
    clock,
    world,
    ledger,
    telemetry,
    ports,
    hear: (id: string, concern: Concern = ALL, at = clock.now()) => {
      const change: Change = { id, source: 'test', at };
      return verifyChange(ports, config, change, concern);
    },
    sweep: () => sweepNow(withoutSecrets(ports), config),
    drained: () => wakes.drained(),
    values: (metric: string) =>
      telemetry.samples.filter((sample) => sample.metric === metric).map(({ value }) => value),
    /** Runs work from a day after everything was deployed with `A=1`, and a sweep has seen that it agrees. */
    run: (work: () => Promise<void>) =>
      clock.run(async () => {
        everywhere((place) => {
          for (const name of ['api', 'job']) world.deploy(place, name, { environment: { A: '1' } });
        });
        await clock.sleep(24 * 60 * MINUTE);
        await sweepNow(withoutSecrets(ports), config);
        await work();
      }),
  };
}

let it1: ReturnType<typeof system>;
beforeEach(() => {
  it1 = system();
});

describe('a deploy in waves', () => {
  it('that never reaches a region is written no more once it rests', async () => {
    const { clock, world, run, hear, drained, sweep, ledger } = it1;
    await run(async () => {
      world.deploy(EU, 'api', { environment: { A: '2' } });
      await hear('deploy 14');
      await drained();
      await clock.sleep(10 * MINUTE);
      await sweep();
      const before = await ledger.read('api');
      for (let sweeps = 0; sweeps < 5; sweeps++) {
        await clock.sleep(5 * MINUTE);
        await sweep();
      }
      expect(before.open?.isOverdue).toBe(true);
      expect(await ledger.read('api')).toEqual(before);
    });
  });

  it('is one episode, told by wake-ups, with the times of the field', async () => {
    const { clock, world, run, hear, drained, ledger, values } = it1;
    await run(async () => {
      for (const [wave, place] of [US, EU, AP].entries()) {
        world.deploy(place, 'api', { environment: { A: '2' } });
        await clock.sleep(3 * SECOND);
        await hear('deploy 7', { kind: 'functions', names: ['api'], ...place, account: '111111111111' });
        if (wave < 2) await clock.sleep(30 * SECOND);
      }
      await drained();
    });
    const [episode, ...others] = await ledger.history('api', 10);
    expect(others).toEqual([]);
    expect(episode).toMatchObject({ outcome: 'forward', cause: { id: 'deploy 7' }, wasOverdue: false });
    expect(values('ConvergenceTime')).toEqual([episode?.convergenceMs]);
    expect(values('ExposureTime')).toEqual([episode?.exposureMs]);
    expect(episode?.exposureMs).toBeGreaterThan(60 * SECOND);
    expect(values('PartialDeployCount').filter((value) => value > 0)).toEqual([]);
    expect((await ledger.read('job')).version).toBe(1); // nothing was written of what did not move
  });

  it('that never reaches a region is overdue at its deadline, named, and found by the sweep after wake-ups end', async () => {
    const { clock, world, run, hear, sweep, drained, ledger, values } = it1;
    await run(async () => {
      for (const place of [US, EU]) world.deploy(place, 'api', { environment: { A: '2' } });
      await hear('deploy 8');
      await drained();
      await clock.sleep(MINUTE);
      await sweep();
    });
    const { open } = await ledger.read('api');
    expect(open).toMatchObject({ isOverdue: true, findings: [{ replica: 'ap-southeast-2', keys: ['A'] }] });
    expect(values('PartialDeployCount').filter((value) => value > 0)).toEqual([1]);
    expect(
      [values('EpisodesOpen'), values('EpisodesStalled'), values('ConfigDriftCount')].map((each) =>
        each.at(-1),
      ),
    ).toEqual([1, 1, 1]);
  });

  it('is one episode for events that come five times, out of order and at once', async () => {
    const { clock, world, run, hear, drained, ledger, values } = it1;
    await run(async () => {
      const began = clock.now();
      for (const place of [US, EU]) world.deploy(place, 'api', { environment: { A: '2' } });
      const times = [3, 1, 4, 2, 0, 4, 3, 2, 1, 0];
      await Promise.all(times.map((second) => hear(`event ${second}`, ALL, began + second * SECOND)));
      world.deploy(AP, 'api', { environment: { A: '2' } });
      await drained();
    });
    expect(await ledger.history('api', 10)).toHaveLength(1);
    expect(values('TimeToDetect')).toHaveLength(1);
    expect(values('ConvergenceTime')).toHaveLength(1);
  });
});

describe('a change', () => {
  it('that moves nothing opens nothing and writes nothing', async () => {
    const { run, hear, drained, ledger, telemetry } = it1;
    await run(async () => {
      const before = telemetry.samples.length;
      await hear('stack event');
      await drained();
      expect(telemetry.samples.length).toBe(before);
    });
    expect((await ledger.read('api')).version).toBe(1);
  });

  it('that is taken back is rolled back, and publishes no convergence', async () => {
    const { clock, world, run, hear, drained, ledger, values } = it1;
    await run(async () => {
      world.deploy(US, 'api', { environment: { A: '2' } });
      await hear('deploy 9');
      await clock.sleep(SECOND);
      world.deploy(US, 'api', { environment: { A: '1' } });
      await drained();
    });
    expect((await ledger.history('api', 10)).map(({ outcome }) => outcome)).toEqual(['rolled-back']);
    expect(values('ConvergenceTime')).toEqual([]);
    expect(values('RollbackCount').filter((value) => value > 0)).toEqual([1]);
  });

  it('that no event told is found by the sweep, with the time of the movement as its cause', async () => {
    const { clock, world, run, sweep, ledger } = it1;
    await run(async () => {
      const moved = clock.now();
      world.deploy(EU, 'api', { environment: { A: '2' } });
      await clock.sleep(4 * MINUTE);
      await sweep();
      const { open } = await ledger.read('api');
      expect(open?.cause.at).toBe(moved);
      expect((open?.firstSeenAt ?? 0) - moved).toBe(4 * MINUTE);
    });
  });

  it('concerns the subjects of a stack or a resource, and asks for tags only where a name does not say it', async () => {
    const config = configOf({ functions: [{ select: { name: '*' }, identity: 'stack+logicalId' }] });
    const { clock, world, ports, ledger } = system(config);
    const tags = { 'aws:cloudformation:stack-name': 'shop', 'aws:cloudformation:logical-id': 'Api' };
    const place = { ...EU, account: '111111111111' };
    await clock.run(async () => {
      everywhere(({ region }) =>
        world.deploy({ region }, `shop-Api-${region}`, { tags, environment: { A: '1' } }),
      );
      await clock.sleep(60 * MINUTE);
      await sweepNow(withoutSecrets(ports), config);
      for (const concern of [
        { kind: 'resource', stack: 'shop', logicalId: 'Api', name: 'shop-Api-eu-west-1', ...place },
        { kind: 'stack', stack: 'shop', ...place },
        { kind: 'functions', names: ['shop-Api-eu-west-1'], ...place },
      ] as const) {
        const before = (await ledger.read('shop/Api')).version;
        world.deploy(EU, 'shop-Api-eu-west-1', { environment: { A: `v${before}` } });
        await verifyChange(ports, config, { id: concern.kind, source: 'test', at: clock.now() }, concern);
        expect((await ledger.read('shop/Api')).version, concern.kind).toBe(before + 1);
      }
    });
  });

  it.each([
    { retryable: false, outcome: 'is left to the sweep' },
    { retryable: true, outcome: 'is tried again' },
  ])('of a place that refuses its tags $outcome', async ({ retryable }) => {
    const config = configOf({ functions: [{ select: { name: '*' }, identity: 'stack+logicalId' }] });
    const { clock, world, ports, telemetry } = system(config);
    world.inject('tagged', () => {
      throw new RefusedError({ code: retryable ? 'THROTTLED' : 'ACCESS_DENIED' }, { retryable });
    });
    await clock.run(async () => {
      const concern = { kind: 'stack', stack: 'shop', ...EU, account: '111111111111' } as const;
      const verified = verifyChange(ports, config, { id: 'd', source: 'test', at: clock.now() }, concern);
      if (retryable) await expect(verified).rejects.toThrow(RefusedError);
      else await verified;
      expect(telemetry.samples).toEqual([]);
    });
  });

  it.each([
    { select: { name: 'checkout-*' }, reason: 'by its name' },
    { select: { stack: 'checkout' }, reason: 'by its stack' },
  ])('of functions that are not watched, $reason, reads nothing of them', async ({ select }) => {
    const config = configOf({ functions: [{ select, identity: 'stack+logicalId' }] });
    const { clock, world, ports } = system(config);
    const read: string[] = [];
    for (const call of ['list', 'read'] as const) world.inject(call, () => read.push(call));
    await clock.run(async () => {
      for (let id = 0; id < 20; id++) {
        const tags = { 'aws:cloudformation:stack-name': 'shop', 'aws:cloudformation:logical-id': `F${id}` };
        world.deploy(EU, `shop-F${id}`, { tags });
      }
      const concern = { kind: 'stack', stack: 'shop', ...EU, account: '111111111111' } as const;
      await verifyChange(ports, config, { id: 'd', source: 'test', at: clock.now() }, concern);
    });
    expect(read).toEqual([]);
  });

  it('of a place that is not watched concerns nobody', async () => {
    const { run, hear, telemetry } = it1;
    await run(async () => {
      const before = telemetry.samples.length;
      await hear('d', { kind: 'functions', names: ['api'], region: 'us-west-2', account: '111111111111' });
      expect(telemetry.samples.length).toBe(before);
    });
  });
});

describe('a deploy that expects code', () => {
  const expects = (code: string, ...names: string[]): Concern => ({
    kind: 'subjects',
    names,
    code: new Sealed(code),
  });
  const shaOf = (code: string) => createHash('sha256').update(code).digest('base64');

  it('that is nowhere opens an episode, though nothing moved; one that is everywhere opens none', async () => {
    const { clock, world, run, hear, sweep, drained, ledger, values } = it1;
    await run(async () => {
      everywhere((place) => {
        for (const name of ['api', 'job']) world.deploy(place, name, { code: 'wrong' });
      });
      await sweep();
      await clock.sleep(SECOND);
      await hear('r-1', expects(shaOf('right'), 'api'));
      await hear('r-2', expects(shaOf('wrong'), 'job'));
      expect((await ledger.read('api')).open).toMatchObject({
        cause: { id: 'r-1' },
        findings: ['us-east-1', 'eu-west-1', 'ap-southeast-2'].map((replica) => ({
          replica,
          kind: 'unexpected',
          keys: ['CodeSha256'],
        })),
      });
      expect((await ledger.read('job')).open).toBeUndefined();
      await hear('a pipeline ends');
      expect((await ledger.read('api')).open).toBeDefined();
      await drained();
      await clock.sleep(MINUTE);
      await sweep();
      expect(['EpisodesStalled', 'ConfigDriftCount'].map((metric) => values(metric).at(-1))).toEqual([1, 3]);
      everywhere((place) => world.deploy(place, 'api', { code: 'right' }));
      await sweep();
    });
    const { open, last } = await ledger.read('api');
    expect(open).toBeUndefined();
    expect(last).toMatchObject({ cause: { id: 'r-1' }, outcome: 'forward' });
  });

  it.each([
    { code: { tag: 'build' }, key: 'build', reason: 'a tag' },
    { code: { variable: 'BUILD' }, key: 'BUILD', reason: 'a variable' },
  ] as const)('by $reason is found by it, and its value is kept nowhere', async ({ code, key }) => {
    const config = configOf({ functions: [{ select: { name: '*' }, code }] });
    const { clock, world, run, ports, ledger, drained } = system(config);
    const deploy = (id: string) =>
      everywhere((place) =>
        world.deploy(place, 'api', { tags: { build: id }, environment: { A: '1', BUILD: id } }),
      );
    const finished = (wanted: string) => {
      const change: Change = { id: wanted.replace('hunter', 'deploy'), source: 'test', at: clock.now() };
      return verifyChange(ports, config, change, expects(wanted, 'api'));
    };
    await run(async () => {
      deploy('hunter1');
      await sweepNow(withoutSecrets(ports), config);
      await clock.sleep(SECOND);
      await finished('hunter2');
      const { open } = await ledger.read('api');
      expect(open?.findings).toMatchObject([{ keys: [key] }, { keys: [key] }, { keys: [key] }]);
      expect(JSON.stringify(ledger.stored('api'))).not.toContain('hunter');
      deploy('hunter2');
      await drained();
      await finished('hunter2');
    });
    expect(await ledger.read('api')).toMatchObject({
      last: { cause: { id: 'deploy2' }, outcome: 'forward' },
      asked: { isMet: true },
    });
    expect(JSON.stringify([ledger.stored('api'), await ledger.history('api', 9)])).not.toContain('hunter');
  });

  it('says nothing where code is not compared', async () => {
    const config = configOf({ functions: [{ select: { name: '*' }, code: 'off' }] });
    const { run, clock, ports, ledger } = system(config);
    await run(async () => {
      const change: Change = { id: 'r-1', source: 'test', at: clock.now() };
      await verifyChange(ports, config, change, expects('x', 'api'));
    });
    expect((await ledger.read('api')).version).toBe(1);
  });

  it('is ended by a later change of one of its functions', async () => {
    const { clock, run, hear, ledger } = it1;
    await run(async () => {
      await hear('r-1', expects('x', 'api'));
      await clock.sleep(SECOND);
      await hear('by hand', { kind: 'functions', names: ['api'], ...EU, account: '111111111111' });
    });
    expect(await ledger.read('api')).toMatchObject({
      last: { cause: { id: 'r-1' } },
      asked: { isMet: true },
    });
    expect((await ledger.read('api')).open).toBeUndefined();
  });

  it('heard five times at once, among other events, is one episode', async () => {
    const { clock, run, hear, ledger, values } = it1;
    await run(async () => {
      const at = clock.now();
      const older: Concern = { kind: 'functions', names: ['api'], ...EU, account: '111111111111' };
      await Promise.all([
        ...Array.from({ length: 5 }, () => hear('r-1', expects('x', 'api'), at)),
        hear('cloudtrail', older, at - MINUTE),
        hear('pipeline', ALL, at + 1),
      ]);
      expect((await ledger.read('api')).open?.cause.id).toBe('r-1');
    });
    expect(values('TimeToDetect')).toHaveLength(1);
  });

  it('of a subject that no place shows is tried again while one cannot be read, and else says nothing', async () => {
    const { world, run, hear, ledger } = it1;
    let refuses = true;
    world.inject('read', ({ region }) => {
      if (refuses && region === EU.region) throw new RefusedError({ code: 'REGION_UNREACHABLE' });
    });
    await run(async () => {
      await expect(hear('r-1', expects('x', 'gone', 'api'))).rejects.toMatchObject({
        code: 'REGION_UNREACHABLE',
        retryable: true,
      });
      expect((await ledger.read('api')).open).toBeDefined(); // what two places show is told all the same
      await hear('r-1', { kind: 'subjects', names: ['gone'] });
      refuses = false;
      await hear('r-1', expects('x', 'gone', 'api'));
    });
    expect((await ledger.read('gone')).version).toBe(0);
  });
});

describe('the gauges', () => {
  const GAUGES = ['EpisodesOpen', 'EpisodesStalled', 'ConfigDriftCount', 'PartialDeployCount'];

  /** After two regions have been changed, the deadline has passed, and a sweep has told; in which nothing is read, if it is blind. */
  async function gaugesOf(
    config: ParsedConfig,
    change: { code?: string; environment?: Record<string, string> },
    isBlind = false,
  ) {
    const { clock, world, run, hear, sweep, drained, ledger, values } = system(config);
    await run(async () => {
      for (const place of [US, EU]) world.deploy(place, 'api', change);
      await hear('deploy');
      await drained();
      await clock.sleep(MINUTE);
      world.inject('list', () => {
        if (isBlind) throw new RefusedError({ code: 'THROTTLED' });
      });
      await sweep();
      isBlind = false;
      expect((await ledger.read('api')).open?.isOverdue).toBe(true);
      world.deploy(AP, 'api', change);
      await sweep();
    });
    expect(values('ConvergenceTime')).toHaveLength(1);
    const [open, stalled, drift] = GAUGES.map((metric) => values(metric).at(-2));
    return {
      open,
      stalled,
      drift,
      partial: values('PartialDeployCount').reduce((sum, value) => sum + value, 0),
    };
  }
  const ENV = { environment: { A: '2' } };
  const group = (change: Partial<NonNullable<RecohereConfig['functions']>[number]>) => ({
    select: { name: '*' },
    ...change,
  });
  const QUIET = { open: 1, stalled: 0, drift: 0, partial: 0 };
  const LOUD = { open: 1, stalled: 1, drift: 1, partial: 1 };

  it.each<{
    reason: string;
    config?: Partial<RecohereConfig>;
    change?: Parameters<typeof gaugesOf>[1];
    isBlind?: boolean;
    gauges: object;
  }>([
    { reason: 'env alarms', gauges: LOUD },
    { reason: 'code is only reported', change: { code: 'x' }, gauges: QUIET },
    {
      reason: 'code alarms where that is asked for',
      config: { functions: [group({ alarmOn: ['code'] })] },
      change: { code: 'x' },
      gauges: LOUD,
    },
    { reason: 'all is only learnt', config: { mode: 'learn' }, gauges: QUIET },
    { reason: 'its group is only learnt', config: { functions: [group({ mode: 'learn' })] }, gauges: QUIET },
    {
      reason: 'its group alarms where all else is learnt',
      config: { mode: 'learn', functions: [group({ mode: 'alert' })] },
      gauges: LOUD,
    },
    { reason: 'what cannot be seen is counted', isBlind: true, gauges: LOUD },
    {
      reason: 'what cannot be seen is of the group in which it was last seen',
      config: { functions: [group({ mode: 'learn' }), group({ select: { name: 'other' } })] },
      isBlind: true,
      gauges: QUIET,
    },
    {
      reason: 'what cannot be seen is not counted where all is only learnt',
      config: { mode: 'learn' },
      isBlind: true,
      gauges: QUIET,
    },
    {
      reason: 'what cannot be seen has no facet that alarms',
      change: { code: 'x' },
      isBlind: true,
      gauges: QUIET,
    },
  ])('are $gauges when $reason', async ({ config, change = ENV, isBlind, gauges }) => {
    expect(await gaugesOf(configOf(config), change, isBlind)).toEqual(gauges);
  });
});

describe('another config', () => {
  it.each([
    { rules: { ignore: ['A'] }, reason: 'leaves a key out' },
    { rules: { code: { variable: 'A' } }, reason: 'compares code in another way' },
    { rules: { qualifier: 'live' }, reason: 'looks at an alias' },
  ])('that $reason is no movement, and what moves after it is', async ({ rules }) => {
    const { clock, world, ports, run, ledger, values } = it1;
    const config = configOf({ functions: [{ select: { name: '*' }, ...rules }] });
    const release = (environment: Record<string, string>) =>
      everywhere((place) => {
        world.deploy(place, 'api', { environment });
        world.point(place, 'api', 'live', { version: world.publish(place, 'api'), weighted: false });
      });
    await run(async () => {
      release({ A: '1' });
      await sweepNow(withoutSecrets(ports), config);
      expect((await ledger.read('api')).last).toBeUndefined();
      await clock.sleep(MINUTE);
      release({ A: '1', B: '2' });
      await clock.sleep(MINUTE);
      await sweepNow(withoutSecrets(ports), config);
      expect((await ledger.read('api')).last?.outcome).toBe('forward');
      expect(values('ConvergenceTime')).toHaveLength(1);
    });
  });
});

describe('what is gone', () => {
  it('retires its episode; what could not be read does not', async () => {
    const { world, run, hear, sweep, ledger } = it1;
    await run(async () => {
      world.deploy(US, 'api', { environment: { A: '2' } });
      await hear('deploy 10');
      everywhere((place) => world.remove(place, 'api'));
      let refuses = true;
      world.inject('list', () => {
        if (refuses) throw new RefusedError({ code: 'THROTTLED' });
      });
      await sweep();
      expect((await ledger.read('api')).open).toBeDefined();
      refuses = false;
      await sweep();
    });
    expect((await ledger.history('api', 1))[0]?.outcome).toBe('retired');
  });
});

describe('a sweep that reads nothing', () => {
  it('gives no clean bill: what was open stays in the gauges, and unread places are counted', async () => {
    const { clock, world, run, hear, sweep, drained, values } = it1;
    await run(async () => {
      for (const place of [US, EU]) world.deploy(place, 'api', { environment: { A: '2' } });
      await hear('deploy 13');
      await drained();
      await clock.sleep(MINUTE);
      world.inject('list', () => {
        throw new RefusedError({ code: 'THROTTLED' });
      });
      await sweep();
    });
    const last = ['EpisodesOpen', 'EpisodesStalled', 'ConfigDriftCount', 'UnobservableReplicas'].map(
      (metric) => values(metric).at(-1),
    );
    expect(last).toEqual([1, 1, 1, 3]);
  });

  it('of one subject is told when the others are done, and the heart beats on', async () => {
    const { world, run, sweep, ledger, values } = it1;
    await run(async () => {
      everywhere((place) => world.deploy(place, 'job', { environment: { A: '2' } }));
      ledger.inject('read', (subject) => {
        if (subject === 'api') throw new RefusedError({ code: 'THROTTLED' });
      });
      const before = values('SweepHeartbeat').length;
      await expect(sweep()).rejects.toThrow('1 things of a sweep failed');
      expect(values('SweepHeartbeat')).toHaveLength(before + 1);
      expect(await ledger.history('job', 1)).toHaveLength(1);
    });
  });
});

describe('what fails after the swap', () => {
  it('loses no metric, and history is written with the next episode', async () => {
    const { world, run, hear, ledger, values } = it1;
    let refuses = true;
    ledger.inject('record', () => {
      if (refuses) throw new RefusedError({ code: 'THROTTLED' });
    });
    await run(async () => {
      everywhere((place) => world.deploy(place, 'api', { environment: { A: '2' } }));
      await expect(hear('deploy 14')).rejects.toThrow();
      expect(values('ConvergenceTime')).toHaveLength(1);
      refuses = false;
      everywhere((place) => world.deploy(place, 'api', { environment: { A: '3' } }));
      await hear('deploy 15');
    });
    expect(await ledger.history('api', 10)).toHaveLength(2);
  });
});

describe('a look at single subjects', () => {
  it('retires nothing: only a sweep knows what is gone', async () => {
    const config = configOf({ functions: [{ select: { name: '*' }, identity: { tag: 'service' } }] });
    const { clock, world, ports, ledger, drained } = system(config);
    await clock.run(async () => {
      everywhere((place) =>
        world.deploy(place, 'untagged', { environment: { A: place === EU ? '1' : '2' } }),
      );
      await clock.sleep(60 * MINUTE);
      await sweepNow(withoutSecrets(ports), config);
      await drained();
    });
    expect((await ledger.read('untagged')).open).toBeDefined();
  });
});

describe('a wake-up', () => {
  it('that is stale is dropped without a look', async () => {
    const { clock, world, run, hear, ports, ledger } = it1;
    await run(async () => {
      world.deploy(US, 'api', { environment: { A: '2' } });
      await hear('deploy 11');
      const before = await ledger.read('api');
      await clock.sleep(SECOND / 2);
      await verifyWake(ports, configOf(), { subject: 'api', wake: before.wake - 1 });
      expect(await ledger.read('api')).toEqual(before);
    });
  });
});

describe('a wake-up of what is nowhere', () => {
  it('is the last: a sweep ends it', async () => {
    const { world, run, hear, drained, sweep, ports, ledger } = it1;
    await run(async () => {
      world.deploy(US, 'api', { environment: { A: '2' } });
      await hear('deploy 12');
      everywhere((place) => world.remove(place, 'api'));
      const { wake } = await ledger.read('api');
      await verifyWake(ports, configOf(), { subject: 'api', wake });
      expect(await ledger.read('api')).toMatchObject({ wake, open: { looks: 1 } });
      await drained();
      await sweep();
    });
    expect(await ledger.read('api')).toMatchObject({ last: { outcome: 'retired' } });
  });
});

describe('a look that can read no region', () => {
  it('is followed by others while the episode moves, for five minutes, and the one that can read it ends it', async () => {
    const { clock, world, run, hear, drained, ledger } = it1;
    let refuses = false;
    let refused = 0;
    world.inject('read', () => {
      if (!refuses) return;
      refused++;
      throw new RefusedError({ code: 'REGION_UNREACHABLE' });
    });
    await run(async () => {
      world.deploy(US, 'api', { environment: { A: '2' } });
      await hear('deploy 13');
      refuses = true;
      await clock.sleep(MINUTE);
      for (const place of [EU, AP]) world.deploy(place, 'api', { environment: { A: '2' } });
      refuses = false;
      await drained();
      expect(await ledger.read('api')).toMatchObject({
        last: { outcome: 'forward', convergenceMs: expect.any(Number) },
      });
      world.deploy(US, 'job', { environment: { A: '2' } });
      await hear('deploy 14');
      refuses = true;
      refused = 0;
      await drained();
    });
    expect((await ledger.read('job')).open).toBeDefined();
    expect(refused / 3).toBeGreaterThan(5);
    expect(refused / 3).toBeLessThan(20);
  });
});

describe('two handlers at once', () => {
  it('on one subject: one wins, the other reads again, and the metrics are published once', async () => {
    const { world, run, hear, ledger, values } = it1;
    await run(async () => {
      everywhere((place) => world.deploy(place, 'api', { environment: { A: '2' } }));
      await Promise.all(Array.from({ length: 4 }, () => hear('deploy 12')));
    });
    expect((await ledger.read('api')).version).toBe(2);
    expect(await ledger.history('api', 10)).toHaveLength(1);
    expect(values('ConvergenceTime')).toHaveLength(1);
  });
});
