import { beforeEach, describe, expect, it } from 'vitest';
import type { SimulatedSecrets } from '../../functions/adapters/sim/simulated-secrets.ts';
import { verifySecretWake } from '../../functions/app/verify-secrets.ts';
import { REPORT_DETAIL_TYPE, REPORT_SOURCE } from '../../functions/contract/probe.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { all } from '../all.ts';
import { configOf, DB, HOUR, LAG_MS, MINUTE, SECOND, type Secrets, system } from './secret-system.ts';
import { AP, EU, PLACES, sweepNow, US } from './simulated.ts';

let it1: ReturnType<typeof system>;
beforeEach(() => {
  it1 = system();
});

describe('a look that somebody asked for', () => {
  it('opens an episode whose cause is manual, if a replica is behind', async () => {
    const { clock, world, run, deliver, state, letters } = it1;
    await run(async () => {
      world.follow(EU, DB, 'stuck');
      world.rotate(US, DB, 'v2');
      const look = { kind: 'recohere.look', id: 'look-1', at: clock.now() };
      await deliver({ ...look, subjects: ['prod/other'] });
      expect((await state()).open).toBeUndefined();
      await deliver({ ...look, subjects: [DB] });
      expect(letters).toEqual([]);
      expect((await state()).open).toMatchObject({
        cause: { source: 'manual', id: 'look-1' },
        rotation: { versionId: 'v2' },
      });
    });
  });

  it('changes nothing if all agree, but that it was answered', async () => {
    const { clock, run, deliver, state } = it1;
    await run(async () => {
      const at = clock.now();
      await deliver({ kind: 'recohere.look', id: 'look-1', at, subjects: [DB] });
      const { open, answeredUntil } = await state();
      expect([open, answeredUntil]).toEqual([undefined, at]);
    });
  });
});

describe('a rotation that no event told of', () => {
  it('is a lost event, once, though a consumer has reported and a person has looked', async () => {
    const { clock, world, run, deliver, consumers, reports, drained, sweep, values } = consumed();
    await run(async () => {
      world.rotate(US, DB, 'v2');
      await clock.sleep(MINUTE);
      consumers.use(US, CONSUMER, 'p1');
      await reports();
      await deliver({ kind: 'recohere.look', id: 'look-1', at: clock.now(), subjects: [DB] });
      await drained();
      for (let hours = 0; hours < 2; hours++) {
        await clock.sleep(HOUR);
        await sweep();
      }
      expect(values('LostEventCount').filter((value) => value > 0)).toEqual([1]);
    });
  });

  it('is none if an event comes late', async () => {
    const { clock, world, run, told, drained, sweep, values } = it1;
    await run(async () => {
      world.rotate(US, DB, 'v2');
      const at = clock.now();
      await clock.sleep(5 * MINUTE);
      await told(DB, at);
      await drained();
      await clock.sleep(HOUR);
      await sweep();
      expect(values('LostEventCount').filter((value) => value > 0)).toEqual([]);
    });
  });
});

