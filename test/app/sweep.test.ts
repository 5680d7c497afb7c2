import { describe, expect, it } from 'vitest';
import { SimulatedAccessMemory } from '../../functions/adapters/sim/access-memory.ts';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedNudges } from '../../functions/adapters/sim/nudges.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedConsumers } from '../../functions/adapters/sim/simulated-consumers.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { SimulatedSecrets } from '../../functions/adapters/sim/simulated-secrets.ts';
import { SimulatedSweepLedger } from '../../functions/adapters/sim/sweep-ledger.ts';
import { SimulatedTelemetry } from '../../functions/adapters/sim/telemetry.ts';
import { SimulatedTurns } from '../../functions/adapters/sim/turns.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { SimulatedWakes } from '../../functions/adapters/sim/wakes.ts';
import { considerate } from '../../functions/app/considerate.ts';
import { overview, wholeOverview } from '../../functions/app/overview.ts';
import { silence } from '../../functions/app/silence.ts';
import { type SweepPorts, sweep } from '../../functions/app/sweep.ts';
import { verifyWake } from '../../functions/app/verify.ts';
import { type ParsedConfig, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import type { MetricName } from '../../functions/contract/metrics.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { fingerprintKey } from '../../functions/core/fingerprint.ts';
import type { Clock } from '../../functions/ports/clock.ts';
import { AP, EU, PLACES, US } from './simulated.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 0, 5, 9);
/** As the function lives at most, and what it keeps of that to write. */
const LIFE = 270 * SECOND;
const TO_WRITE = 30 * SECOND;

function configOf(config: Partial<RecohereConfig> = {}): ParsedConfig {
  const parsed = parseConfig({
    hub: { region: 'us-east-1' },
    replicas: PLACES,
    functions: [{ select: { name: '*' } }],
    ...config,
  });
  if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
  return parsed.config;
}

/** A world, and sweeps over it as the deployed function makes them: with its pace, its time, and what its process remembers. */
function system({
  config = configOf(),
  names = ['api', 'job'],
}: {
  config?: ParsedConfig;
  names?: readonly string[];
} = {}) {
  const time = new VirtualClock(START);
  let offset = 0;
  const clock: Clock = { now: () => time.now() + offset, sleep: (ms) => time.sleep(ms) };
  const world = new SimulatedRegions(clock, () => 20);
  const secrets = new SimulatedSecrets(
    clock,
    () => 20,
    () => SECOND,
  );
  const [ledger, secretsLedger] = [new SimulatedLedger(), new SimulatedLedger()];
  const telemetry = new SimulatedTelemetry();
  const nudges = new SimulatedNudges();
  const words: string[] = [];
  const say = (message: string) => words.push(message);
  const kind = considerate(
    { memory: new SimulatedAccessMemory(clock, () => 0), clock },
    { warn: say, info: say },
  );
  const shared = { clock, telemetry, nudges: kind.nudges(nudges), random: new SeededRandom(1, 'delays') };
  const wakes = new SimulatedWakes(clock, (wake) => verifyWake(ports, config, wake));
  const calls: string[] = [];
  for (const call of ['list', 'read', 'alias'] as const) {
    world.inject(call, (place, name) => calls.push([call, place.region, name].join(' ').trim()));
  }
  const probes = new SimulatedConsumers(
    clock,
    secrets,
    () => {},
    () => 0,
  );
  const ports: SweepPorts = {
    ...shared,
    wakes,
    source: kind.functions(world, 'sweep'),
    settled: kind.settled,
    ledger,
    key: fingerprintKey('k1', new Uint8Array(32).fill(7)),
    turns: new SimulatedTurns(clock),
    sweeps: new SimulatedSweepLedger(),
    rotation: { ...shared, wakes, secrets: kind.secrets(secrets), probes, ledger: secretsLedger },
  };
  const sweeping = (by = config) => {
    const overAt = clock.now() + LIFE;
    return sweep(ports, by, { until: overAt - TO_WRITE, overAt, readUntil: kind.readUntil });
  };
  const deploy = (environment: Record<string, string>, places = PLACES, which = names) => {
    for (const place of places) for (const name of which) world.deploy(place, name, { environment });
  };
  const known = () => {
    const ledgers = { function: ledger, secret: secretsLedger };
    const all = { clock, ledgers, sweeps: ports.sweeps, runs: async () => [] };
    return wholeOverview((after) => overview(all, config, { after }));
  };
  return {
    clock,
    time,
    world,
    secrets,
    ledger,
    secretsLedger,
    telemetry,
    nudges,
    words,
    kind,
    ports,
    calls,
    deploy,
    known,
    sweep: sweeping,
    drained: () => wakes.drained(),
    /** Sweeps as the schedule asks for them. */
    async sweepFor(ms: number, everyMs = 5 * MINUTE) {
      const ends: Awaited<ReturnType<typeof sweeping>>[] = [];
      for (const end = clock.now() + ms; clock.now() < end; ) {
        await time.sleep(everyMs - (time.now() % everyMs));
        ends.push(await sweeping());
      }
      return ends;
    },
    /** Puts the clock forward, or back. */
    jump(ms: number) {
      offset += ms;
    },
    values: (metric: MetricName) =>
      telemetry.samples.filter((sample) => sample.metric === metric).map(({ value }) => value),
    last: (metric: MetricName) => telemetry.samples.findLast((sample) => sample.metric === metric)?.value,
    /** From a day after all was deployed with `A=1`, and a sweep has seen that it agrees. */
    run: (work: () => Promise<void>) =>
      time.run(async () => {
        deploy({ A: '1' });
        await time.sleep(24 * HOUR);
        await sweeping();
        calls.length = 0;
        await work();
      }),
  };
}

describe('sweeps', () => {
  it('never overlap: who comes second looks at nothing', async () => {
    const { run, sweep, time, calls } = system();
    await run(async () => {
      await time.sleep(5 * MINUTE);
      const [first, second] = await Promise.all([sweep(), sweep()]);
      expect([first.what, second.what].toSorted()).toEqual(['busy', 'functions']);
      expect(calls.filter((call) => call.startsWith('list'))).toHaveLength(3);
    });
  });

  it('go on when the one before has died: its turn ends with its life', async () => {
    const { run, sweep, time, ports, values } = system();
    await run(async () => {
      await time.sleep(5 * MINUTE);
      await ports.turns.take('sweep', ports.clock.now() + LIFE); // and never ends it
      expect((await sweep()).what).toBe('busy');
      await time.sleep(5 * MINUTE);
      expect((await sweep()).what).toBe('functions');
      expect(values('SweepHeartbeat')).toHaveLength(2);
    });
  });

  it('end their turn when they fail', async () => {
    const { run, sweep, time, ports } = system();
    await run(async () => {
      await time.sleep(5 * MINUTE);
      const { sweeps } = ports;
      const read = sweeps.read.bind(sweeps);
      let isBroken = true;
      sweeps.read = async () => {
        if (isBroken) throw new RefusedError({ code: 'THROTTLED' });
        return read();
      };
      await expect(sweep()).rejects.toThrow('THROTTLED');
      isBroken = false;
      expect((await sweep()).what).toBe('functions');
    });
  });

  it('that a schedule repeats within the round look at nothing twice', async () => {
    const { run, sweep, time, calls } = system();
    await run(async () => {
      await time.sleep(MINUTE);
      expect((await sweep()).what).toBe('critical');
      expect(calls).toEqual([]);
    });
  });
});

describe('a sweep that cannot finish', () => {
  const names = Array.from({ length: 400 }, (_, id) => `function-${String(id).padStart(3, '0')}`);
  const config = configOf({ functions: [{ select: { name: '*' }, qualifier: 'live' }] });

  it('goes on where it stopped, calls nothing unreadable, and says so', async () => {
    const { time, world, sweepFor, deploy, known, last, values, calls, ledger } = system({ config, names });
    await time.run(async () => {
      deploy({ A: '1' });
      for (const place of PLACES) {
        for (const name of names) {
          world.point(place, name, 'live', { version: world.publish(place, name), weighted: false });
        }
      }
      await time.sleep(24 * HOUR);
      const [first, second] = await sweepFor(10 * MINUTE);
      expect(first?.left).toBeGreaterThan(50); // 800 calls a region at two a second
      expect(second?.left).toBeGreaterThan(0);
      expect(values('TelemetryCompleteness')[0]).toBeLessThan(80);
      expect(last('UnobservableReplicas')).toBe(0);
      expect((await known()).sweep?.left).toBe(second?.left);
      await sweepFor(10 * MINUTE);
      const asked = new Set(calls.filter((call) => call.startsWith('alias')));
      expect(asked.size).toBe(3 * names.length);
      for (const name of names) expect((await ledger.read(name)).agreed, name).toBeDefined();
      expect(last('EpisodesOpen')).toBe(0);
    });
  });

  it('ends in its life, whatever it has no time for', async () => {
    const many = Array.from({ length: 2_000 }, (_, id) => `function-${id}`);
    const { run, deploy, sweep, clock } = system({ names: many });
    await run(async () => {
      deploy({ A: '2' }, [EU]); // what has just been changed is read one by one
      await clock.sleep(5 * MINUTE);
      const startedAt = clock.now();
      expect((await sweep()).left).toBeGreaterThan(1_000);
      expect(clock.now() - startedAt).toBeLessThan(LIFE);
    });
  });

  it('finds in the next one a drift that it had no time for', async () => {
    const { time, world, sweepFor, deploy, ledger } = system({ config, names });
    await time.run(async () => {
      deploy({ A: '1' });
      const release = (name: string, places = PLACES) => {
        for (const place of places) {
          world.point(place, name, 'live', { version: world.publish(place, name), weighted: false });
        }
      };
      for (const name of names) release(name);
      await time.sleep(24 * HOUR);
      await sweepFor(20 * MINUTE);
      const last = names.at(-1) ?? '';
      deploy({ A: '2' }, [EU], [last]);
      release(last, [EU]);
      await sweepFor(15 * MINUTE);
      expect((await ledger.read(last)).open?.findings).toMatchObject([{ replica: 'eu-west-1', keys: ['A'] }]);
    });
  });
});

describe('critical subjects', () => {
  const config = configOf({
    functions: [
      { select: { name: 'batch-*' }, qualifier: 'live' },
      { select: { name: '*' }, critical: true, deadlineSeconds: 60 },
    ],
    secrets: [{ name: 'prod/db', critical: true }, { name: 'prod/mail' }],
  });
  const names = ['api', ...Array.from({ length: 300 }, (_, id) => `batch-${id}`)];

  it('are looked at every minute, whatever else has no time', async () => {
    const { time, world, secrets, sweepFor, deploy, ledger, secretsLedger, calls, values, last } = system({
      config,
      names,
    });
    for (const name of ['prod/db', 'prod/mail']) secrets.create(US, name, [EU, AP], 'v1');
    await time.run(async () => {
      deploy({ A: '1' });
      for (const place of PLACES) {
        for (const name of names.slice(1)) {
          world.point(place, name, 'live', { version: world.publish(place, name), weighted: false });
        }
      }
      await time.sleep(24 * HOUR);
      const ends = await sweepFor(30 * MINUTE, MINUTE);
      expect(ends.every(({ what }) => what !== 'busy')).toBe(true);
      expect(new Set(calls.filter((call) => call.startsWith('alias'))).size).toBe(3 * 300);
      calls.length = 0;
      deploy({ A: '2' }, [EU], ['api']);
      secrets.follow(AP, 'prod/db', 'stuck');
      secrets.rotate(US, 'prod/db', 'v2');
      secrets.rotate(US, 'prod/mail', 'v2');
      await sweepFor(2 * MINUTE, MINUTE);
      expect((await ledger.read('api')).open?.cause.source).toBe('look');
      expect((await secretsLedger.read('prod/db')).open).toBeDefined();
      expect((await secretsLedger.read('prod/mail')).open).toBeUndefined(); // its turn comes once an hour
      await sweepFor(3 * MINUTE, MINUTE);
      expect(last('CriticalStalled')).toBe(2);
      const drift = values('ConfigDriftCount').length;
      await sweepFor(4 * MINUTE, MINUTE);
      expect(values('ConfigDriftCount').length - drift).toBeLessThan(5); // gauges go with rounds
    });
  });

  it('that are too many for a minute are all looked at in turn, and so are all others', async () => {
    const critical = Array.from({ length: 120 }, (_, id) => `pay-${String(id).padStart(3, '0')}`);
    const groups = [
      { select: { name: 'pay-*' }, qualifier: 'live', critical: true },
      { select: { name: '*' }, qualifier: 'live' },
    ];
    const named = [...critical, 'other'];
    const { time, world, sweepFor, deploy, calls } = system({
      config: configOf({ functions: groups }),
      names: named,
    });
    await time.run(async () => {
      deploy({ A: '1' });
      for (const place of PLACES) {
        for (const name of named) {
          world.point(place, name, 'live', { version: world.publish(place, name), weighted: false });
        }
      }
      await time.sleep(24 * HOUR);
      await sweepFor(12 * MINUTE, MINUTE);
      expect(new Set(calls.filter((call) => call.startsWith('alias'))).size).toBe(3 * named.length);
    });
  });

  it('that are stalled stay so in the gauge while nothing can be read', async () => {
    const groups = [{ select: { name: '*' }, critical: true, deadlineSeconds: 60 }];
    const { run, world, sweepFor, deploy, values } = system({ config: configOf({ functions: groups }) });
    let isDown = false;
    world.inject('list', () => {
      if (isDown) throw new RefusedError({ code: 'REGION_UNREACHABLE' });
    });
    await run(async () => {
      deploy({ A: '2' }, [EU], ['api']);
      await sweepFor(5 * MINUTE, MINUTE);
      expect(values('CriticalStalled').at(-1)).toBe(1);
      const before = values('CriticalStalled').length;
      isDown = true;
      await sweepFor(12 * MINUTE, MINUTE);
      const since = values('CriticalStalled').slice(before);
      expect(since.length).toBeGreaterThan(0); // those of whole rounds, by what is remembered
      expect(new Set(since)).toEqual(new Set([1]));
    });
  });

  it('wait for a sweep that needs more than a minute to find all functions', async () => {
    const many = ['api', ...Array.from({ length: 9_000 }, (_, id) => `batch-${id}`)];
    const groups = [{ select: { name: 'api' }, critical: true }, { select: { name: '*' } }];
    const { time, sweepFor, deploy, ledger } = system({
      config: configOf({ functions: groups }),
      names: many,
    });
    await time.run(async () => {
      deploy({ A: '1' });
      await time.sleep(24 * HOUR);
      const ends = await sweepFor(5 * MINUTE, MINUTE); // 181 pages at two a second
      expect(ends.some(({ left }) => left === 0)).toBe(true);
      expect((await ledger.read('batch-8999')).agreed).toBeDefined();
      expect((await ledger.read('api')).agreed).toBeDefined();
    });
  });

  it('have a gauge only if there are any: each series is paid for', async () => {
    const { run, sweepFor, values } = system();
    await run(async () => {
      await sweepFor(5 * MINUTE);
      expect(values('CriticalStalled')).toEqual([]);
    });
  });
});

describe('a sweep that fails in part', () => {
  it('is told: that it could not ask for notices, nor remember how far it is, nor look at a secret', async () => {
    const config = configOf({ secrets: [{ name: 'prod/db' }] });
    const { run, ports, deploy, sweepFor, sweep, secrets, time, secretsLedger, values } = system({ config });
    secrets.create(US, 'prod/db', [EU, AP], 'v1');
    await run(async () => {
      deploy({ A: '2' }, [EU]);
      await sweepFor(5 * MINUTE);
      await time.sleep(5 * MINUTE);
      ports.nudges.nudge = async () => {
        throw new RefusedError({ code: 'ACCESS_DENIED' });
      };
      ports.sweeps.swap = async () => false;
      secretsLedger.inject('read', () => {
        throw new RefusedError({ code: 'THROTTLED' });
      });
      const error = await sweep().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(AggregateError);
      const codes = (error as AggregateError).errors.map(({ code }) => code);
      expect(codes).toEqual(expect.arrayContaining(['ACCESS_DENIED', 'CONTENDED', 'THROTTLED']));
      expect(values('SweepHeartbeat').length).toBeGreaterThan(2);
    });
  });

  it('lets nothing go on behind it: the other kind comes to its end first', async () => {
    const { run, ports, ledger, sweep, time, calls } = system();
    await run(async () => {
      await time.sleep(5 * MINUTE);
      const { rotation } = ports;
      rotation.ledger.subjects = async function* () {
        yield* [];
        throw new RefusedError({ code: 'THROTTLED' });
      };
      void ledger;
      await expect(sweep()).rejects.toMatchObject({ code: 'THROTTLED' });
      const asked = calls.length;
      await time.sleep(MINUTE);
      expect(calls).toHaveLength(asked);
      expect(asked).toBe(3);
    });
  });
});

it('a sweep that somebody asks for looks at all, due or not', async () => {
  const { run, ports, calls, clock } = system();
  await run(async () => {
    const overAt = clock.now() + LIFE;
    const { what } = await sweep(ports, configOf(), { until: overAt, overAt, readUntil: () => {} }, true);
    expect(what).toBe('all');
    expect(calls).toHaveLength(3);
  });
});

it('functions that are gone count in no gauge, and are new when they come back', async () => {
  const names = ['api', ...Array.from({ length: 9 }, (_, id) => `preview-${id}`)];
  const { run, world, deploy, sweepFor, last, ledger, known, values } = system({ names });
  await run(async () => {
    for (const place of PLACES) for (const name of names.slice(1)) world.remove(place, name);
    await sweepFor(5 * MINUTE);
    deploy({ A: '2' }, [EU], ['api']);
    await sweepFor(5 * MINUTE);
    expect(last('ExposureBurnRate')).toBe(100);
    expect((await known()).subjects.map(({ subject }) => subject)).toEqual(['api']);
    const lost = values('LostEventCount').filter((value) => value > 0).length;
    deploy({ A: '3' }, PLACES, ['preview-1']);
    await sweepFor(20 * MINUTE);
    expect(await ledger.read('preview-1')).toMatchObject({ agreed: { at: expect.any(Number) } });
    expect((await known()).subjects.map(({ subject }) => subject)).toEqual(['api', 'preview-1']);
    expect(values('LostEventCount').filter((value) => value > 0)).toHaveLength(lost + 1); // that of api
  });
});

it('where nothing can be read, what is known is what was expected', async () => {
  const { run, world, sweepFor, known, last } = system();
  await run(async () => {
    world.inject('list', () => {
      throw new RefusedError({ code: 'ACCESS_DENIED' });
    });
    await sweepFor(5 * MINUTE);
    expect((await known()).sweep).toMatchObject({ expected: 6, read: 0 });
    expect([last('TelemetryCompleteness'), last('UnobservableReplicas')]).toEqual([0, 3]);
  });
});

it('a secret that could not be looked at was not read', async () => {
  const config = configOf({ secrets: [{ name: 'prod/db' }] });
  const { run, sweepFor, secrets, known } = system({ config });
  secrets.create(US, 'prod/db', [EU, AP], 'v1');
  await run(async () => {
    await sweepFor(5 * MINUTE);
    secrets.inject('describe', () => {
      throw new Error('a defect');
    });
    const ends = await sweepFor(HOUR).catch((thrown: unknown) => thrown);
    expect(ends).toBeInstanceOf(AggregateError);
    expect((await known()).sweep).toMatchObject({ expected: 9, read: 6 });
  });
});

describe('whoever sends notices', () => {
  it.each([
    { mode: 'alert', times: 1, reason: 'a deadline passes' },
    { mode: 'learn', times: 0, reason: 'it is only learnt' },
  ] as const)('is asked $times times at once when $reason', async ({ mode, times }) => {
    const { run, deploy, sweepFor, drained, nudges } = system({ config: configOf({ mode }), names: ['api'] });
    await run(async () => {
      deploy({ A: '2' }, [EU]);
      await sweepFor(5 * MINUTE);
      expect(nudges.count).toBe(0);
      await drained(); // its own messages to look again
      expect(nudges.count).toBe(times);
    });
  });

  it('is asked by each sweep until a critical one is told, and a pause was asked for', async () => {
    const config = configOf({ functions: [{ select: { name: '*' }, critical: true }] });
    const { run, deploy, sweepFor, drained, nudges, ledger } = system({ config, names: ['api'] });
    await run(async () => {
      deploy({ A: '2' }, [EU]);
      await sweepFor(5 * MINUTE);
      await drained();
      const counts = [nudges.count];
      for (const mark of ['noticedAt', 'pausedAt'] as const) {
        const state = await ledger.read('api');
        const open = state.open && { ...state.open, [mark]: START };
        await ledger.swap({ ...state, version: state.version + 1, open });
        await sweepFor(SECOND); // one
        counts.push(nudges.count);
      }
      expect(counts).toEqual([1, 2, 2]);
    });
  });
});

describe('what a sweep reads', () => {
  it('is pages, and single functions only until Lambda has called their revision settled', async () => {
    const { run, deploy, sweepFor, calls } = system({ names: ['api', 'job', 'mail'] });
    await run(async () => {
      deploy({ A: '2' }, PLACES, ['job']);
      await sweepFor(10 * MINUTE);
      const singles = calls.filter((call) => call.startsWith('read'));
      expect(singles.toSorted()).toEqual(PLACES.map(({ region }) => `read ${region} job`).toSorted());
    });
  });

  it.each([
    { everyMs: 5 * MINUTE, config: configOf({}), reason: 'sweeps of all' },
    {
      everyMs: MINUTE,
      config: configOf({ functions: [{ select: { name: '*' }, critical: true }] }),
      reason: 'sweeps of what is critical',
    },
  ])(
    'is a failed update again and again: lists do not show $reason that it failed',
    async ({ everyMs, config }) => {
      const { run, world, sweepFor, ledger, drained } = system({ config });
      await run(async () => {
        world.deploy(EU, 'api', { updateFails: true });
        await sweepFor(HOUR, everyMs);
        await drained();
        const { open } = await ledger.read('api');
        expect(open?.findings).toMatchObject([{ replica: 'eu-west-1', kind: 'failed' }]);
        world.deploy(EU, 'api', { updateFails: false });
        await sweepFor(5 * MINUTE);
        expect((await ledger.read('api')).open).toBeUndefined();
      });
    },
  );
});

describe('bad times', () => {
  it('a region that is unreachable for an hour is unobservable, no drift, and the rest goes on', async () => {
    const { run, world, deploy, sweepFor, known, last, ledger, values } = system();
    let isDown = false;
    for (const call of ['list', 'read'] as const) {
      world.inject(call, ({ region }) => {
        if (isDown && region === AP.region) {
          throw new RefusedError(
            { code: 'REGION_UNREACHABLE', call: 'lambda:ListFunctions' },
            { retryable: true },
          );
        }
      });
    }
    await run(async () => {
      deploy({ A: '2' }, [US, EU], ['job']); // does not reach the third region before that is gone
      await sweepFor(5 * MINUTE);
      isDown = true;
      deploy({ A: '3' }, [EU], ['api']);
      await sweepFor(HOUR);
      expect(last('UnobservableReplicas')).toBe(2);
      expect(last('TelemetryCompleteness')).toBeCloseTo((100 * 4) / 6);
      expect(values('SweepHeartbeat').length).toBeGreaterThan(12);
      expect(last('ConfigDriftCount')).toBe(2); // what differs in regions that can be read, and what was known
      const { subjects, sweep } = await known();
      expect(sweep?.unread).toEqual([
        {
          replica: 'ap-southeast-2',
          refusal: { code: 'REGION_UNREACHABLE', call: 'lambda:ListFunctions' },
          isWhole: true,
        },
      ]);
      expect(subjects.map(({ subject, verdict }) => [subject, verdict])).toEqual([
        ['api', 'diverged'],
        ['job', 'diverged'],
      ]);
      isDown = false;
      deploy({ A: '4' });
      await sweepFor(5 * MINUTE);
      for (const name of ['api', 'job']) {
        expect((await ledger.read(name)).last, name).toMatchObject({ outcome: 'forward' });
      }
      expect(last('UnobservableReplicas')).toBe(0);
    });
  });

  it('a listing that never ends is said, and nothing is agreed that it hides', async () => {
    const { run, world, sweepFor, known, last, values, time } = system();
    let pages = 0;
    await run(async () => {
      const { list } = world;
      world.list = async (place, from) => {
        if (place.region !== AP.region) return list.call(world, place, from);
        await time.sleep(50);
        return { functions: [], next: `${++pages}` };
      };
      await sweepFor(10 * MINUTE);
      expect(last('TelemetryCompleteness')).toBeLessThan(70);
      expect(values('SweepHeartbeat').length).toBeGreaterThan(2);
      const { sweep, subjects } = await known();
      expect(sweep?.unread).toMatchObject([{ replica: 'ap-southeast-2', isWhole: true }]);
      expect(subjects.map(({ verdict }) => verdict)).toEqual(['unobservable', 'unobservable']);
    });
  });

  it('what agreed and cannot be read any more is not called agreed', async () => {
    const { run, world, sweepFor, known } = system();
    await run(async () => {
      world.inject('list', ({ region }) => {
        if (region === AP.region) throw new RefusedError({ code: 'ACCESS_DENIED' });
      });
      await sweepFor(5 * MINUTE);
      expect((await known()).subjects.map(({ verdict }) => verdict)).toEqual([
        'unobservable',
        'unobservable',
      ]);
    });
  });

  it('a clock that was ahead for a while is said, and what it has seen is believed until then', async () => {
    const { run, deploy, sweepFor, sweep, jump, ledger, time } = system();
    await run(async () => {
      jump(2 * HOUR);
      deploy({ A: '2' });
      await sweepFor(5 * MINUTE);
      jump(-2 * HOUR);
      await time.sleep(5 * MINUTE);
      const { what, ahead } = await sweep();
      expect([what, ahead]).toEqual(['all', 2]);
      deploy({ A: '3' }, [EU], ['api']);
      await sweepFor(2 * HOUR + 15 * MINUTE);
      expect((await ledger.read('api')).open?.findings).toMatchObject([{ replica: 'eu-west-1' }]);
      expect((await sweep()).ahead).toBe(0);
    });
  });

  it('metrics that cannot be published cost no look, and are said once', async () => {
    const { run, ports, kind, deploy, words, ledger, time } = system();
    await run(async () => {
      const telemetry = kind.telemetry({
        publish() {
          throw new Error('the backend refuses');
        },
      });
      deploy({ A: '2' }, [EU], ['api']);
      await time.sleep(5 * MINUTE);
      const overAt = ports.clock.now() + LIFE;
      const limits = { until: overAt - TO_WRITE, overAt, readUntil: kind.readUntil };
      await sweep({ ...ports, telemetry }, configOf(), limits);
      expect((await ledger.read('api')).open).toBeDefined();
      expect(words).toEqual(['metrics cannot be published, and are lost']);
    });
  });

  it('a subject that leaves the config while its episode is open is retired, and counts no more', async () => {
    const { run, deploy, sweepFor, sweep, known, last, time, ledger } = system();
    await run(async () => {
      deploy({ A: '2' }, [EU]);
      await sweepFor(15 * MINUTE);
      expect([last('EpisodesOpen'), last('ConfigDriftCount')]).toEqual([2, 2]);
      await time.sleep(5 * MINUTE);
      await sweep(configOf({ functions: [{ select: { name: 'api' } }] }));
      expect([last('EpisodesOpen'), last('ConfigDriftCount')]).toEqual([1, 1]);
      expect((await ledger.read('job')).last?.outcome).toBe('retired');
      expect((await known()).subjects.map(({ subject }) => subject)).toEqual(['api']);
    });
  });

  it('one whose state cannot be read is told, and is not the others trouble', async () => {
    const { run, deploy, sweep, ledger, last, time } = system();
    await run(async () => {
      deploy({ A: '2' }, [EU]);
      ledger.inject('read', (subject) => {
        if (subject === 'api') throw new RefusedError({ code: 'THROTTLED' });
      });
      await time.sleep(5 * MINUTE);
      await expect(sweep()).rejects.toThrow('1 things of a sweep failed');
      expect(last('EpisodesOpen')).toBe(1);
      expect(last('SweepHeartbeat')).toBe(1);
    });
  });

  it('ten thousand open episodes are counted, shown page by page, and seldom asked to be told of', async () => {
    const names = Array.from({ length: 10_000 }, (_, id) => `function-${id}`);
    const { run, deploy, sweepFor, known, last, nudges } = system({ names });
    await run(async () => {
      deploy({ A: '2' }, [EU]);
      await sweepFor(25 * MINUTE); // what has just been changed is read one by one, until lists can be believed
      expect(last('EpisodesOpen')).toBe(10_000);
      expect(last('EpisodesStalled')).toBe(10_000);
      expect(last('ConfigDriftCount')).toBe(10_000);
      expect(nudges.count).toBeLessThan(60); // twice a minute at most
      const { subjects, episodes } = await known();
      expect([subjects.length, episodes.length]).toEqual([10_000, 10_000]);
    });
  });
});

describe('the burn rate', () => {
  it.each<{ reason: string; functions: NonNullable<RecohereConfig['functions']>; burn: number }>([
    { reason: 'one of four is exposed', functions: [{ select: { name: '*' } }], burn: 25 },
    {
      reason: 'half as much is promised',
      functions: [{ select: { name: '*' }, targets: { exposurePercent: 50 } }],
      burn: 0.5,
    },
    {
      reason: 'one of two that alarm is exposed',
      functions: [{ select: { name: 'a*' } }, { select: { name: '*' }, mode: 'learn' }],
      burn: 50,
    },
    {
      reason: 'what is exposed is only learnt',
      functions: [{ select: { name: 'api' }, mode: 'learn' }, { select: { name: '*' } }],
      burn: 0,
    },
    {
      reason: 'what is exposed does not alarm',
      functions: [{ select: { name: '*' }, alarmOn: ['code'] }],
      burn: 0,
    },
  ])('is $burn when $reason', async ({ functions, burn }) => {
    const config = configOf({ functions });
    const { run, deploy, sweepFor, last } = system({ config, names: ['api', 'auth', 'job', 'mail'] });
    await run(async () => {
      deploy({ A: '2' }, [EU], ['api']);
      await sweepFor(5 * MINUTE);
      expect(last('ExposureBurnRate')).toBe(burn);
    });
  });
});

describe('a silence', () => {
  it('keeps a subject from alarming until it ends, and hides nothing', async () => {
    const { run, deploy, sweepFor, last, known, ports, clock, ledger, secretsLedger, nudges, values } =
      system();
    const ledgers = { function: ledger, secret: secretsLedger };
    const all = { clock, ledgers, sweeps: ports.sweeps };
    await run(async () => {
      const asked = { subject: 'api', seconds: 3600, reason: 'moving house' };
      const status = await silence(all, configOf(), asked);
      expect(status.silence).toEqual({ until: clock.now() + HOUR, reason: 'moving house' });
      deploy({ A: '2' }, [EU], ['api']);
      await sweepFor(30 * MINUTE);
      expect([last('EpisodesOpen'), last('EpisodesStalled'), last('ConfigDriftCount')]).toEqual([1, 0, 0]);
      expect(last('ExposureBurnRate')).toBe(0);
      expect(nudges.count).toBe(0);
      expect((await known()).subjects[0]).toMatchObject({
        verdict: 'diverged',
        silence: { reason: 'moving house' },
      });
      await sweepFor(45 * MINUTE);
      expect([last('EpisodesStalled'), last('ConfigDriftCount')]).toEqual([1, 1]);
      expect(values('PartialDeployCount').filter((value) => value > 0)).toEqual([]); // its deadline passed in silence
      expect(nudges.count).toBeGreaterThan(0);
      expect((await known()).subjects[0]?.silence).toBeNull();
    });
  });

  it('ends at once when that is asked for', async () => {
    const { run, deploy, sweepFor, last, ports, clock, ledger, secretsLedger } = system();
    const all = { clock, ledgers: { function: ledger, secret: secretsLedger }, sweeps: ports.sweeps };
    await run(async () => {
      await silence(all, configOf(), { subject: 'api', seconds: 86_400, reason: 'x' });
      deploy({ A: '2' }, [EU], ['api']);
      await sweepFor(15 * MINUTE);
      await silence(all, configOf(), { subject: 'api', seconds: 0, reason: 'over' });
      await sweepFor(10 * MINUTE);
      expect(last('ConfigDriftCount')).toBe(1);
    });
  });

  it('of a subject that nobody knows is refused', async () => {
    const { run, ports, clock, ledger, secretsLedger } = system();
    const all = { clock, ledgers: { function: ledger, secret: secretsLedger }, sweeps: ports.sweeps };
    await run(async () => {
      await expect(
        silence(all, configOf(), { subject: 'apy', seconds: 60, reason: 'x' }),
      ).rejects.toMatchObject({ code: 'UNKNOWN_SUBJECT' });
    });
  });
});
