import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { bundled } from '../../local/bundled.ts';
import { DeployedFunctions } from '../../local/deployed-functions.ts';
import { DeployedSecrets } from '../../local/deployed-secrets.ts';
import { EMULATED_ACCOUNT } from '../../local/emulator.ts';
import { eventOf, type Ledger, type State, type Told } from '../../local/installation.ts';
import { until } from '../../local/until.ts';
import { Deployed, letterOf, placesWith, troubleIn } from './deployed.ts';
import { Forwarding } from './forwarding.ts';

/** Others than those of other tests, which may prepare theirs for the CDK at the same time. */
const [HUB, FAR] = ['us-east-2', 'eu-central-1'] as const;
const REGIONS = [HUB, FAR] as const;
type Region = (typeof REGIONS)[number];

/** Of this run alone, so that nothing is in its way in an emulator that is not new. */
const PREFIX = `e2e-${randomUUID().slice(0, 8)}`;

/** A secret for each way in which a rotation goes, so that they can all go at once. */
const ORDERS = `${PREFIX}/orders`;
const BILLING = `${PREFIX}/billing`;
const MAIL = `${PREFIX}/mail`;
const SESSIONS = `${PREFIX}/sessions`;
const AUDIT = `${PREFIX}/audit`;
/** All are replicated from the hub's region but this one. */
const primaryOf = (secret: string): Region => (secret === MAIL ? FAR : HUB);
const otherThan = (region: Region): Region => (region === HUB ? FAR : HUB);

/** Functions that use a secret, or do so to be probed: `local/consumer.ts`, each with another cache. */
const ORDERS_API = `${PREFIX}-orders-api`;
const BILLING_PROBE = `${PREFIX}-billing-probe`;
const SESSIONS_API = `${PREFIX}-sessions-api`;

/** Until then nothing but a report or a probe can prove anything, and the test is over. */
const LONG_SECONDS = 90;
/** Long enough for an update of a function and the next look, and over by the time that the stacks are deployed. */
const PROBED_SECONDS = 15;
const SHORT_SECONDS = 2;

const CONFIG = {
  prefix: PREFIX,
  hub: { region: HUB },
  replicas: REGIONS.map((region) => ({ region })),
  secrets: [
    { name: ORDERS, consumers: [{ name: ORDERS_API, cacheSeconds: LONG_SECONDS }] },
    { name: BILLING, consumers: [{ name: 'billing', cacheSeconds: PROBED_SECONDS, probe: BILLING_PROBE }] },
    { name: MAIL, consumers: [{ name: 'mail', cacheSeconds: SHORT_SECONDS }] },
    {
      name: SESSIONS,
      consumers: [{ name: SESSIONS_API, cacheSeconds: LONG_SECONDS, regions: [HUB] }],
      targetSeconds: 1,
    },
    { name: AUDIT },
  ],
} satisfies RecohereConfig;

