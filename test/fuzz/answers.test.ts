import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ResourceGroupsTaggingAPIClient } from '@aws-sdk/client-resource-groups-tagging-api';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { STSClient } from '@aws-sdk/client-sts';
import { mockClient } from 'aws-sdk-client-mock';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import * as z from 'zod/mini';
import { awsConsumerProbes } from '../../functions/adapters/aws/consumer-probes.ts';
import { awsFunctionSource } from '../../functions/adapters/aws/function-source.ts';
import { awsSecretSource } from '../../functions/adapters/aws/secret-source.ts';
import { REFUSAL_CODES } from '../../functions/contract/report.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { Sealed } from '../../functions/core/sealed.ts';
import { CART } from '../adapters/aws/cart.ts';
import { fuzzed } from './fuzzed.ts';
import { anyJson, codeOf, expectUntold, mutated, PLANTED, textsOf } from './inputs.ts';

const PLACE = { region: 'eu-west-1' };
const DB = 'prod/db';
const VERSION = '00000000-0000-4000-8000-000000000001';
const FUNCTION = {
  ...CART,
  Layers: [{ Arn: 'arn:aws:lambda:eu-west-1:111111111111:layer:shared:3', CodeSize: 1 }],
  Environment: { Variables: { A: PLANTED } },
};
/** One of which Lambda tells no environment. */
const REFUSING = {
  ...FUNCTION,
  Environment: { Error: { ErrorCode: 'AccessDeniedException', Message: PLANTED } },
};
const SECRET = {
  ARN: `arn:aws:secretsmanager:eu-west-1:111111111111:secret:${DB}-a1B2c3`,
  Name: DB,
  Description: PLANTED,
  CreatedDate: new Date(0),
  LastChangedDate: new Date(0),
  RotationEnabled: true,
  NextRotationDate: new Date(0),
  PrimaryRegion: 'eu-west-1',
  ReplicationStatus: [{ Region: 'us-east-1', Status: 'InSync', StatusMessage: PLANTED }],
  VersionIdsToStages: { [VERSION]: ['AWSCURRENT'] },
};

/** What an SDK throws, or something that nobody expects of it. */
const failures = fc.oneof(
  fc.constantFrom<unknown>(PLANTED, null, undefined, new Error(PLANTED), new TypeError(PLANTED)),
  mutated(
    fc.constant({
      name: 'AccessDeniedException',
      code: 'ECONNRESET',
      message: `User: ${PLANTED} is not authorized to perform: lambda:GetAlias on resource: ${PLANTED}`,
      $metadata: { httpStatusCode: 500 },
    }),
  ),
);
/** What a call ends with. */
const ends = (answer: fc.Arbitrary<object>) =>
  fc.oneof(
    { weight: 5, arbitrary: mutated(answer, NAMES).map((value) => ({ answer: value })) },
    { weight: 1, arbitrary: anyJson.map((value) => ({ answer: value })) },
    { weight: 1, arbitrary: failures.map((value) => ({ failure: value })) },
  );
type End = { readonly answer: unknown } | { readonly failure: unknown };

/** Who and what something is may be handed on, and so may settings: nothing is planted there. */
const NAMES = [
  ...['FunctionArn', 'Version', 'RevisionId', 'CodeSha256', 'NextMarker', 'FunctionVersion'],
  ...['Architectures', 'Handler', 'Layers', 'Runtime', 'TracingConfig', 'Account'],
  ...['ResourceARN', 'Key', 'Value', 'PaginationToken', 'PrimaryRegion', 'Region', 'VersionIdsToStages'],
];

/** A call, and all that may be made of its answer. */
interface Call {
  readonly call: () => Promise<unknown>;
  readonly made: z.ZodMiniType;
}
const text = z.string().check(z.minLength(1));
const configuration = z.strictObject({
  ...{ name: text, account: text, version: text, revisionId: text, codeSha256: text, lastModified: z.int() },
  environment: z.union([
    z.instanceof(Sealed),
    z.strictObject({ code: z.enum(REFUSAL_CODES), call: text, permission: z.optional(text) }),
  ]),
  settings: z.map(text, text),
  progress: z.optional(z.enum(['settled', 'unsettled', 'failed'])),
});
const time = z.optional(z.number());
const secret = z.strictObject({
  ...{ currentId: z.optional(text), primaryRegion: z.optional(text), changedAt: z.number() },
  labelledIds: z.array(text),
  ...{ rotatedAt: time, nextRotationAt: time, deletedAt: time },
  replicas: z.array(z.strictObject({ region: text, status: z.enum(['InSync', 'InProgress', 'Failed']) })),
});
const page = (member: z.ZodMiniType) =>
  z.strictObject({ functions: z.array(member), next: z.optional(text) });