describe('a rotation', () => {
  it('that reaches all replicas is one episode, with the moment of each hop', async () => {
    const { clock, world, run, told, drained, state, hops, values } = it1;
    await run(async () => {
      expect(await state()).toMatchObject({ agreed: { roots: { 'us-east-1': { version: 'v1:v1' } } } });
      world.rotate(US, DB, 'v2');
      await clock.sleep(SECOND);
      await told(DB, clock.now() - SECOND);
      await drained();
      const { open, last } = await state();
      expect(open).toBeUndefined();
      expect(last).toMatchObject({ outcome: 'forward', rotation: { versionId: 'v2' } });
      expect(await hops()).toEqual([
        '1 us-east-1 agreed described 1000',
        expect.stringMatching(/^2 eu-west-1 agreed described \d{4}$/),
        expect.stringMatching(/^2 ap-southeast-2 agreed described \d{4}$/),
        '3 us-east-1 unwatched',
        '3 eu-west-1 unwatched',
        '3 ap-southeast-2 unwatched',
      ]);
      const [propagation = 0] = values('SecretPropagationTime');
      expect(propagation).toBeGreaterThanOrEqual(LAG_MS);
      expect(propagation).toBeLessThan(3 * LAG_MS);
    });
  });

  it('is one episode, however many events tell of it, and late ones open none', async () => {
    const { clock, world, run, told, rotationEnded, drained, ledger, state } = it1;
    await run(async () => {
      const movedAt = clock.now();
      world.rotate(US, DB, 'v2');
      await Promise.all([told(), told(), told(), rotationEnded('RotationSucceeded')]);
      await drained();
      await clock.sleep(10 * MINUTE);
      await told(DB, movedAt);
      await drained();
      expect((await state()).open).toBeUndefined();
      expect(await ledger.history(DB, 10)).toHaveLength(1);
    });
  });

  it('rolled back half-way ends as rolled-back', async () => {
    const { clock, world, run, told, drained, state, values, ledger } = it1;
    await run(async () => {
      world.follow(AP, DB, 'stuck');
      world.rotate(US, DB, 'v2');
      await told();
      await clock.sleep(20 * SECOND);
      expect((await state()).open).toMatchObject({ rotation: { versionId: 'v2' } });
      world.move(US, DB, 'v1');
      world.heal(AP, DB);
      await told();
      await drained();
      const { last } = await state();
      expect(last).toMatchObject({ outcome: 'rolled-back', rotation: { versionId: 'v1', triedId: 'v2' } });
      expect(await ledger.history(DB, 10)).toHaveLength(1);
      for (const { at } of last?.rotation?.hops ?? []) {
        if (at !== null) expect(at).toBeGreaterThanOrEqual(last?.cause.at ?? 0);
      }
      expect(values('RollbackCount')).toContain(1);
      expect(values('SecretPropagationTime')).toEqual([]);
    });
  });

  it('has a target that counts from its move, however late replicas come one after the other', async () => {
    const { clock, world, run, told, drained, state, sweep, values } = it1;
    await run(async () => {
      for (const place of [EU, AP]) world.follow(place, DB, 'stuck');
      world.rotate(US, DB, 'v2');
      await told();
      await clock.sleep(110 * SECOND);
      world.heal(EU, DB);
      await clock.sleep(110 * SECOND);
      world.heal(AP, DB);
      await drained();
      await sweep();
      expect((await state()).last).toMatchObject({ outcome: 'forward', wasOverdue: true });
      expect(values('SecretReplicasStale')).toContain(1);
    });
  });

  it('counts from its move, if the event that tells of it is another and later one', async () => {
    const { clock, world, run, told, state, values } = it1;
    await run(async () => {
      world.rotate(US, DB, 'v2');
      await clock.sleep(30 * MINUTE);
      await told(); // of something else
      expect((await state()).last).toMatchObject({ outcome: 'forward', cause: { source: 'look' } });
      expect(values('SecretPropagationTime')[0]).toBeGreaterThanOrEqual(30 * MINUTE);
    });
  });

  it('is judged by what was read, however long a probe takes in between', async () => {
    const { clock, world, run, told, drained, ports, ledger } = consumed({
      probe: 'probe',
      cacheSeconds: 300,
    });
    ports.rotation.probes.probe = async () => {
      await clock.sleep(14 * SECOND);
      return { versionId: 'v2' };
    };
    await run(async () => {
      world.rotate(US, DB, 'v2');
      await clock.sleep(5 * SECOND);
      const slow = told();
      await clock.sleep(3 * SECOND);
      world.follow(AP, DB, 'stuck');
      world.rotate(US, DB, 'v3');
      await told();
      await slow;
      const ended = await ledger.history(DB, 10);
      expect(ended.map(({ outcome, rotation }) => [outcome, rotation?.versionId])).toEqual([
        ['superseded', 'v2'],
      ]);
      expect((await ledger.read(DB)).open).toMatchObject({ rotation: { versionId: 'v3' } });
      world.heal(AP, DB);
      ports.rotation.probes.probe = async () => ({ versionId: 'v3' });
      await drained();
      expect((await ledger.read(DB)).last).toMatchObject({
        outcome: 'forward',
        rotation: { versionId: 'v3' },
      });
    });
  });

  it('that another one overtakes is followed by that in the next sweep, whoever died between the two', async () => {
    const { clock, world, run, told, drained, ledger, sweep, state } = it1;
    await run(async () => {
      world.follow(EU, DB, 'stuck');
      world.rotate(US, DB, 'v2');
      await told();
      await drained();
      world.rotate(US, DB, 'v3'); // its event is lost
      const swap = ledger.swap.bind(ledger);
      let swaps = 0;
      ledger.swap = (next) => {
        if (next.subject === DB && ++swaps > 1) throw new Error('killed');
        return swap(next);
      };
      await expect(sweep()).rejects.toThrow();
      ledger.swap = swap;
      expect(await state()).toMatchObject({ open: undefined, last: { outcome: 'superseded' } });
      await clock.sleep(5 * MINUTE);
      await sweep();
      expect((await state()).open).toMatchObject({ rotation: { versionId: 'v3' } });
    });
  });

  it('that another one overtakes has an episode of its own, and so has the other', async () => {
    const { clock, world, run, told, drained, ledger } = it1;
    await run(async () => {
      world.follow(AP, DB, 'stuck');
      world.rotate(US, DB, 'v2');
      await told();
      await clock.sleep(20 * SECOND);
      world.heal(AP, DB);
      world.rotate(US, DB, 'v3');
      await told();
      await drained();
      const ended = await ledger.history(DB, 10);
      expect(ended.map(({ outcome, rotation }) => [outcome, rotation?.versionId])).toEqual([
        ['forward', 'v3'],
        ['superseded', 'v2'],
      ]);
    });
  });

  it.each([
    { following: 'stuck', finding: 'stale version InProgress', reason: 'is InProgress for too long' },
    {
      following: 'lying',
      finding: 'stale version InSync',
      reason: 'holds another version although it says InSync',
    },
    { following: 'failed', finding: 'failed version', reason: 'failed' },
  ] as const)('is named where a replica $reason', async ({ following, finding }) => {
    const { clock, world, run, told, drained, found, hops, sweep, telemetry } = it1;
    await run(async () => {
      world.follow(AP, DB, following);
      world.rotate(US, DB, 'v2');
      await told();
      await drained();
      expect(await found()).toEqual([`ap-southeast-2 ${finding}`]);
      expect(await hops()).toContain(`2 ap-southeast-2 ${following === 'failed' ? 'failed' : 'stuck'}`);
      await clock.sleep(5 * MINUTE);
      telemetry.samples.length = 0;
      await sweep();
      const gauges = Object.fromEntries(telemetry.samples.map(({ metric, value }) => [metric, value]));
      expect(gauges).toMatchObject({
        SecretReplicasStale: 1,
        SecretConsumersStale: 0,
        SecretRotationsFailed: 0,
        EpisodesOpen: 1,
        EpisodesStalled: 1,
        ConfigDriftCount: 0,
      });
      world.heal(AP, DB);
      await clock.sleep(5 * MINUTE);
      await sweep();
      expect(await found()).toEqual([]);
    });
  });
});