describe('rotations', { timeout: 150_000 }, () => {
  const planted = new Set<string>();
  const functions = new DeployedFunctions();
  const secrets = new DeployedSecrets();
  const deployed = new Deployed(CONFIG);
  const { installation } = deployed;
  let ledger: Ledger;
  let forwarding: Forwarding | undefined;

  beforeAll(async () => {
    await Promise.all([deployed.deploy(), createSecrets(), createConsumers()]);
    ledger = await installation.ledger('secret');
    forwarding = await Forwarding.start(FAR, installation);
    for (const region of REGIONS) await functions.invoke(region, ORDERS_API);
    await functions.invoke(HUB, SESSIONS_API);
    for (const secret of [BILLING, MAIL, AUDIT]) {
      const first = labelUpdated(secret, await secrets.current(primaryOf(secret), secret));
      await installation.tell(primaryOf(secret), first);
    }
    for (const { name } of CONFIG.secrets) {
      await until(
        `replicas and consumers of ${name} agree`,
        () => ledger.read(name),
        ({ agreed, open }) => agreed !== undefined && open === undefined,
      );
    }
  });

  afterAll(async () => {
    const ends = await Promise.allSettled([forwarding?.stop(), functions.removeAll(), secrets.removeAll()]);
    await deployed.remove();
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  function plant(text: string): string {
    const value = `planted-${randomUUID()}-${text}`;
    planted.add(value);
    return value;
  }

  async function createSecrets(): Promise<void> {
    for (const { name } of CONFIG.secrets) {
      await secrets.create(primaryOf(name), name, plant('first'), [otherThan(primaryOf(name))]);
    }
  }

  async function createConsumers(): Promise<void> {
    const code = await bundled('local/consumer.ts');
    const deploy = (region: Region, name: string, secret: string, cacheSeconds: number) =>
      functions.deploy(region, name, {
        code,
        environment: consumes(secret, cacheSeconds),
        timeoutSeconds: 10,
      });
    for (const region of REGIONS) {
      await deploy(region, ORDERS_API, ORDERS, SHORT_SECONDS);
      await deploy(region, BILLING_PROBE, BILLING, LONG_SECONDS);
    }
    await deploy(HUB, SESSIONS_API, SESSIONS, LONG_SECONDS);
  }

  const rotate = (secret: string) => secrets.rotate(primaryOf(secret), secret, plant('next'));

  const findingsOf = (secret: string, ...findings: readonly object[]) =>
    until(
      `an episode of ${secret} has exactly the findings named`,
      () => ledger.read(secret),
      ({ open }) => isDeepStrictEqual(open?.findings, findings),
    );

  /** The episode that ends with a version. @param ask Done before each look at the ledger. */
  async function closed(
    secret: string,
    versionId: string,
    ask = async () => {},
  ): Promise<NonNullable<State['last']>> {
    const { last } = await until(
      `an episode of ${secret} ends with ${versionId}`,
      async () => {
        await ask();
        return ledger.read(secret);
      },
      ({ open, last }) => open === undefined && last?.rotation?.versionId === versionId,
    );
    return last as NonNullable<State['last']>;
  }

  /** What was published of a secret's propagation, once for each sample. */
  async function propagationsOf(secret: string) {
    const samples = await until(
      `the propagation of ${secret} is logged`,
      () => installation.samples(),
      (logged) => logged.some((each) => each.subject === secret && each.metric === 'SecretPropagationTime'),
    );
    return samples.filter((each) => each.subject === secret && each.metric === 'SecretPropagationTime');
  }

  const propagation = (evidence: string) => ({
    value: expect.any(Number),
    unit: 'Milliseconds',
    evidence,
  });

  describe.concurrent('each on its own', () => {
    it('proves by reports that consumers have followed, and makes one episode of events in any order', async () => {
      const first = await secrets.current(HUB, ORDERS);
      const versionId = await rotate(ORDERS);
      const event = JSON.stringify(eventOf(HUB, labelUpdated(ORDERS, versionId)));
      const older = JSON.stringify(eventOf(HUB, labelUpdated(ORDERS, first)));
      await installation.deliver([event, older, event, event, older], 'verify-rotation');

      const { open } = await findingsOf(
        ORDERS,
        consumer('stale', HUB, ORDERS_API),
        consumer('stale', FAR, ORDERS_API),
      );
      const last = await closed(ORDERS, versionId, async () => {
        for (const region of REGIONS) await functions.invoke(region, ORDERS_API); // its cache ends
      });
      await installation.deliver([older, event, event], 'verify-rotation'); // later than all others
      await installation.handled('verify-rotation');

      expect(last).toMatchObject({ id: open?.id, outcome: 'forward' });
      expect(last.rotation?.hops).toEqual([
        done(1, HUB, 'described'),
        done(2, FAR, 'described'),
        done(3, HUB, 'reported', ORDERS_API),
        done(3, FAR, 'reported', ORDERS_API),
      ]);
      const { open: reopened, last: stillLast } = await ledger.read(ORDERS);
      expect({ reopened, stillLast }).toEqual({ stillLast: last });
      expect(await ledger.history(ORDERS, 10)).toEqual([last]);
      expect(await propagationsOf(ORDERS)).toMatchObject([propagation('reported')]);
    });

    it('probes consumers that do not report, until none keeps the old version', async () => {
      for (const region of REGIONS) await functions.invoke(region, BILLING_PROBE); // it keeps what it loads
      const versionId = await rotate(BILLING);
      await findingsOf(BILLING, consumer('stale', HUB, 'billing'), consumer('stale', FAR, 'billing'));
      for (const region of REGIONS) {
        const environment = consumes(BILLING, SHORT_SECONDS);
        await functions.deploy(region, BILLING_PROBE, { environment }); // its processes begin anew
      }

      const last = await closed(BILLING, versionId);
      expect(last.outcome).toBe('forward');
      expect(last.cause.source, 'no event but that of Secrets Manager itself').toBe('aws.secretsmanager');
      expect(last.rotation?.hops.slice(2)).toEqual([
        done(3, HUB, 'probed', 'billing'),
        done(3, FAR, 'probed', 'billing'),
      ]);
      expect(await propagationsOf(BILLING)).toMatchObject([propagation('probed')]);
    });

    it('waits for the cache of consumers that say nothing', async () => {
      const versionId = await rotate(MAIL);
      await findingsOf(MAIL, consumer('unsettled', HUB, 'mail'), consumer('unsettled', FAR, 'mail'));

      const last = await closed(MAIL, versionId);
      expect(last.outcome).toBe('forward');
      expect(last.cause.source, 'no event but that of Secrets Manager itself').toBe('aws.secretsmanager');
      expect(last.rotation?.hops).toEqual([
        done(1, FAR, 'described'),
        done(2, HUB, 'described'),
        done(3, HUB, 'bounded', 'mail'),
        done(3, FAR, 'bounded', 'mail'),
      ]);
      const [, replicated, ...followed] = last.rotation?.hops.map(({ at }) => at ?? 0) ?? [];
      for (const at of followed) expect(at).toBeGreaterThanOrEqual((replicated ?? 0) + SHORT_SECONDS * 1000);
      expect(await propagationsOf(MAIL)).toMatchObject([propagation('bounded')]);
    });

    it('calls rolled back what went back before its consumers followed', async () => {
      const first = await secrets.current(HUB, SESSIONS);
      await rotate(SESSIONS);
      const { open } = await findingsOf(SESSIONS, consumer('stale', HUB, SESSIONS_API));
      await secrets.makeCurrent(HUB, SESSIONS, first);

      const last = await closed(SESSIONS, first);
      expect(last).toMatchObject({ id: open?.id, outcome: 'rolled-back' });
      const samples = await until(
        'the rollback is logged',
        () => installation.samples(),
        (logged) => logged.some(({ metric, subject }) => metric === 'RollbackCount' && subject === SESSIONS),
      );
      const own = samples.filter(({ subject }) => subject === SESSIONS);
      expect(own.map(({ metric }) => metric)).not.toContain('SecretPropagationTime');
    });

    it('says that consumers are not watched, and ends a failed rotation with the next one', async () => {
      const second = await rotate(AUDIT);
      const unwatched = await closed(AUDIT, second);
      expect(unwatched.outcome).toBe('forward');
      expect(unwatched.rotation?.hops.slice(2)).toEqual(
        REGIONS.map((replica) => ({ hop: 3, replica, state: 'unwatched', evidence: null, at: null })),
      );
      expect(await propagationsOf(AUDIT)).toMatchObject([propagation('unwatched')]);

      await installation.tell(HUB, rotationFailed(AUDIT));
      await findingsOf(AUDIT, failure('RotationFailed'));
      const third = await rotate(AUDIT);
      const last = await closed(AUDIT, third);
      const history = await until(
        'the last episode is recorded, which follows its close',
        () => ledger.history(AUDIT, 10),
        ([newest]) => newest?.id === last.id,
      );
      expect(history.map(({ outcome, rotation }) => [outcome, rotation?.versionId])).toEqual([
        ['forward', third],
        ['superseded', second],
        ['forward', second],
      ]);
      expect(history[0]).toEqual(last);
      expect(history[1]?.findings).toEqual([failure('RotationFailed')]);
    });

    it('makes dead letters of what it cannot read', async () => {
      const event = eventOf(HUB, labelUpdated(AUDIT, randomUUID()));
      const bad = [
        letter('NOT_JSON', `{ "source": "aws.secretsmanager", ${plant('broken')}`),
        letter('NOT_AN_EVENT', JSON.stringify([plant('list')])),
        letter('NOT_AN_EVENT', JSON.stringify({ ...event, detail: plant('detail') })),
        letter(
          'NOT_AN_EVENT',
          JSON.stringify({ ...event, 'detail-type': 'Other', SecretString: plant('x') }),
        ),
        letter('NOT_AN_EVENT', JSON.stringify({ kind: 'recohere.wake', subject: AUDIT, wake: plant('n') })),
      ];
      await installation.deliver(
        bad.map(({ body }) => body),
        'verify-rotation',
      );
      const report = { consumer: ORDERS_API, secret: ORDERS, versionId: 7, SecretString: plant('reported') };
      const told = { source: 'recohere.probe', detailType: 'Secret Version Loaded', detail: report };
      const id = await installation.put('default', told);

      const letters = await until(
        'all are among the dead letters',
        () => installation.deadLetters('verify-rotation'),
        ({ length }) => length > bad.length,
      );
      for (const { expected } of bad) expect(letters).toContainEqual(expected);
      const { source, detailType } = told;
      expect(letters.filter(({ envelope }) => envelope.id === id)).toMatchObject([
        { reason: 'NOT_AN_EVENT', envelope: { source, 'detail-type': detailType } },
      ]);
      expect(letters.length).toBe(bad.length + 1);
    });
  });

  it('counts in a sweep what is past its target, and rotations that failed', async () => {
    const before = await installation.sweep();
    expect(before).toMatchObject({
      EpisodesOpen: 0,
      SecretReplicasStale: 0,
      SecretConsumersStale: 0,
      SecretRotationsFailed: 0,
      UnobservableReplicas: 0,
      SweepHeartbeat: 1,
    });
    await installation.tell(HUB, rotationFailed(AUDIT));
    await rotate(SESSIONS);
    await findingsOf(AUDIT, failure('RotationFailed'));
    await findingsOf(SESSIONS, consumer('stale', HUB, SESSIONS_API));
    const after = await until(
      'a sweep finds the target passed',
      () => installation.sweep(),
      ({ SecretConsumersStale }) => SecretConsumersStale === 1,
    );
    expect(after).toMatchObject({
      EpisodesOpen: 2,
      SecretReplicasStale: 0,
      SecretConsumersStale: 1,
      SecretRotationsFailed: 1,
      SweepHeartbeat: 1,
    });
  });

  it('lets no value out, and logs no error', async () => {
    const texts = await deployed.texts();
    // the search finds what is there
    expect(placesWith([ORDERS], texts)).toEqual(expect.arrayContaining(['logs', 'ledger', 'written']));
    expect(placesWith(['aws.secretsmanager'], texts)).toContain('letters');
    expect(placesWith(['secrets[3].consumers[0].cacheSeconds: '], texts), 'the CDK warns').toContain(
      'printed',
    );

    expect(planted.size).toBeGreaterThan(CONFIG.secrets.length);
    expect(placesWith(planted, texts)).toEqual([]);
    expect(troubleIn(texts.logs)).toEqual([]);
  });
});

function consumes(secret: string, cacheSeconds: number) {
  return { SECRET_NAME: secret, CACHE_SECONDS: String(cacheSeconds) };
}

function consumer(kind: string, replica: Region, name: string) {
  return { replica, facet: 'consumer', kind, keys: [name] };
}

function failure(key: string) {
  return { replica: HUB, facet: 'rotation', kind: 'failed', keys: [key] };
}

function done(hop: number, replica: Region, evidence: string, name?: string) {
  const at = expect.any(Number);
  return { hop, replica, ...(name && { consumer: name }), state: 'agreed', evidence, at };
}

function letter(reason: string, body: string) {
  return { body, expected: letterOf(reason, body) };
}

/** As Secrets Manager tells of it, in the region of the primary. */
function labelUpdated(secret: string, versionId: string): Told {
  return {
    source: 'aws.secretsmanager',
    detailType: 'Secret Label Updated',
    resources: [arnOf(secret)],
    detail: { name: secret, labelUpdated: 'AWSCURRENT', versionId },
  };
}

/** As CloudTrail tells of it. */
function rotationFailed(secret: string): Told {
  return {
    source: 'aws.secretsmanager',
    detailType: 'AWS Service Event via CloudTrail',
    detail: {
      eventVersion: '1.08',
      eventSource: 'secretsmanager.amazonaws.com',
      eventName: 'RotationFailed',
      awsRegion: HUB,
      requestParameters: null,
      responseElements: null,
      additionalEventData: { SecretId: arnOf(secret) },
      eventType: 'AwsServiceEvent',
    },
  };
}

/** A secret's ARN ends with six characters of AWS's own. */
function arnOf(secret: string): string {
  return `arn:aws:secretsmanager:${primaryOf(secret)}:${EMULATED_ACCOUNT}:secret:${secret}-AbCdEf`;
}
