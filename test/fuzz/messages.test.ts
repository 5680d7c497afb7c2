import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { itemOfState, stateOfItem } from '../../functions/adapters/aws/ledger-item.ts';
import { SimulatedDeadLetters } from '../../functions/adapters/sim/dead-letters.ts';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedNudges } from '../../functions/adapters/sim/nudges.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { SimulatedTelemetry } from '../../functions/adapters/sim/telemetry.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { receiveDeploy, receiveRotation } from '../../functions/app/receive.ts';
import type { VerifyPorts } from '../../functions/app/verify.ts';
import type { SubjectKind } from '../../functions/contract/ledger.ts';
import { MESSAGE_BYTES_MAX } from '../../functions/contract/messages.ts';
import type { SubjectState } from '../../functions/core/episode.ts';
import { fingerprintKey } from '../../functions/core/fingerprint.ts';
import type { Wake } from '../../functions/ports/wakes.ts';
import { configOf, DB, system as secretSystem } from '../app/secret-system.ts';
import { EU, everywhere, sweepNow, US, withoutSecrets } from '../app/simulated.ts';
import { fuzzed } from './fuzzed.ts';
import { anyJson, expectUntold, mutated, PLANTED, textsOf } from './inputs.ts';

const START = Date.UTC(2026, 0, 5, 9);
const HOUR = 3_600_000;
const API = 'api';
const ARN = `arn:aws:secretsmanager:us-east-1:111111111111:secret:${DB}-AbCdEf`;

/** What says who or what something is: it is kept, as the cause of an episode or as the name of a process. */
const IDENTITIES = [
  ...['id', 'source', 'region', 'subject', 'subjects', 'functions'],
  ...['stack-id', 'deploymentId', 'execution-id', 'deployId', 'consumer', 'process', 'versionId'],
];

/** What nobody has to know is planted beside what is read. */
const envelope = {
  version: '0',
  id: '7bf73129-1428-4cd3-a780-95db273d1602',
  account: '111111111111',
  region: 'eu-west-1',
  time: new Date(START + 25 * HOUR).toISOString(),
  resources: [ARN],
  secret: PLANTED,
};
const event = (source: string, detailType: string, detail: object) => ({
  ...envelope,
  source,
  'detail-type': detailType,
  detail: { ...detail, secret: PLANTED },
});
const looks = (subject: string) =>
  fc
    .constantFrom(START + 25 * HOUR, 0, 8.64e15, 8.64e15 + 1, Number.MAX_SAFE_INTEGER) // no date is later than the third
    .map((at) => ({ kind: 'recohere.look', id: 'look-1', at, subjects: [subject, 'nobody'] }));

const deployEvents = fc.constantFrom<object>(
  { kind: 'recohere.wake', subject: API, wake: 1 },
  event('aws.cloudformation', 'CloudFormation Resource Status Change', {
    'stack-id': 'arn:aws:cloudformation:eu-west-1:111111111111:stack/Shop/1',
    'logical-resource-id': 'Api',
    'physical-resource-id': API,
    'resource-type': 'AWS::Lambda::Function',
    'status-details': { status: 'UPDATE_COMPLETE', 'status-reason': PLANTED },
  }),
  event('aws.cloudformation', 'CloudFormation Stack Status Change', {
    'stack-id': 'arn:aws:cloudformation:eu-west-1:111111111111:stack/Shop/1',
    'status-details': { status: 'UPDATE_ROLLBACK_COMPLETE' },
  }),
  event('aws.codedeploy', 'CodeDeploy Deployment State-change Notification', {
    deploymentId: 'd-123456789',
    state: 'SUCCESS',
  }),
  event('aws.codepipeline', 'CodePipeline Pipeline Execution State Change', {
    pipeline: 'shop',
    'execution-id': '01234567-0123-0123-0123-012345678901',
    state: 'SUCCEEDED',
  }),
  event('aws.lambda', 'AWS API Call via CloudTrail', {
    eventName: 'UpdateFunctionConfiguration20150331v2',
    requestParameters: { functionName: API, environment: { variables: { A: PLANTED } } },
  }),
  event('recohere.deploy', 'Deploy Finished', {
    deployId: 'build-1',
    functions: [API],
    expect: { code: PLANTED },
  }),
);

const rotationEvents = fc.constantFrom<object>(
  { kind: 'recohere.wake', subject: DB, wake: 1 },
  event('aws.secretsmanager', 'Secret Label Updated', { name: DB, versionId: 'v2' }),
  event('aws.secretsmanager', 'AWS Service Event via CloudTrail', {
    eventName: 'RotationFailed',
    requestParameters: null,
    additionalEventData: { SecretId: ARN },
    resources: [{ ARN }],
  }),
  event('aws.secretsmanager', 'AWS API Call via CloudTrail', {
    eventName: 'PutSecretValue',
    requestParameters: { secretId: DB, secretString: PLANTED },
    responseElements: { arn: ARN },
  }),
  event('recohere.probe', 'Secret Version Loaded', {
    consumer: 'checkout',
    process: 'process-1',
    secret: ARN,
    versionId: 'v1',
    loadedAt: new Date(START + 25 * HOUR).toISOString(),
  }),
);

