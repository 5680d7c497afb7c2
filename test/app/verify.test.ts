import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { SimulatedTelemetry } from '../../functions/adapters/sim/telemetry.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { SimulatedWakes } from '../../functions/adapters/sim/wakes.ts';
import type { Concern } from '../../functions/app/hear.ts';
import { sweep, type VerifyPorts, verifyChange, verifyWake } from '../../functions/app/verify.ts';
import { type ParsedConfig, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import type { Change } from '../../functions/core/episode.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { fingerprintKey } from '../../functions/core/fingerprint.ts';
import { AP, EU, everywhere, US } from './simulated.ts';

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
    sweep: () => sweep(ports, config),
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
        await sweep(ports, config);
        await work();
      }),
  };
}

let it1: ReturnType<typeof system>;
beforeEach(() => {
  it1 = system();
});

describe('a deploy in waves', () => {
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
      await sweep(ports, config);
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

  it('of a place that is not watched concerns nobody', async () => {
    const { run, hear, telemetry } = it1;
    await run(async () => {
      const before = telemetry.samples.length;
      await hear('d', { kind: 'functions', names: ['api'], region: 'us-west-2', account: '111111111111' });
      expect(telemetry.samples.length).toBe(before);
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

  it('of one subject is told when the others are done, and has no heartbeat', async () => {
    const { world, run, sweep, ledger, values } = it1;
    await run(async () => {
      everywhere((place) => world.deploy(place, 'job', { environment: { A: '2' } }));
      ledger.inject('read', (subject) => {
        if (subject === 'api') throw new RefusedError({ code: 'THROTTLED' });
      });
      const before = values('SweepHeartbeat').length;
      await expect(sweep()).rejects.toThrow('1 subjects could not be taken');
      expect(values('SweepHeartbeat')).toHaveLength(before);
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
      await sweep(ports, config);
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