describe('what AWS answers may be anything', () => {
  const lambda = mockClient(LambdaClient);
  const tagging = mockClient(ResourceGroupsTaggingAPIClient);
  const manager = mockClient(SecretsManagerClient);
  const sts = mockClient(STSClient);
  beforeAll(() => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'any');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'any');
  });
  afterAll(() => {
    for (const client of [lambda, tagging, manager, sts]) client.restore();
    vi.unstubAllEnvs();
  });

  function endWith(end: End): void {
    const answer = async () => {
      if ('failure' in end) throw end.failure;
      return Object(end.answer);
    };
    lambda.reset().onAnyCommand().callsFake(answer);
    tagging.reset().onAnyCommand().callsFake(answer);
    manager.reset().onAnyCommand().callsFake(answer);
    sts.reset().onAnyCommand().callsFake(answer);
  }

  /** What was read, or one of the codes that a refusal may have; in either, nothing of an environment or of a text. */
  async function outcomeOfCall(end: End, { call, made }: Call): Promise<string> {
    endWith(end);
    let read: unknown;
    try {
      read = await call();
    } catch (error) {
      expect(error).toBeInstanceOf(RefusedError);
      expect(REFUSAL_CODES).toContain(codeOf(error));
      return 'refused';
    }
    expect(made.safeParse(read).error).toBeUndefined();
    expectUntold(read, JSON.stringify(read));
    return 'read';
  }

  const functions = awsFunctionSource();
  fuzzed(
    'answers of Lambda and of tags',
    fc.oneof(
      fc.record({
        end: ends(
          fc.constant({
            Functions: [FUNCTION, REFUSING, { ...FUNCTION, Environment: undefined }],
            NextMarker: 'm',
          }),
        ),
        call: fc.constant<Call>({ call: () => functions.list(PLACE), made: page(configuration) }),
      }),
      fc.record({
        end: ends(fc.constantFrom(FUNCTION, REFUSING)),
        call: fc.constant<Call>({ call: () => functions.read(PLACE, 'cart'), made: configuration }),
      }),
      fc.record({
        end: ends(
          fc.constant({ FunctionVersion: '7', RoutingConfig: { AdditionalVersionWeights: { '8': 0.1 } } }),
        ),
        call: fc.constant<Call>({
          call: () => functions.alias(PLACE, 'cart', 'live'),
          made: z.strictObject({ version: text, weighted: z.boolean() }),
        }),
      }),
      fc.record({
        end: ends(
          fc.constant({
            ResourceTagMappingList: [
              { ResourceARN: FUNCTION.FunctionArn, Tags: [{ Key: 'team', Value: PLANTED }] },
            ],
            PaginationToken: '',
          }),
        ),
        call: fc.constant<Call>({
          call: () => functions.tagged(PLACE, [{ key: 'team', values: [] }]),
          made: page(z.strictObject({ name: text, tags: z.map(text, z.string()) })),
        }),
      }),
      fc.record({
        end: ends(fc.constant({ Account: '111111111111', Arn: PLANTED })),
        // one that is asked for the first time: it knows its account from then on
        call: fc.constant<Call>({ call: () => awsFunctionSource().ownAccount(PLACE), made: text }),
      }),
    ),
    { past: ['read'], ended: ['refused'] },
    ({ end, call }) => outcomeOfCall(end, call),
  );

  const secrets = awsSecretSource();
  fuzzed(
    'answers of Secrets Manager',
    fc.oneof(
      fc.record({
        end: ends(fc.constant(SECRET)),
        call: fc.constant<Call>({ call: () => secrets.describe(PLACE, DB), made: secret }),
      }),
      fc.record({
        end: ends(fc.constant({ Versions: [{ VersionId: VERSION }], NextToken: 'more' })),
        call: fc.constant<Call>({ call: () => secrets.hasVersion(PLACE, DB, VERSION), made: z.boolean() }),
      }),
    ),
    { past: ['read'], ended: ['refused'] },
    ({ end, call }) => outcomeOfCall(end, call),
  );

  const probes = awsConsumerProbes();
  const probed = fc.constantFrom<object>(
    { kind: 'recohere.probe', secret: DB, versionId: VERSION, value: PLANTED },
    { kind: 'recohere.probe', secret: DB, failed: true, reason: PLANTED },
    { kind: 'recohere.probe', secret: DB, versionId: PLANTED },
  );
  fuzzed(
    'answers of probe functions',
    fc.oneof(
      textsOf(fc.oneof(probed, mutated(probed))).map((text) => ({ answer: { Payload: Buffer.from(text) } })),
      {
        weight: 3,
        arbitrary: fc.oneof(probed, mutated(probed)).map((value) => ({
          answer: { Payload: Buffer.from(JSON.stringify(value)), FunctionError: undefined },
        })),
      },
      fc.constantFrom<End>(
        { answer: { FunctionError: 'Unhandled', Payload: Buffer.from(PLANTED) } },
        { answer: {} },
      ),
      failures.map((failure) => ({ failure })),
    ),
    { past: ['version'], ended: ['PROBE_FAILED', 'PROBE_UNREADABLE', 'refused'] },
    async (end) => {
      endWith(end);
      const found = await probes.probe(PLACE, 'checkout:live', DB);
      expect(lambda.commandCalls(InvokeCommand)).toHaveLength(1);
      expectUntold(found);
      if ('versionId' in found) return 'version';
      expect(REFUSAL_CODES).toContain(found.refusal.code);
      return found.refusal.code.startsWith('PROBE_') ? found.refusal.code : 'refused';
    },
  );
});