const deployMessages = fc.oneof({ weight: 7, arbitrary: deployEvents }, { weight: 1, arbitrary: looks(API) });
const rotationMessages = fc.oneof(
  { weight: 5, arbitrary: rotationEvents },
  { weight: 1, arbitrary: looks(DB) },
);

/** A function that differs in one region since a message told of it; all environments hold the planted value. */
async function receivedByDeploy(body: string): Promise<string> {
  const clock = new VirtualClock(START);
  const world = new SimulatedRegions(clock, () => 20);
  const ledger = new SimulatedLedger();
  const telemetry = new SimulatedTelemetry();
  const deadLetters = new SimulatedDeadLetters();
  const wakes: Wake[] = [];
  const ports: VerifyPorts = {
    source: world,
    clock,
    ledger,
    telemetry,
    nudges: new SimulatedNudges(),
    wakes: { send: async (wake) => void wakes.push(wake) },
    random: new SeededRandom(1, 'delays'),
    key: fingerprintKey('k1', new Uint8Array(32)),
  };
  const config = configOf([], { functions: [{ select: { name: '*' } }] });
  return clock.run(async () => {
    everywhere((place) => world.deploy(place, API, { environment: { A: PLANTED } }));
    await clock.sleep(24 * HOUR);
    await sweepNow(withoutSecrets(ports), config);
    world.deploy(EU, API, { environment: { A: `${PLANTED}-2` } });
    await receiveDeploy({ ...ports, deadLetters }, config, { messageId: 'm1', body, tries: 1 });
    await clock.sleep(HOUR);
    await sweepNow(withoutSecrets(ports), config); // what was kept can be gone on from
    const state = await ledger.read(API);
    expectKept('function', state);
    expectUntold(deadLetters.letters, telemetry.samples, wakes, state);
    return deadLetters.letters[0]?.reason ?? 'handled';
  });
}

/** A secret with a consumer, of which a message tells after a rotation. */
async function receivedByRotation(body: string): Promise<string> {
  const secrets = [{ name: DB, consumers: [{ name: 'checkout', cacheSeconds: 60 }] }];
  const system = secretSystem(secrets);
  let outcome = '';
  await system.run(async () => {
    system.world.rotate(US, DB, 'v2');
    const ports = { ...system.ports.rotation, deadLetters: new SimulatedDeadLetters() };
    await receiveRotation(ports, configOf(secrets), { messageId: 'm1', body, tries: 1 });
    await system.clock.sleep(HOUR);
    await system.sweep();
    const state = await system.state();
    expectKept('secret', state);
    expectUntold(ports.deadLetters.letters, system.telemetry.samples, state);
    outcome = ports.deadLetters.letters[0]?.reason ?? 'handled';
  });
  return outcome;
}

/** What is kept of a subject can be written to the ledger, and read from it. */
function expectKept(kind: SubjectKind, state: SubjectState): void {
  expect(stateOfItem(itemOfState(kind, state, 'swap'))).toEqual(state);
}

const UNREADABLE = ['NOT_JSON', 'NOT_AN_EVENT'];
const oversized = (json: fc.Arbitrary<unknown>) =>
  fc.oneof(
    { weight: 20, arbitrary: textsOf(json) },
    {
      weight: 1,
      arbitrary: json.map((value) => JSON.stringify(value).padEnd(MESSAGE_BYTES_MAX + 1, PLANTED)),
    },
  );

describe('a message that may be anything is handled or a dead letter, and told nowhere', () => {
  fuzzed(
    'texts on the queue of verify-deploy',
    oversized(fc.oneof({ weight: 1, arbitrary: anyJson }, { weight: 2, arbitrary: deployMessages })),
    { past: ['handled'], ended: [...UNREADABLE, 'TOO_LARGE'] },
    receivedByDeploy,
  );
  fuzzed(
    'mutated messages of verify-deploy',
    mutated(deployMessages, IDENTITIES),
    { past: ['handled'], ended: ['NOT_AN_EVENT'] },
    (message) => receivedByDeploy(JSON.stringify(message)),
  );
  fuzzed(
    'texts on the queue of verify-rotation',
    oversized(fc.oneof({ weight: 1, arbitrary: anyJson }, { weight: 2, arbitrary: rotationMessages })),
    { past: ['handled'], ended: [...UNREADABLE, 'TOO_LARGE'] },
    receivedByRotation,
  );
  fuzzed(
    'mutated messages of verify-rotation',
    mutated(rotationMessages, IDENTITIES),
    { past: ['handled'], ended: ['NOT_AN_EVENT'] },
    (message) => receivedByRotation(JSON.stringify(message)),
  );
});
