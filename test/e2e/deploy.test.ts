import { createHash, randomUUID } from 'node:crypto';
import { GetFunctionConfigurationCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { DEPLOYED } from '../../functions/contract/deployment.ts';
import { DeployedFunctions } from '../../local/deployed-functions.ts';
import { EMULATED_ACCOUNT } from '../../local/emulator.ts';
import { eventOf, functionUpdated, type State, type Told } from '../../local/installation.ts';
import { until } from '../../local/until.ts';
import { Deployed, letterOf, placesWith, sha256Of, troubleIn } from './deployed.ts';
import { emulatorLog } from './emulator.ts';
import { resourcesNamed } from './leftovers.ts';

const [US, EU, AP] = ['us-east-1', 'eu-west-1', 'ap-southeast-2'] as const;
const REGIONS = [US, EU, AP] as const;
type Region = (typeof REGIONS)[number];

const RUN = randomUUID().slice(0, 8);
/** Of this run alone, so that nothing is in its way in an emulator that is not new. */
const PREFIX = `e2e-${RUN}`;
/** A stack whose functions have time, and one whose functions have none. */
const SHOP = `Shop${RUN}`;
const LATE = `Late${RUN}`;
const LATE_DEADLINE_SECONDS = 3;

const CONFIG = {
  prefix: PREFIX,
  hub: { region: US },
  replicas: REGIONS.map((region) => ({ region })),
  functions: [
    { select: { stack: SHOP }, identity: 'stack+logicalId' },
    { select: { stack: LATE }, identity: 'stack+logicalId', deadlineSeconds: LATE_DEADLINE_SECONDS },
  ],
} satisfies RecohereConfig;

const SUBJECTS = {
  converging: { stack: SHOP, logicalId: 'Api' },
  repeated: { stack: SHOP, logicalId: 'Jobs' },
  beside: { stack: SHOP, logicalId: 'Mail' },
  straggling: { stack: LATE, logicalId: 'Worker' },
  redeployed: { stack: LATE, logicalId: 'Feed' },
} as const;
type Subject = (typeof SUBJECTS)[keyof typeof SUBJECTS];

/** MiniStack ends the process of a function that is deployed anew, with what it is at. Its messages are tried again. */
const ENDED_BY_DEPLOY = /Worker process died/;

const MAX_EVENT_BYTES = 256 * 1024;

describe('the deployed system', { timeout: 150_000 }, () => {
  const planted = new Set<string>();
  const user = new DeployedFunctions();
  const deployed = new Deployed(CONFIG);
  const { installation } = deployed;

  const sqs = new SQSClient({ region: US });
  let listening: string;

  beforeAll(async () => {
    await deployed.deploy();
    listening = await listenToTickets();
    for (const subject of Object.values(SUBJECTS)) {
      for (const region of REGIONS) await release(subject, region, 1);
    }
    await installation.sweep();
    expect(await installation.states()).toMatchObject(
      Object.values(SUBJECTS)
        .map((subject) => ({ subject: nameOf(subject), agreed: { roots: expect.any(Object) } }))
        .sort((one, other) => one.subject.localeCompare(other.subject)),
    );
  });

  afterAll(async () => {
    const unheard = sqs.send(new DeleteQueueCommand({ QueueUrl: listening }));
    const ends = await Promise.allSettled([user.removeAll(), deployed.remove(), unheard]);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  /** @returns URL of a queue that gets what is sent to the topic of tickets. */
  async function listenToTickets(): Promise<string> {
    const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: `listens-${RUN}` }));
    const ask = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] });
    const { Attributes: { QueueArn = '' } = {} } = await sqs.send(ask);
    const TopicArn = `arn:aws:sns:${US}:${EMULATED_ACCOUNT}:${DEPLOYED.topic(PREFIX, 'ticket')}`;
    const subscribe = new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: QueueArn });
    await new SNSClient({ region: US }).send(subscribe);
    return QueueUrl;
  }

  function plant(text: string): string {
    const value = `planted-${randomUUID()}-${text}`;
    planted.add(value);
    return value;
  }

  const releases = new Map<string, Readonly<Record<string, string>>>();

  /** Deploys a release to one region, and waits until Lambda has finished with it. Values are the same in all regions. */
  async function release(subject: Subject, region: Region, number: number): Promise<void> {
    const id = `${nameOf(subject)} ${number}`;
    const environment = releases.get(id) ?? {
      RATE: plant(`rate-${number}`),
      CACHE_SIZE: plant(`size-${number}`),
      ...(number > 1 && { FEATURE_X: plant('on') }),
    };
    releases.set(id, environment);
    const name = functionName(subject, region);
    await user.deploy(region, name, {
      environment: { ...environment, TABLE_ARN: `arn:aws:dynamodb:${region}:000000000000:table/orders` },
      tags: {
        'aws:cloudformation:stack-name': subject.stack,
        'aws:cloudformation:logical-id': subject.logicalId,
      },
    });
    await user.settled(region, name);
  }

  const updated = (subject: Subject, region: Region): Told =>
    functionUpdated(subject.stack, subject.logicalId, functionName(subject, region), region);

  async function releaseAndTell(subject: Subject, region: Region, number: number): Promise<void> {
    await release(subject, region, number);
    await installation.tell(region, updated(subject, region));
  }

  async function stateOf(subject: Subject): Promise<State> {
    return (await installation.ledger()).read(nameOf(subject));
  }

  const opened = (subject: Subject) =>
    until(
      `an episode of ${nameOf(subject)} opens`,
      () => stateOf(subject),
      ({ open }) => open !== undefined,
    );

  const closed = (subject: Subject) =>
    until(
      `the episode of ${nameOf(subject)} closes`,
      () => stateOf(subject),
      ({ open, last }) => open === undefined && last !== undefined,
    );

  /** The names of the durations that were published of a subject's episodes, once for each sample. */
  async function durationsOf(subject: Subject): Promise<string[]> {
    const samples = await installation.samples();
    return samples
      .filter((sample) => sample.subject === nameOf(subject) && sample.unit === 'Milliseconds')
      .map(({ metric }) => metric)
      .sort();
  }

  it('closes an episode forward once a straggler has caught up, and measures it once', async () => {
    const subject = SUBJECTS.converging;
    await releaseAndTell(subject, US, 2);
    await releaseAndTell(subject, AP, 2);
    const { open } = await opened(subject);
    expect(open).toMatchObject({ isOverdue: false });
    await releaseAndTell(subject, EU, 2);

    const { last } = await closed(subject);
    expect(last).toMatchObject({ id: open?.id, subject: nameOf(subject), outcome: 'forward' });
    await installation.handled();
    const durations = await until(
      'the durations are logged',
      () => durationsOf(subject),
      ({ length }) => length > 0,
    );
    expect(durations).toEqual(['ConvergenceTime', 'ExposureTime', 'TimeToDetect']);
  });

  it('names region and keys of a replica that has diverged, and counts it in the next sweep', async () => {
    const subject = SUBJECTS.straggling;
    await releaseAndTell(subject, US, 2);
    await releaseAndTell(subject, AP, 2);
    const { open } = await until(
      'its own messages to look again find the deadline passed',
      () => stateOf(subject),
      (state) => state.open?.isOverdue === true,
    );
    expect(open?.findings).toEqual([
      { replica: EU, facet: 'env', kind: 'different', keys: ['CACHE_SIZE', 'RATE'], reference: US },
      { replica: EU, facet: 'env', kind: 'missing', keys: ['FEATURE_X'], reference: US },
    ]);
    const gauges = await installation.sweep();
    expect(gauges.ConfigDriftCount).toBeGreaterThanOrEqual(1);
    expect(gauges.EpisodesStalled).toBeGreaterThanOrEqual(1);
    expect(gauges.EpisodesOpen).toBeGreaterThanOrEqual(1);
    expect(gauges.SweepHeartbeat).toBe(1);
  });

  it('tells who listens to tickets of that deploy, once, in words and as data, with keys and no values', async () => {
    const { open } = await until(
      'a notice has named the episode',
      () => stateOf(SUBJECTS.straggling),
      (state) => state.open?.noticedAt !== undefined,
    );
    expect(open?.noticedAt).toBeGreaterThan(open?.firstSeenAt ?? 0);
    const heard: string[] = [];
    await until(
      'the notice has come',
      async () => {
        const command = new ReceiveMessageCommand({ QueueUrl: listening, WaitTimeSeconds: 1 });
        const { Messages = [] } = await sqs.send(command);
        heard.push(...Messages.map(({ Body = '' }) => Body));
        return heard;
      },
      ({ length }) => length > 0,
    );
    await installation.sweep(); // which asks for nothing that was told
    expect(heard).toHaveLength(1);
    expect(heard[0]).toContain('CACHE_SIZE');
    expect(heard[0]).toContain(nameOf(SUBJECTS.straggling));
    for (const value of planted) expect(heard[0]).not.toContain(value);
  });

  it('draws what is known for a dashboard, and looks again when asked to', async () => {
    const event = { widgetContext: { theme: 'dark', width: 900 }, look: [nameOf(SUBJECTS.straggling)] };
    // AWS would write a text as JSON, the emulator passes it on as it is
    const { Payload } = await new LambdaClient({ region: US }).send(
      new InvokeCommand({ FunctionName: DEPLOYED.part(PREFIX, 'widget'), Payload: JSON.stringify(event) }),
    );
    const drawn = Buffer.from(Payload ?? []).toString();
    expect(drawn).toContain('FEATURE_X');
    expect(drawn).not.toMatch(/<script/i);
    for (const value of planted) expect(drawn).not.toContain(value);
    await until(
      'the look that was asked for has been made',
      () => stateOf(SUBJECTS.straggling),
      (state) => state.answeredUntil !== undefined,
    );
    expect(await installation.invoke('widget', { describe: true })).toMatchObject({
      markdown: expect.any(String),
    });
  });

  it('makes one episode of events that come five times, out of order and with others', async () => {
    const subject = SUBJECTS.repeated;
    const event = (region: Region) => JSON.stringify(eventOf(region, updated(subject, region)));
    await release(subject, US, 2);
    const first = event(US);
    await release(subject, AP, 2);
    const second = event(AP);
    const others = [stackUpdated(subject, US), configurationUpdated(subject, US), finished(subject)].map(
      (told) => JSON.stringify(eventOf(US, told)),
    );
    await installation.deliver([second, first, ...others, first, second, first, second, first]);
    await opened(subject);
    await installation.handled();

    await release(subject, EU, 2);
    const third = event(EU);
    await installation.deliver([third, first]);
    const { last } = await closed(subject);
    await installation.deliver([third, second, first]); // later than all others
    await installation.handled();

    expect(last?.outcome).toBe('forward');
    const times = [first, second, ...others, third].map((each) => Date.parse(JSON.parse(each).time));
    expect(times, 'one of the events is the cause').toContain(last?.cause.at);
    const { open, last: stillLast } = await stateOf(subject);
    expect(open).toBeUndefined();
    expect(stillLast).toEqual(last);
    expect(await (await installation.ledger()).history(nameOf(subject), 10)).toEqual([last]);
    expect(await durationsOf(subject)).toEqual(['ConvergenceTime', 'ExposureTime', 'TimeToDetect']);
  });

  it('makes dead letters of what it cannot read, and passes what came with it', async () => {
    const subject = SUBJECTS.beside;
    for (const region of REGIONS) await release(subject, region, 2);
    const event = eventOf(US, finished(subject));
    const other = (change: object) => JSON.stringify({ ...event, id: randomUUID(), ...change });
    const bad = [
      { reason: 'NOT_JSON', body: `{ "source": "recohere.deploy", ${plant('broken')}` },
      { reason: 'NOT_JSON', body: plant('text') },
      { reason: 'NOT_AN_EVENT', body: JSON.stringify([plant('list')]) },
      { reason: 'NOT_AN_EVENT', body: 'null' },
      { reason: 'NOT_AN_EVENT', body: other({ detail: { functions: [plant('subject')] } }) },
      { reason: 'NOT_AN_EVENT', body: other({ detail: { deployId: 'build', functions: plant('name') } }) },
      { reason: 'NOT_AN_EVENT', body: other({ detail: plant('detail') }) },
      { reason: 'NOT_AN_EVENT', body: other({ 'detail-type': 'Deploy Begun', detail: plant('begun') }) },
      {
        reason: 'NOT_AN_EVENT',
        body: JSON.stringify({ kind: 'recohere.wake', subject: nameOf(subject), wake: plant('number') }),
      },
    ];
    await installation.deliver([...bad.map(({ body }) => body), JSON.stringify(event)]);

    const viaBus = [
      { reason: 'NOT_AN_EVENT', detail: { deployId: 7, note: plant('note') } },
      { reason: 'NOT_AN_EVENT', detail: { deployId: 'build', expect: { code: plant('code') } } },
      { reason: 'TOO_LARGE', detail: { deployId: plant('x'.repeat(MAX_EVENT_BYTES)) } },
    ];
    const putAs = new Map<string, string>();
    for (const { reason, detail } of viaBus) {
      const put = installation.put(installation.bus, { ...finished(subject), detail });
      const id = await (reason === 'TOO_LARGE' ? put.catch(() => undefined) : put); // buses may refuse as much
      if (id !== undefined) putAs.set(id, reason);
    }

    const { last } = await closed(subject);
    expect(last?.outcome, 'the good event was handled').toBe('forward');
    await installation.handled();
    const letters = await installation.deadLetters();

    for (const { reason, body } of bad) {
      expect(letters).toContainEqual(letterOf(reason, body));
    }
    const others = letters.filter(({ sha256 }) => !bad.some(({ body }) => sha256Of(body) === sha256));
    expect(others.map(({ reason }) => reason).sort()).toEqual([...putAs.values()].sort());
    for (const { reason, envelope, sha256, bytes } of others) {
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      if (reason === 'TOO_LARGE') {
        expect(bytes).toBeGreaterThan(MAX_EVENT_BYTES);
        expect(envelope, 'it was not read at all').toEqual({});
      } else {
        expect(putAs.get(envelope.id ?? '')).toBe(reason);
        expect(envelope).toMatchObject({ source: 'recohere.deploy', 'detail-type': 'Deploy Finished' });
      }
    }
  });

  it('goes on with an open episode after it is deployed again with another config', async () => {
    const subject = SUBJECTS.redeployed;
    await releaseAndTell(subject, US, 2);
    await releaseAndTell(subject, AP, 2);
    const { open: before } = await opened(subject);
    const statesBefore = await installation.states();

    const code = await codeOfSweep();
    const functions = CONFIG.functions.map((group) =>
      group.select.stack === LATE ? { ...group, perReplica: ['CACHE_*'] } : group,
    );
    await deployed.deploy({ functions });
    expect(await codeOfSweep(), 'the config is a part of the code').not.toBe(code);

    await installation.sweep();
    const { open: after } = await stateOf(subject);
    expect(after).toMatchObject({ id: before?.id, cause: before?.cause });
    expect(after?.findings.flatMap(({ keys }) => keys).sort()).toEqual(['FEATURE_X', 'RATE']);
    expect((await installation.states()).map(idsOf)).toEqual(statesBefore.map(idsOf));

    await releaseAndTell(subject, EU, 2);
    expect((await closed(subject)).last).toMatchObject({ id: before?.id, outcome: 'forward' });
  });

  it('lets no value out: not to logs, ledger, dead letters, nor to what the CDK prints and writes', async () => {
    const texts = await deployed.texts();

    // the search finds what is there
    expect(placesWith([nameOf(SUBJECTS.converging)], texts)).toContain('logs');
    for (const subject of Object.values(SUBJECTS)) {
      expect(placesWith([nameOf(subject)], texts)).toContain('ledger');
    }
    expect(placesWith(['recohere.deploy'], texts)).toContain('letters');
    expect(placesWith([DEPLOYED.stack(PREFIX, 'hub')], texts)).toContain('printed');
    expect(placesWith([SHOP], texts)).toContain('written');

    expect(planted.size).toBeGreaterThan(0);
    expect(placesWith(planted, texts)).toEqual([]);
  });

  it('logs no error that nobody handled', async ({ skip }) => {
    const ours = async () => ({
      logs: troubleIn(await installation.logLines()),
      emulator: (await emulatorLog())
        ?.split('\n')
        .filter((line) => line.includes(PREFIX) && / (WARNING|ERROR|CRITICAL) |^\s+at /.test(line))
        .filter((line) => !ENDED_BY_DEPLOY.test(line)),
    });
    const { logs, emulator } = await ours();
    expect(logs).toEqual([]);

    // the search finds an error that is there
    await expect(installation.invoke('verify-deploy', { Records: 'none' })).rejects.toThrow('has failed');
    const broken = await until('the error is logged', ours, (now) => now.logs.length > 0);

    skip(emulator === undefined, 'the log of this emulator is not at hand');
    expect(emulator).toEqual([]);
    expect(broken.emulator).not.toEqual([]);
  });

  it('is gone when it is destroyed, but for ledger and fingerprint key', async () => {
    const listed = async () => {
      const names = [PREFIX, deployed.retained.table, deployed.retained.secret];
      return (await Promise.all(REGIONS.map((region) => resourcesNamed(region, names)))).flat();
    };
    const kinds = new Set((await listed()).map((name) => name.replace(/ \S+$/, '')));
    expect([...kinds].sort(), 'the lists show what is there').toEqual([
      'bus',
      'function',
      'log group',
      'mapping',
      'queue',
      'role',
      'rule',
      'secret',
      'stack',
      'table',
      'topic',
    ]);

    await deployed.destroy();
    const left = await listed();
    // MiniStack does not know that a resource may be retained, and leaves nothing
    const kept = [`secret ${deployed.retained.secret}`, `table ${deployed.retained.table}`];
    expect([[], kept]).toContainEqual(left);
  });

  async function codeOfSweep(): Promise<string | undefined> {
    const command = new GetFunctionConfigurationCommand({ FunctionName: DEPLOYED.part(PREFIX, 'sweep') });
    return (await new LambdaClient({ region: US }).send(command)).CodeSha256;
  }
});