const CONSUMER = 'checkout-api';
const CACHE_SECONDS = 60;

/** A consumer with two warm processes in one region, which use the secret every ten seconds. */
function consumed(consumer: Partial<NonNullable<Secrets[number]['consumers']>[number]> = {}) {
  const own = system([
    {
      name: DB,
      consumers: [{ name: CONSUMER, cacheSeconds: CACHE_SECONDS, regions: ['eu-west-1'], ...consumer }],
    },
  ]);
  own.consumers.add({ name: CONSUMER, secret: DB, cacheMs: CACHE_SECONDS * SECOND });
  return {
    ...own,
    use: async (processes: readonly string[], forMs: number) => {
      for (let passed = 0; passed < forMs; passed += 10 * SECOND) {
        for (const process of processes) own.consumers.use(EU, CONSUMER, process);
        await own.clock.sleep(10 * SECOND);
      }
      await own.reports();
    },
    third: async () => (await own.hops()).filter((hop) => hop.startsWith('3')),
  };
}

describe('a consumer', () => {
  it('that reports uses the version when all of its known processes say so', async () => {
    const { clock, world, run, told, drained, use, third, found, state, values, telemetry } = consumed();
    await run(async () => {
      await use(['p1', 'p2'], 30 * SECOND);
      await clock.sleep(HOUR);
      await use(['p1', 'p2'], 30 * SECOND); // p1 and p2 keep what they have for half a minute more
      world.rotate(US, DB, 'v2');
      await told();
      await clock.sleep(10 * SECOND);
      expect(await found()).toEqual([`eu-west-1 stale consumer ${CONSUMER}`]);
      await use(['p1', 'p2'], 60 * SECOND);
      await drained();
      expect((await state()).open).toBeUndefined();
      expect(await third()).toEqual([
        expect.stringMatching(/^3 eu-west-1 checkout-api agreed reported \d{5}$/),
      ]);
      const [propagation = 0] = values('SecretPropagationTime');
      expect(propagation).toBeGreaterThan(20 * SECOND);
      expect(propagation).toBeLessThan(60 * SECOND);
      const sample = telemetry.samples.find(({ metric }) => metric === 'SecretPropagationTime');
      expect(sample?.properties).toMatchObject({ subject: DB, version: 'v2', evidence: 'reported' });
    });
  });

  it('of which one process is silent may keep the other version until its cache has ended', async () => {
    const { clock, world, run, told, drained, use, third, found, state } = consumed();
    await run(async () => {
      await use(['p1', 'p2'], 10 * SECOND);
      world.rotate(US, DB, 'v2');
      await told();
      await use(['p1'], 60 * SECOND);
      expect(await found()).toEqual([`eu-west-1 stale consumer ${CONSUMER}`]);
      await clock.sleep(CACHE_SECONDS * SECOND);
      await drained();
      expect((await state()).open).toBeUndefined();
      expect(await third()).toEqual([expect.stringMatching(/agreed reported/)]);
    });
  });

  it('that never reports is bounded by its cache', async () => {
    const { world, run, told, drained, third, found, hops } = consumed();
    await run(async () => {
      world.rotate(US, DB, 'v2');
      await told();
      expect(await found()).toEqual(['eu-west-1 unsettled version', 'ap-southeast-2 unsettled version']);
      await drained();
      expect(await third()).toEqual([expect.stringMatching(/^3 eu-west-1 checkout-api agreed bounded \d+$/)]);
      const at = (text = '') => Number(text.split(' ').at(-1));
      const second = at((await hops()).find((hop) => hop.startsWith('2 eu-west-1')));
      expect(at((await third())[0])).toBe(second + CACHE_SECONDS * SECOND);
    });
  });

  it('that is probed uses the version as soon as its probe can', async () => {
    const { world, run, told, drained, third, state } = consumed({ probe: 'probe' });
    await run(async () => {
      world.rotate(US, DB, 'v2');
      await told();
      await drained();
      expect((await state()).open).toBeUndefined();
      expect(await third()).toEqual([
        expect.stringMatching(/^3 eu-west-1 checkout-api agreed probed \d{4}$/),
      ]);
    });
  });

  it('is probed only while an episode is open', async () => {
    const { clock, world, run, told, drained, consumers, sweep, deliver, envelope } = consumed({
      probe: 'probe',
    });
    let probes = 0;
    const { probe } = consumers;
    consumers.probe = (...given) => {
      probes++;
      return probe.apply(consumers, given);
    };
    await run(async () => {
      await told();
      await deliver({
        ...envelope(US),
        source: 'aws.secretsmanager',
        'detail-type': 'Secret Label Updated',
        detail: {},
      });
      await clock.sleep(HOUR);
      await sweep();
      expect(probes).toBe(0);
      world.rotate(US, DB, 'v2');
      await told();
      await drained();
      const needed = probes;
      expect(needed).toBeGreaterThan(0);
      await clock.sleep(HOUR);
      await sweep();
      expect(probes).toBe(needed);
    });
  });

  it.each([
    { behaviour: 'fails', lasts: true, finding: 'failed', reason: 'cannot use the secret' },
    { behaviour: 'is silent', lasts: false, finding: 'failed', reason: 'does not answer in time' },
    { behaviour: 'is throttled', lasts: false, finding: 'failed', reason: 'is throttled' },
    { behaviour: { claims: 'never-made' }, lasts: true, finding: 'unexpected', reason: 'lies' },
    { behaviour: { claims: 'v1' }, lasts: true, finding: 'stale', reason: 'still has the other version' },
  ] as const)('whose probe $reason is a finding', async ({ behaviour, lasts, finding }) => {
    const { clock, world, run, told, drained, consumers, found, third, sweep } = consumed({ probe: 'probe' });
    await run(async () => {
      consumers.behave(EU, 'probe', behaviour);
      world.rotate(US, DB, 'v2');
      await told();
      await clock.sleep(30 * SECOND);
      expect(await found()).toEqual([`eu-west-1 ${finding} consumer ${CONSUMER}`]);
      await drained();
      for (let sweeps = 0; sweeps < 3; sweeps++) {
        await clock.sleep(5 * MINUTE);
        await sweep();
      }
      // what could not be asked is bounded by the cache; what says otherwise is not
      expect(await found()).toEqual(lasts ? [`eu-west-1 ${finding} consumer ${CONSUMER}`] : []);
      expect((await third())[0]).toMatch(lasts ? /(failed|stuck)$/ : /agreed bounded/);
      consumers.behave(EU, 'probe', 'loads');
      await clock.sleep(5 * MINUTE);
      await sweep();
      expect(await found()).toEqual([]);
    });
  });

  it.each([0, 10, 300])(
    'with a cache of %i s whose probe fails is never called bounded',
    async (cacheSeconds) => {
      const { clock, world, run, told, drained, consumers, found, sweep } = consumed({
        probe: 'probe',
        cacheSeconds,
      });
      await run(async () => {
        consumers.behave(EU, 'probe', 'fails');
        world.rotate(US, DB, 'v2');
        await told();
        await drained();
        for (let sweeps = 0; sweeps < 6; sweeps++) {
          await clock.sleep(5 * MINUTE);
          await sweep();
        }
        expect(await found()).toEqual([`eu-west-1 failed consumer ${CONSUMER}`]);
      });
    },
  );

  it('whose probe lies stays in the gauges, though versions cannot be listed', async () => {
    const { clock, world, run, told, drained, consumers, sweep, values } = consumed({ probe: 'probe' });
    await run(async () => {
      consumers.behave(EU, 'probe', { claims: 'never-made' });
      world.rotate(US, DB, 'v2');
      await told();
      await drained();
      world.inject('hasVersion', () => {
        throw new RefusedError({ code: 'THROTTLED' }, { retryable: true });
      });
      await clock.sleep(5 * MINUTE);
      await sweep();
      expect(values('SecretConsumersStale').at(-1)).toBe(1);
    });
  });

  it('that reports a version that never existed is unexpected, and one that is long gone is stale', async () => {
    const { clock, run, world, told, drained, found, envelope, deliver, state, telemetry } = consumed();
    await run(async () => {
      for (const version of ['v2', 'v3']) {
        world.rotate(US, DB, version);
        await told();
        await drained();
      }
      const report = (process: string, versionId: string) =>
        deliver({
          ...envelope(EU),
          source: REPORT_SOURCE,
          'detail-type': REPORT_DETAIL_TYPE,
          detail: {
            consumer: CONSUMER,
            process,
            secret: `arn:aws:secretsmanager:eu-west-1:111111111111:secret:${DB}-AbCdEf`,
            versionId,
            loadedAt: new Date(clock.now() + HOUR).toISOString(), // its clock is ahead
          },
        });
      await report('p1', 'v1');
      expect(await found()).toEqual([`eu-west-1 stale consumer ${CONSUMER}`]);
      await report('p2', 'hunter2');
      expect(await found()).toEqual([`eu-west-1 unexpected consumer ${CONSUMER}`]);
      expect(JSON.stringify([await state(), telemetry.samples])).not.toContain('hunter2'); // it may be a value
    });
  });

  it('that reports what is agreed on opens nothing, and the look is spared when enough is known', async () => {
    const { run, use, state, world } = consumed();
    let calls = 0;
    world.inject('describe', () => calls++);
    await run(async () => {
      const many = Array.from({ length: 30 }, (_, index) => `p${index}`);
      calls = 0;
      for (const process of many) await use([process], 10 * SECOND);
      const { open, secret } = await state();
      expect(open).toBeUndefined();
      expect(secret?.loads).toHaveLength(20);
      expect(calls).toBe(20 * PLACES.length);
    });
  });

  it('of which many processes report asks for no more looks, and invokes no more probes, than one that is silent', async () => {
    const costOf = async (processes: readonly string[]) => {
      const { world, run, told, drained, use, ports, consumers } = consumed({ probe: 'probe' });
      let [wakes, probes] = [0, 0];
      const { wakes: queue } = ports.rotation;
      const [send, probe] = [queue.send.bind(queue), consumers.probe.bind(consumers)];
      queue.send = (...given) => {
        wakes++;
        return send(...given);
      };
      consumers.probe = (...given) => {
        probes++;
        return probe(...given);
      };
      await run(async () => {
        await use(processes, 10 * SECOND);
        world.rotate(US, DB, 'v2');
        await told();
        await use(processes, 80 * SECOND);
        await drained();
      });
      return { wakes, probes };
    };
    const silent = await costOf([]);
    const many = await costOf(Array.from({ length: 15 }, (_, index) => `p${index}`));
    expect(silent.wakes).toBeGreaterThan(0);
    expect(many.wakes - silent.wakes).toBeLessThanOrEqual(4); // they keep the other version for a minute longer
    expect(many.probes).toBeLessThanOrEqual(many.wakes + 1);
  });

  it('that is late is named in the log when its target passes', async () => {
    const { world, run, told, drained, consumers, telemetry } = consumed({ probe: 'probe' });
    await run(async () => {
      consumers.behave(EU, 'probe', 'fails');
      world.rotate(US, DB, 'v2');
      await told();
      telemetry.samples.length = 0;
      await drained();
      const late = telemetry.samples.filter(({ metric }) => metric === 'SecretConsumersStale');
      expect(late).toMatchObject([
        { value: 1, properties: { subject: DB, findings: `eu-west-1 consumer failed ${CONSUMER}` } },
      ]);
    });
  });

  it('that the config does not name says nothing, nor one of a region without the secret', async () => {
    const { run, consumers, state, reports } = consumed();
    await run(async () => {
      consumers.add({ name: 'stranger', secret: DB, cacheMs: 0 });
      consumers.use(EU, 'stranger', 'p1');
      consumers.use(US, CONSUMER, 'p1'); // its config names one region
      await reports();
      expect((await state()).secret?.loads).toEqual([]);
    });
  });
});

