import { describe, expect, it } from 'vitest';
import { SimulatedDeadLetters } from '../../functions/adapters/sim/dead-letters.ts';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedNudges } from '../../functions/adapters/sim/nudges.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { SimulatedTelemetry } from '../../functions/adapters/sim/telemetry.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { receiveDeploy } from '../../functions/app/receive.ts';
import { placesOfConfig } from '../../functions/app/scope.ts';
import { parseConfig } from '../../functions/contract/config.ts';
import { TRIES_MAX } from '../../functions/contract/deployment.ts';
import { MESSAGE_BYTES_MAX } from '../../functions/contract/messages.ts';
import { RecohereError, RefusedError } from '../../functions/core/errors.ts';
import { fingerprintKey } from '../../functions/core/fingerprint.ts';
import type { Wake } from '../../functions/ports/wakes.ts';
import { EU, everywhere, PLACES, sweepNow, withoutSecrets } from './simulated.ts';

const SECRET = 'hunter2';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const HUB_ACCOUNT = '111111111111';
const REPLICA_ACCOUNT = '222222222222';
const FOREIGN_ACCOUNT = '333333333333';

/**
 * A world of one function that agrees everywhere, seen by a sweep, and what receives messages about it.
 * @param account The hub's, where all copies are. @default one that the config does not name
 */