function nameOf({ stack, logicalId }: Subject): string {
  return `${stack}/${logicalId}`;
}

/** As CloudFormation makes one: another in each region. */
function functionName({ stack, logicalId }: Subject, region: Region): string {
  const ending = createHash('sha256').update(region).digest('hex').slice(0, 8).toUpperCase();
  return `${stack}-${logicalId}-${ending}`;
}

function stackUpdated({ stack }: Subject, region: Region): Told {
  const id = `arn:aws:cloudformation:${region}:000000000000:stack/${stack}/${randomUUID()}`;
  return {
    source: 'aws.cloudformation',
    detailType: 'CloudFormation Stack Status Change',
    resources: [id],
    detail: {
      'stack-id': id,
      'status-details': { status: 'UPDATE_COMPLETE', 'status-reason': '' },
      'client-request-token': '',
    },
  };
}

/** CloudTrail's record of a call, which has no environment. */
function configurationUpdated(subject: Subject, region: Region): Told {
  return {
    source: 'aws.lambda',
    detailType: 'AWS API Call via CloudTrail',
    detail: {
      eventVersion: '1.11',
      eventSource: 'lambda.amazonaws.com',
      eventName: 'UpdateFunctionConfiguration20150331v2',
      awsRegion: region,
      requestParameters: { functionName: functionName(subject, region), timeout: 3 },
      responseElements: { functionName: functionName(subject, region), state: 'Active' },
      eventType: 'AwsApiCall',
    },
  };
}

function finished(subject: Subject): Told {
  return {
    source: 'recohere.deploy',
    detailType: 'Deploy Finished',
    detail: { deployId: `build-${RUN}`, functions: [nameOf(subject)] },
  };
}

function idsOf({ subject, open }: State) {
  return { subject, open: open?.id };
}