describe('a secret', () => {
  it('whose rotation failed or was abandoned is a finding until one succeeds', async () => {
    for (const eventName of ['RotationFailed', 'RotationAbandoned']) {
      const { clock, world, run, told, rotationEnded, found, drained, ledger, sweep, values, state } =
        system();
      await run(async () => {
        await rotationEnded('RotationStarted');
        expect((await state()).open).toBeUndefined();
        await clock.sleep(MINUTE);
        await rotationEnded(eventName);
        expect(await found()).toEqual([`us-east-1 failed rotation ${eventName}`]);
        await clock.sleep(5 * MINUTE);
        await sweep();
        expect(values('SecretRotationsFailed').at(-1)).toBe(1);
        expect(values('SecretReplicasStale').at(-1)).toBe(0);
        await clock.sleep(HOUR);
        world.rotate(US, DB, 'v2');
        await told();
        await drained();
        expect(await found()).toEqual([]);
        const ended = await ledger.history(DB, 10);
        expect(ended.map(({ outcome, rotation }) => [outcome, rotation?.versionId])).toEqual([
          ['forward', 'v2'],
          ['superseded', 'v1'],
        ]);
      });
    }
  });

  it.each([1, 6])(
    'whose rotation failed after its label had moved stays failed, looked at %i s after it',
    async (seconds) => {
      const { clock, world, run, told, rotationEnded, drained, found } = system();
      await run(async () => {
        world.rotate(US, DB, 'v2');
        await clock.sleep(seconds * SECOND);
        await told();
        await clock.sleep(MINUTE);
        await rotationEnded('RotationFailed');
        await drained();
        expect(await found()).toEqual(['us-east-1 failed rotation RotationFailed']);
      });
    },
  );

  it('whose failed rotation is told when another one has succeeded is not failed', async () => {
    const { clock, world, run, told, rotationEnded, drained, state } = system();
    await run(async () => {
      const failedAt = clock.now();
      await clock.sleep(5 * MINUTE);
      world.rotate(US, DB, 'v2');
      await told();
      await drained();
      await rotationEnded('RotationFailed', DB, failedAt);
      expect((await state()).open).toBeUndefined();
    });
  });

  it('is not blamed for a rotation that failed somewhere', async () => {
    const { run, deliver, envelope, state } = system([{ name: DB }, { name: 'b' }]);
    await run(async () => {
      await deliver({
        ...envelope(US),
        source: 'aws.secretsmanager',
        'detail-type': 'AWS Service Event via CloudTrail',
        detail: { eventName: 'RotationFailed', requestParameters: null, additionalEventData: null },
      });
      for (const name of [DB, 'b']) expect((await state(name)).open).toBeUndefined();
    });
  });

  it('whose config leaves out the region of the primary is compared with it all the same', async () => {
    const { clock, world, run, told, drained, found, hops } = system([
      { name: DB, regions: ['eu-west-1', 'ap-southeast-2'] },
    ]);
    await run(async () => {
      world.follow(AP, DB, 'lying');
      world.rotate(US, DB, 'v2');
      await told();
      await clock.sleep(10 * SECOND);
      await drained();
      expect(await found()).toEqual(['ap-southeast-2 stale version InSync']);
      expect((await hops())[0]).toMatch(/^1 us-east-1 agreed described/);
    });
  });

  it('stays late when its primary cannot be read any more', async () => {
    const { clock, world, run, told, drained, found, sweep, values } = it1;
    let isDenied = false;
    world.inject('describe', ({ region }) => {
      if (isDenied && region === US.region) throw new RefusedError({ code: 'ACCESS_DENIED' });
    });
    await run(async () => {
      world.follow(AP, DB, 'stuck');
      world.rotate(US, DB, 'v2');
      await told();
      await drained();
      isDenied = true;
      await clock.sleep(5 * MINUTE);
      await sweep();
      expect(await found()).toEqual([
        'us-east-1 unobservable replica',
        'ap-southeast-2 stale version InProgress',
      ]);
      expect(values('SecretReplicasStale').at(-1)).toBe(1);
    });
  });

  it('of which a replica comes back was not rolled back, and nothing has propagated', async () => {
    const { clock, world, run, told, drained, state, values } = it1;
    await run(async () => {
      world.removeReplica(AP, DB);
      await told();
      await clock.sleep(MINUTE);
      world.addReplica(US, DB, AP);
      await told();
      await drained();
      expect((await state()).open).toBeUndefined();
      expect(values('RollbackCount').filter((count) => count > 0)).toEqual([]);
      expect(values('SecretPropagationTime')).toEqual([]);
      expect(values('TimeToDetect')).toHaveLength(1);
    });
  });

  it('that cannot be read is counted at each sweep', async () => {
    const { clock, world, run, sweep, values } = it1;
    let isDenied = false;
    world.inject('describe', () => {
      if (isDenied) throw new RefusedError({ code: 'ACCESS_DENIED' });
    });
    await run(async () => {
      await clock.sleep(HOUR);
      isDenied = true;
      await sweep();
      await clock.sleep(5 * MINUTE);
      await sweep();
      expect(values('UnobservableReplicas').slice(-2)).toEqual([3, 3]);
      isDenied = false;
      await clock.sleep(5 * MINUTE);
      await sweep();
      expect(values('UnobservableReplicas').at(-1)).toBe(0);
    });
  });

  it('is not looked at for a wake-up that is old', async () => {
    const { world, run, told, state, ports, values } = it1;
    let calls = 0;
    world.inject('describe', () => calls++);
    await run(async () => {
      world.follow(AP, DB, 'stuck');
      world.rotate(US, DB, 'v2');
      await told();
      const { wake } = await state();
      calls = 0;
      for (const old of [0, wake - 1, wake + 1]) {
        await verifySecretWake(ports.rotation, configOf([{ name: DB }]), { subject: DB, wake: old });
      }
      expect(calls).toBe(0);
      await verifySecretWake(ports.rotation, configOf([{ name: DB }]), { subject: DB, wake });
      expect(calls).toBe(PLACES.length);
      expect(values('TimeToDetect')).toEqual([expect.any(Number)]);
    });
  });

  it('that was to be rotated and was not is a finding', async () => {
    const { clock, world, run, found, sweep } = it1;
    await run(async () => {
      world.schedule(US, DB, { nextRotationAt: clock.now() });
      await clock.sleep(23 * HOUR);
      await sweep();
      expect(await found()).toEqual([]);
      await clock.sleep(2 * HOUR);
      await sweep();
      expect(await found()).toEqual(['us-east-1 failed rotation NextRotationDate']);
      world.schedule(US, DB, { rotatedAt: clock.now(), nextRotationAt: clock.now() + 24 * HOUR });
      await clock.sleep(HOUR);
      await sweep();
      expect(await found()).toEqual([]);
    });
  });

  it.each([
    {
      what: 'a replica is missing',
      change: (world: SimulatedSecrets) => world.removeReplica(AP, DB),
      findings: ['ap-southeast-2 missing replica'],
    },
    {
      what: 'a replica was promoted',
      change: (world: SimulatedSecrets) => world.promote(AP, DB),
      findings: ['ap-southeast-2 standalone version'],
    },
    {
      what: 'a replica is in a region where nobody expects it',
      change: (world: SimulatedSecrets) => world.addReplica(US, DB, { region: 'sa-east-1' }),
      findings: ['sa-east-1 extra replica'],
      late: 0,
    },
    {
      what: 'it was deleted',
      change: (world: SimulatedSecrets) => world.remove(US, DB),
      findings: PLACES.map(({ region }) => `${region} missing replica`),
      late: 3,
    },
    {
      what: 'it is scheduled for deletion',
      change: (world: SimulatedSecrets) => {
        for (const place of [EU, AP]) world.removeReplica(place, DB);
        world.scheduleDeletion(US, DB);
      },
      findings: [
        'us-east-1 missing replica DeletedDate',
        'eu-west-1 missing replica',
        'ap-southeast-2 missing replica',
      ],
      late: 3,
    },
  ])('of which $what is named, and alarms past its target', async ({ change, findings, late = 1 }) => {
    const { clock, world, run, told, found, drained, sweep, values } = it1;
    await run(async () => {
      change(world);
      await told();
      await drained();
      expect(await found()).toEqual(findings);
      await clock.sleep(HOUR);
      await sweep();
      expect(values('SecretReplicasStale').at(-1)).toBe(late);
      expect(values('EpisodesOpen').at(-1)).toBe(1);
    });
  });

  it('without a value has no version to agree on', async () => {
    const { clock, world, told, found } = it1;
    await clock.run(async () => {
      world.create(US, DB, [EU, AP]);
      await told();
      expect(await found()).toEqual(PLACES.map(({ region }) => `${region} missing version`));
    });
  });

  it.each([
    { places: [EU], reason: 'a replica' },
    { places: [US], reason: 'its primary' },
    { places: PLACES, reason: 'all' },
  ])('of which $reason cannot be read is no agreement, and counted', async ({ places }) => {
    const { clock, world, run, told, drained, sweep, state, values } = it1;
    let isDenied = true;
    world.inject('describe', ({ region }) => {
      if (isDenied && places.some((place) => place.region === region))
        throw new RefusedError({ code: 'ACCESS_DENIED', call: 'secretsmanager:DescribeSecret' });
    });
    isDenied = false;
    await run(async () => {
      world.rotate(US, DB, 'v2');
      isDenied = true;
      await told();
      await drained();
      expect((await state()).agreed?.roots).toMatchObject({ 'us-east-1': { version: 'v1:v1' } });
      await clock.sleep(HOUR);
      await sweep();
      expect(values('UnobservableReplicas').at(-1)).toBe(places.length);
      isDenied = false;
      await clock.sleep(HOUR);
      await sweep();
      const { open, agreed } = await state();
      expect(open).toBeUndefined();
      expect(agreed?.roots).toMatchObject({ 'ap-southeast-2': { version: 'v1:v2' } });
    });
  });

  it('that is throttled is tried again, and becomes a dead letter only at last', async () => {
    const { world, run, told, letters, ledger, state } = it1;
    await run(async () => {
      let refusals = 3;
      ledger.inject('swap', () => {
        if (refusals-- > 0)
          throw new RefusedError({ code: 'THROTTLED', call: 'dynamodb:PutItem' }, { retryable: true });
      });
      world.rotate(US, DB, 'v2');
      await expect(told()).rejects.toThrow('THROTTLED');
      expect(letters).toEqual([]);
      await expect(told()).rejects.toThrow('THROTTLED');
      await expect(told()).rejects.toThrow('THROTTLED');
      await told();
      expect((await state()).open).toBeDefined();
    });
  });

  it.each(['plain', 'prod/db+cache', 'a/b/c=d@e.f', 'prod/db-AbCdEf', 'prod/db-AbCdEf-XyZ123'])(
    'of the name %s is found by ARN, name and part of an ARN, and no other is',
    async (name) => {
      const { run, world, deliver, envelope, ledger, told } = system([{ name }, { name: 'other' }]);
      await run(async () => {
        const ids = [
          name,
          `arn:aws:secretsmanager:us-east-1:111111111111:secret:${name}`,
          `arn:aws:secretsmanager:us-east-1:111111111111:secret:${name}-AbCdEf`,
        ];
        for (const [index, secretId] of ids.entries()) {
          for (const own of [name, 'other']) world.rotate(US, own, `v${index + 2}`);
          for (const requestParameters of [{ secretId }, { name: secretId }]) {
            await deliver({
              ...envelope(US),
              source: 'aws.secretsmanager',
              'detail-type': 'AWS API Call via CloudTrail',
              detail: { eventName: 'UpdateSecretVersionStage', requestParameters },
            });
          }
          const { open, last } = await ledger.read(name);
          expect((open ?? last)?.rotation?.versionId).toBe(`v${index + 2}`);
          expect((await ledger.read('other')).version).toBe(1);
        }
        await told('unknown');
        expect((await ledger.read('other')).version).toBe(1);
      });
    },
  );

  it('that an event does not name may be any of its account, and none of another', async () => {
    const hub = '111111111111';
    const other = '222222222222';
    const { run, world, deliver, envelope, ledger } = system(
      [{ name: DB }, { name: 'b' }, { name: DB, account: other }],
      {
        hub: { region: 'us-east-1', account: hub },
        replicas: [...PLACES.map((place) => ({ ...place, account: hub })), { ...US, account: other }],
      },
      (place) => ({ ...place, account: hub }),
    );
    const looked: string[] = [];
    world.inject('describe', ({ account }, name) => looked.push(`${account} ${name}`));
    await run(async () => {
      const told = (account: string) =>
        deliver({
          ...envelope(US),
          account,
          source: 'aws.secretsmanager',
          'detail-type': 'AWS Service Event via CloudTrail',
          detail: { eventName: 'RotationSucceeded', requestParameters: null, additionalEventData: {} },
        });
      looked.length = 0;
      await told(hub);
      expect(new Set(looked)).toEqual(new Set([`${hub} ${DB}`, `${hub} b`]));
      looked.length = 0;
      await told(other);
      expect(new Set(looked)).toEqual(new Set([`${other} ${DB}`]));
      expect((await all(ledger.subjects())).sort()).toEqual([`${other}:${DB}`, 'b', DB]);
    });
  });

  it.each([
    { account: '111111111111', kept: [1, 0], reason: "the hub's account" },
    { account: '222222222222', kept: [0, 1], reason: 'another account with the secret' },
    { account: '333333333333', kept: [0, 0], reason: 'an account that the config does not name' },
  ])('is in use there alone where a process of $reason reports it: $kept', async ({ account, kept }) => {
    const [hub, other] = ['111111111111', '222222222222'];
    const consumers = [{ name: CONSUMER, cacheSeconds: 60 }];
    const { run, world, deliver, envelope, clock, state } = system(
      [
        { name: DB, consumers },
        { name: DB, account: other, consumers },
      ],
      {
        hub: { region: 'us-east-1', account: hub, organization: 'o-a1b2c3d4e5' },
        replicas: [...PLACES.map((place) => ({ ...place, account: hub })), { ...US, account: other }],
      },
      (place) => ({ ...place, account: hub }),
    );
    await run(async () => {
      let calls = 0;
      world.inject('describe', () => calls++);
      const loadedAt = new Date(clock.now()).toISOString();
      await deliver({
        ...envelope(US),
        account,
        source: REPORT_SOURCE,
        'detail-type': REPORT_DETAIL_TYPE,
        detail: { consumer: CONSUMER, process: 'p1', secret: DB, versionId: 'v1', loadedAt },
      });
      const states = [await state(), await state(`${other}:${DB}`)];
      expect(states.map(({ secret }) => secret?.loads.length)).toEqual(kept);
      expect(calls > 0).toBe(kept.includes(1));
    });
  });

  it('that is not watched any more is retired, and its open episode ends', async () => {
    const { clock, world, run, told, drained, state, ports } = it1;
    await run(async () => {
      world.follow(AP, DB, 'stuck');
      world.rotate(US, DB, 'v2');
      await told();
      await drained();
      await clock.sleep(HOUR);
      await sweepNow(ports, configOf([{ name: 'other' }]));
      expect(await state()).toMatchObject({ open: undefined, last: { outcome: 'retired' } });
    });
  });

  it('among a hundred that rotate in the same minute has its own episode', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `prod/db-${index}`);
    const { run, world, told, drained, ledger, telemetry, values } = system(names.map((name) => ({ name })));
    await run(async () => {
      telemetry.samples.length = 0;
      for (const name of names) world.rotate(US, name, 'v2');
      await Promise.all(names.flatMap((name) => [told(name), told(name)]));
      await drained();
      for (const name of names) {
        expect(await ledger.history(name, 10)).toMatchObject([
          { outcome: 'forward', rotation: { versionId: 'v2' } },
        ]);
      }
      expect(values('SecretPropagationTime')).toHaveLength(100);
    });
  });

  it('that is only learnt opens episodes, and no gauge of an alarm', async () => {
    const { clock, world, run, told, drained, sweep, state, values } = system([{ name: DB, mode: 'learn' }]);
    await run(async () => {
      world.follow(AP, DB, 'stuck');
      world.rotate(US, DB, 'v2');
      await told();
      await drained();
      await clock.sleep(HOUR);
      await sweep();
      expect((await state()).open?.isOverdue).toBe(true);
      expect(values('EpisodesOpen').at(-1)).toBe(1);
      for (const gauge of ['SecretReplicasStale', 'SecretConsumersStale', 'EpisodesStalled']) {
        expect(values(gauge).at(-1), gauge).toBe(0);
      }
    });
  });

  it('has gauges only if one is watched: each series is paid for', async () => {
    const { run, ports, telemetry } = it1;
    await run(async () => {
      const published = () =>
        telemetry.samples.map(({ metric }) => metric).filter((metric) => /^Secret/.test(metric));
      expect(published()).toHaveLength(3);
      telemetry.samples.length = 0;
      await sweepNow(ports, configOf([], { functions: [{ select: { name: '*' } }] }));
      expect(published()).toEqual([]);
    });
  });

  it('that is new is looked at by the next sweep', async () => {
    const { clock, run, ports, ledger, world } = it1;
    await run(async () => {
      await clock.sleep(7 * MINUTE);
      world.create(US, 'new', [EU, AP], 'v1');
      await sweepNow(ports, configOf([{ name: DB }, { name: 'new' }]));
      expect((await ledger.read('new')).agreed?.roots).toMatchObject({ 'us-east-1': { version: 'v1:v1' } });
    });
  });

  it('is looked at by a sweep once an hour, and more often while an episode is open', async () => {
    const { clock, world, run, sweep, state } = it1;
    let calls = 0;
    world.inject('describe', () => calls++);
    await run(async () => {
      const sweepsFor = async (ms: number) => {
        calls = 0;
        for (let passed = 0; passed < ms; passed += 5 * MINUTE) {
          await clock.sleep(5 * MINUTE);
          await sweep();
        }
        return calls;
      };
      expect(await sweepsFor(2 * HOUR)).toBe(2 * PLACES.length);
      world.follow(AP, DB, 'stuck');
      world.rotate(US, DB, 'v2'); // and the event is lost
      await sweepsFor(HOUR);
      expect((await state()).open).toMatchObject({ cause: { source: 'look' } });
      expect(await sweepsFor(HOUR)).toBe(12 * PLACES.length);
    });
  });
});