function system(account?: string) {
  const clock = new VirtualClock(Date.UTC(2026, 0, 5, 9));
  const world = new SimulatedRegions(clock, () => 20);
  const ledger = new SimulatedLedger();
  const telemetry = new SimulatedTelemetry();
  const deadLetters = new SimulatedDeadLetters();
  const sent: Wake[] = [];
  const ports: Parameters<typeof receiveDeploy>[0] = {
    source: world,
    clock,
    ledger,
    telemetry,
    deadLetters,
    nudges: new SimulatedNudges(),
    wakes: {
      async send(wake) {
        sent.push(wake);
      },
    },
    random: new SeededRandom(1, 'delays'),
    key: fingerprintKey('k1', new Uint8Array(32)),
  };
  const parsed = parseConfig({
    hub: { region: 'us-east-1', account },
    replicas: [...PLACES, ...(account ? [{ ...EU, account: REPLICA_ACCOUNT }] : [])],
    functions: [{ select: { name: '*' } }],
  });
  if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
  const { config } = parsed;
  return {
    clock,
    world,
    ledger,
    telemetry,
    sent,
    letters: deadLetters.letters,
    deliver: (body: unknown, tries = 1) =>
      receiveDeploy(ports, config, {
        messageId: 'm1',
        tries,
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    sweepAgain: () => sweepNow(withoutSecrets(ports), config),
    run: (work: () => Promise<void>) =>
      clock.run(async () => {
        for (const place of placesOfConfig(config)) {
          world.deploy(place, 'api', { environment: { A: SECRET } });
        }
        await clock.sleep(DAY);
        await sweepNow(withoutSecrets(ports), config);
        await work();
      }),
  };
}

/** What CloudFormation sends when it has updated a function. */
function resourceEvent(time: number, change: Record<string, unknown> = {}, detail: object = {}) {
  return {
    id: 'event-1',
    account: '111111111111',
    region: 'eu-west-1',
    time: new Date(time).toISOString(),
    source: 'aws.cloudformation',
    'detail-type': 'CloudFormation Resource Status Change',
    detail: {
      'stack-id': 'arn:aws:cloudformation:eu-west-1:111111111111:stack/Shop/1',
      'logical-resource-id': 'Api',
      'physical-resource-id': 'api',
      'resource-type': 'AWS::Lambda::Function',
      'status-details': { status: 'UPDATE_COMPLETE' },
      ...detail,
    },
    ...change,
  };
}

describe('a message', () => {
  it('that tells of a deploy opens an episode, and the wake-up that it asks for closes it', async () => {
    const { clock, world, ledger, sent, letters, deliver, run } = system();
    await run(async () => {
      world.deploy(EU, 'api', { environment: { A: 'new' } });
      await deliver(resourceEvent(clock.now()));
      expect((await ledger.read('api')).open?.findings).toMatchObject([
        { replica: 'eu-west-1', keys: ['A'] },
      ]);
      everywhere((place) => world.deploy(place, 'api', { environment: { A: 'new' } }));
      const [wake] = sent;
      await deliver({ kind: 'recohere.wake', ...wake });
      expect((await ledger.read('api')).last?.outcome).toBe('forward');
      expect(letters).toEqual([]);
    });
  });

  it.each([
    ['is not JSON', '{"id": ', 'NOT_JSON'],
    ['is empty', '', 'NOT_JSON'],
    ['is JSON, and no event', [1], 'NOT_AN_EVENT'],
    ['is of an unknown source', { ...resourceEvent(0), source: 'aws.ec2' }, 'NOT_AN_EVENT'],
    ['has another type', { ...resourceEvent(0), 'detail-type': 'Other' }, 'NOT_AN_EVENT'],
    ['lacks its detail', { ...resourceEvent(0), detail: undefined }, 'NOT_AN_EVENT'],
    ['has a field of another type', resourceEvent(0, {}, { 'logical-resource-id': 7 }), 'NOT_AN_EVENT'],
    ['has a time that is none', resourceEvent(0, { time: 'yesterday' }), 'NOT_AN_EVENT'],
    [
      'has a name of 3,000 characters',
      resourceEvent(0, {}, { 'logical-resource-id': 'x'.repeat(3000) }),
      'NOT_AN_EVENT',
    ],
    ['is a wake-up that nobody sent', { kind: 'recohere.wake', subject: 'api', wake: -1 }, 'NOT_AN_EVENT'],
    ['is a look at nobody', { kind: 'recohere.look', id: 'a', at: 0, subjects: [] }, 'NOT_AN_EVENT'],
    [
      'is a look at a time that no date has',
      { kind: 'recohere.look', id: 'a', at: 8.64e15 + 1, subjects: ['api'] },
      'NOT_AN_EVENT',
    ],
    ['is cut off', JSON.stringify(resourceEvent(0)).slice(0, 200), 'NOT_JSON'],
    ['is of 1 MiB', JSON.stringify({ ...resourceEvent(0), more: 'x'.repeat(1024 * 1024) }), 'TOO_LARGE'],
  ])('that %s is a dead letter', async (_reason, body, reason) => {
    const { letters, deliver } = system();
    await deliver(body);
    expect(letters).toMatchObject([
      { reason, messageId: 'm1', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    expect(JSON.stringify(letters)).not.toContain('xxx');
  });

  it.each([
    ['a wake-up', (wake: number, _at: number) => ({ kind: 'recohere.wake', subject: 'api', wake })],
    [
      'a request to look',
      (_wake: number, at: number) => ({ kind: 'recohere.look', id: 'look-1', at, subjects: ['api'] }),
    ],
  ])(
    'that is %s of a newer release is handled without the fields that only that one knows',
    async (_, of) => {
      const { clock, world, ledger, letters, deliver, run } = system();
      await run(async () => {
        world.deploy(EU, 'api', { environment: { A: 'new' } });
        await deliver(resourceEvent(clock.now()));
        everywhere((place) => world.deploy(place, 'api', { environment: { A: 'new' } }));
        await clock.sleep(HOUR);
        const { wake } = await ledger.read('api');
        await deliver({ ...of(wake, clock.now()), since: 7 });
        expect(letters).toEqual([]);
        expect((await ledger.read('api')).last?.outcome).toBe('forward');
      });
    },
  );

  it('that asks for a look at a subject by hand is a change whose source is manual, and of unknown ones none', async () => {
    const { clock, world, ledger, letters, deliver, run } = system();
    await run(async () => {
      world.deploy(EU, 'api', { environment: { A: 'new' } });
      const look = { kind: 'recohere.look', id: 'look-1', at: clock.now() };
      await deliver({ ...look, subjects: ['nobody'] });
      expect((await ledger.read('api')).open).toBeUndefined();
      await deliver({ ...look, subjects: ['nobody', 'api'] });
      await deliver({ ...look, subjects: ['nobody', 'api'] }); // at least once
      expect(letters).toEqual([]);
      expect((await ledger.read('api')).open).toMatchObject({
        cause: { source: 'manual', id: 'look-1' },
        findings: [{ replica: 'eu-west-1', keys: ['A'] }],
      });
    });
  });

  it('that asks for a look is answered when somebody has looked, whoever else has asked before or after', async () => {
    const { clock, ledger, deliver, run } = system();
    await run(async () => {
      const asked = clock.now();
      const look = (at: number) => ({ kind: 'recohere.look', id: `look-${at}`, at, subjects: ['api'] });
      await clock.sleep(1000);
      await deliver(look(asked + 500));
      expect((await ledger.read('api')).answeredUntil).toBe(asked + 500);
      await deliver(look(asked)); // older, and late
      expect((await ledger.read('api')).answeredUntil).toBe(asked + 500);
      const { version } = await ledger.read('api');
      await deliver(look(asked)); // at least once
      expect((await ledger.read('api')).version).toBe(version);
    });
  });

  it('that asks for a look tells of no move: nobody has told what a person went to see', async () => {
    const { clock, world, telemetry, deliver, run, sweepAgain } = system();
    await run(async () => {
      world.deploy(EU, 'api', { environment: { A: 'new' } });
      await deliver({ kind: 'recohere.look', id: 'look-1', at: clock.now(), subjects: ['api'] });
      await clock.sleep(HOUR);
      await deliver({ kind: 'recohere.look', id: 'look-2', at: clock.now(), subjects: ['api'] });
      await sweepAgain();
      const lost = telemetry.samples.filter(({ metric, value }) => metric === 'LostEventCount' && value > 0);
      expect(lost).toMatchObject([{ properties: { subject: 'api', replica: 'eu-west-1' } }]);
    });
  });

  it('that asks for a look leaves what a deploy has asked for as it is', async () => {
    const { clock, world, ledger, deliver, run } = system();
    await run(async () => {
      everywhere((place) => world.deploy(place, 'api', { environment: { A: SECRET }, code: 'old' }));
      const finished = { source: 'recohere.deploy', 'detail-type': 'Deploy Finished' };
      const detail = { deployId: 'd1', functions: ['api'], expect: { code: 'new' } };
      await deliver(resourceEvent(clock.now(), { ...finished, detail }));
      const { findings } = (await ledger.read('api')).open ?? {};
      expect(findings?.map(({ kind }) => kind)).toContain('unexpected');
      await clock.sleep(1000);
      await deliver({ kind: 'recohere.look', id: 'look-1', at: clock.now(), subjects: ['api'] });
      expect((await ledger.read('api')).open?.findings).toEqual(findings);
    });
  });

  it('that is as large as may be is read', async () => {
    const { clock, letters, deliver, run } = system();
    await run(async () => {
      const event = JSON.stringify(resourceEvent(clock.now()));
      await deliver(event.padEnd(MESSAGE_BYTES_MAX, ' '));
      expect(letters).toEqual([]);
    });
  });

  it.each(['../../etc', 'a b', '日本', "x'; --", 'a'.repeat(2000), '*'])(
    'with the odd name %s concerns nobody, and is no failure',
    async (name) => {
      const { clock, ledger, letters, deliver, run } = system();
      await run(async () => {
        await deliver(resourceEvent(clock.now(), {}, { 'physical-resource-id': name }));
        expect(letters).toEqual([]);
        expect((await ledger.read('api')).open).toBeUndefined();
      });
    },
  );

  it('whose clock is an hour ahead gives no negative times', async () => {
    const { clock, world, telemetry, deliver, run } = system();
    await run(async () => {
      everywhere((place) => world.deploy(place, 'api', { environment: { A: 'new' } }));
      await deliver(resourceEvent(clock.now() + HOUR));
      const times = telemetry.samples.filter(({ metric }) => /Time/.test(metric)).map(({ value }) => value);
      expect(times).toEqual([0, 0, 0]);
    });
  });

  it('of a day ago is absorbed by what was seen since', async () => {
    const { clock, world, ledger, deliver, run } = system();
    await run(async () => {
      world.deploy(EU, 'api', { environment: { A: 'new' } });
      await deliver(resourceEvent(clock.now() - DAY));
      expect((await ledger.read('api')).open?.cause).toMatchObject({ source: 'look' });
    });
  });

  it('stays in its queue while the ledger does not answer', async () => {
    const { clock, world, ledger, letters, deliver, run } = system();
    await run(async () => {
      ledger.inject('read', () => {
        throw new RefusedError({ code: 'THROTTLED', call: 'dynamodb:GetItem' }, { retryable: true });
      });
      world.deploy(EU, 'api', { environment: { A: 'new' } });
      await expect(deliver(resourceEvent(clock.now()))).rejects.toMatchObject({ code: 'THROTTLED' });
      expect(letters).toEqual([]);
    });
  });

  it('about a subject that a later release has written is a dead letter, since no try will change that', async () => {
    const { clock, ledger, letters, deliver, run } = system();
    await run(async () => {
      ledger.inject('read', () => {
        throw new RecohereError('FUTURE_ITEM', 'a later release wrote this item');
      });
      await deliver(resourceEvent(clock.now()));
      expect(letters).toMatchObject([{ reason: 'FUTURE_ITEM', envelope: { id: 'event-1' } }]);
    });
  });

  it.each([
    { error: new RefusedError({ code: 'THROTTLED' }, { retryable: true }), reason: 'THROTTLED' },
    { error: new RefusedError({ code: 'ACCESS_DENIED' }), reason: 'ACCESS_DENIED' },
    { error: new TypeError('x is not a function'), reason: 'DEFECT' },
  ])(
    'that was tried often enough is a dead letter of reason $reason, before SQS keeps it whole',
    async (given) => {
      const { clock, ledger, letters, deliver, run } = system();
      await run(async () => {
        ledger.inject('read', () => {
          throw given.error;
        });
        const event = resourceEvent(clock.now());
        await expect(deliver(event, TRIES_MAX - 1)).rejects.toBe(given.error);
        await deliver(event, TRIES_MAX);
        expect(letters).toMatchObject([{ reason: given.reason, envelope: { id: 'event-1' } }]);
      });
    },
  );

  it('stays in its queue if its failure is a defect', async () => {
    const { clock, ledger, deliver, run } = system();
    await run(async () => {
      ledger.inject('read', () => {
        throw new TypeError('x is not a function');
      });
      await expect(deliver(resourceEvent(clock.now()))).rejects.toThrow(TypeError);
    });
  });
});

describe('an event of a bus that takes those of a whole organisation', () => {
  const finished = { source: 'recohere.deploy', 'detail-type': 'Deploy Finished' };
  const pipeline = {
    source: 'aws.codepipeline',
    'detail-type': 'CodePipeline Pipeline Execution State Change',
    detail: { pipeline: 'shop', 'execution-id': 'd1', state: 'SUCCEEDED' },
  };
  const expected = { deployId: 'd1', functions: ['api'], expect: { code: 'new' } };

  it.each([
    { account: HUB_ACCOUNT, finds: ['unexpected'], reason: "the hub's account" },
    { account: REPLICA_ACCOUNT, finds: ['unexpected'], reason: 'an account with replicas' },
    { account: FOREIGN_ACCOUNT, finds: [], reason: 'an account that the config does not name' },
  ])('says what is expected if it is of $reason: $finds', async ({ account, finds }) => {
    const { clock, ledger, letters, deliver, run } = system(HUB_ACCOUNT);
    await run(async () => {
      await deliver(resourceEvent(clock.now(), { ...finished, account, detail: expected }));
      const { open, asked } = await ledger.read('api');
      expect([...new Set(open?.findings.map(({ kind }) => kind))]).toEqual(finds);
      expect(asked !== undefined).toBe(finds.length > 0);
      expect(letters).toEqual([]);
    });
  });

  it.each([
    { change: { ...finished, detail: expected }, reason: 'a deploy of functions has ended' },
    { change: { ...finished, detail: { deployId: 'd1' } }, reason: 'a deploy has ended' },
    { change: pipeline, reason: 'a pipeline has ended' },
  ])(
    'of a foreign account, which says that $reason, causes a look, and nothing else of it is believed',
    async ({ change }) => {
      const { clock, world, ledger, deliver, run } = system(HUB_ACCOUNT);
      await run(async () => {
        const foreign = () => deliver(resourceEvent(clock.now(), { ...change, account: FOREIGN_ACCOUNT }));
        await foreign();
        expect((await ledger.read('api')).open).toBeUndefined();
        await clock.sleep(HOUR);
        world.deploy({ ...EU, account: HUB_ACCOUNT }, 'api', { environment: { A: 'new' } });
        await clock.sleep(1000);
        await foreign();
        const { open } = await ledger.read('api');
        expect(open).toMatchObject({ cause: { source: 'look' }, findings: [{ keys: ['A'] }] });
        await clock.sleep(60_000);
        await foreign();
        const later = await ledger.read('api');
        expect(later.open).toMatchObject({ cause: open?.cause, lastChangeAt: open?.lastChangeAt });
        expect(later.heard).toBeUndefined();
      });
    },
  );

  it('of a foreign account, which tells of a place, is of none that is watched', async () => {
    const { clock, world, ledger, letters, deliver, run } = system(HUB_ACCOUNT);
    await run(async () => {
      world.deploy({ ...EU, account: HUB_ACCOUNT }, 'api', { environment: { A: 'new' } });
      const before = await ledger.read('api');
      await deliver(resourceEvent(clock.now(), { account: FOREIGN_ACCOUNT }));
      expect(await ledger.read('api')).toEqual(before);
      expect(letters).toEqual([]);
    });
  });

  it('of a foreign account is not tried again where nobody can tell what it asks for', async () => {
    const { clock, world, letters, deliver, run } = system(HUB_ACCOUNT);
    await run(async () => {
      world.inject('read', ({ region }) => {
        if (region === EU.region) throw new RefusedError({ code: 'REGION_UNREACHABLE' });
      });
      const detail = { ...expected, functions: ['nobody'] };
      await deliver(resourceEvent(clock.now(), { ...finished, account: FOREIGN_ACCOUNT, detail }));
      expect(letters).toEqual([]);
    });
  });
});
