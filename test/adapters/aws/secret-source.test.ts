import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import {
  DescribeSecretCommand,
  type DescribeSecretCommandOutput,
  ListSecretVersionIdsCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CLIENT_BOUNDS } from '../../../functions/adapters/aws/bounds.ts';
import { awsSecretSource } from '../../../functions/adapters/aws/secret-source.ts';
import { RefusedError } from '../../../functions/core/errors.ts';

const PLACE = { region: 'eu-west-1' };
const V1 = '00000000-0000-4000-8000-000000000001';
const V2 = '00000000-0000-4000-8000-000000000002';
const V3 = '00000000-0000-4000-8000-000000000003';

/** A time of day, as Secrets Manager has them. */
const at = (hour: number) => new Date(Date.UTC(2026, 0, 5, hour));

const DB = {
  ARN: 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:prod/db-a1B2c3',
  Name: 'prod/db',
  CreatedDate: at(8),
  LastChangedDate: at(9),
  VersionIdsToStages: { [V1]: ['AWSPREVIOUS'], [V2]: ['AWSCURRENT', 'AWSPENDING'] },
} satisfies Partial<DescribeSecretCommandOutput>;

describe('secrets as AWS describes them', () => {
  const client = mockClient(SecretsManagerClient);
  const source = awsSecretSource();

  /** Describes a secret of which AWS says so. */
  function described(answer: object) {
    client.on(DescribeSecretCommand).resolves(answer);
    return source.describe(PLACE, 'prod/db');
  }

  beforeEach(() => client.reset());
  afterAll(() => client.restore());

  describe('requests', () => {
    it('asks for the description by the name, and never for a value', async () => {
      await described(DB);
      expect(client.calls().map(({ args }) => args[0].input)).toEqual([{ SecretId: 'prod/db' }]);
    });

    it('asks for all versions, deprecated ones too, page by page, until it has found the one', async () => {
      client
        .on(ListSecretVersionIdsCommand)
        .resolves({ Versions: [{ VersionId: V2 }], NextToken: 'second' })
        .on(ListSecretVersionIdsCommand, { NextToken: 'second' })
        .resolves({ Versions: [{ VersionId: V1, VersionStages: [] }], NextToken: 'third' });
      expect(await source.hasVersion(PLACE, 'prod/db', V1)).toBe(true);
      const page = { SecretId: 'prod/db', IncludeDeprecated: true, MaxResults: 100 };
      expect(client.calls().map(({ args }) => args[0].input)).toEqual([
        page,
        { ...page, NextToken: 'second' },
      ]);
    });

    it('takes an empty token for the end', async () => {
      client.on(ListSecretVersionIdsCommand).resolves({ Versions: [{ VersionId: V1 }], NextToken: '' });
      expect(await source.hasVersion(PLACE, 'prod/db', V2)).toBe(false);
      expect(client.calls()).toHaveLength(1);
    });

    it('does not turn pages without end', async () => {
      client.on(ListSecretVersionIdsCommand).resolves({ Versions: [{ VersionId: V1 }], NextToken: 'round' });
      await expect(source.hasVersion(PLACE, 'prod/db', V2)).rejects.toMatchObject({
        refusal: { code: 'UNEXPECTED_ANSWER', call: 'secretsmanager:ListSecretVersionIds' },
      });
      expect(client.calls()).toHaveLength(20);
    });
  });

  describe('answers', () => {
    it('are translated: a secret that is not replicated', async () => {
      expect(await described(DB)).toEqual({
        currentId: V2,
        labelledIds: [V1, V2],
        primaryRegion: undefined,
        replicas: [],
        changedAt: at(9).getTime(),
        rotatedAt: undefined,
        nextRotationAt: undefined,
        deletedAt: undefined,
      });
    });

    it('are translated: a primary with replicas, which is rotated', async () => {
      const primary = {
        ...DB,
        PrimaryRegion: 'eu-west-1',
        ReplicationStatus: [
          { Region: 'us-east-1', Status: 'InSync', StatusMessage: 'ok', LastAccessedDate: at(9) },
          { Region: 'us-west-2', Status: 'InProgress' },
          { Region: 'sa-east-1', Status: 'Failed', StatusMessage: 'A secret of that name is there' },
        ],
        RotationEnabled: true,
        LastRotatedDate: at(7),
        NextRotationDate: at(23),
      };
      expect(await described(primary)).toMatchObject({
        primaryRegion: 'eu-west-1',
        replicas: [
          { region: 'us-east-1', status: 'InSync' },
          { region: 'us-west-2', status: 'InProgress' },
          { region: 'sa-east-1', status: 'Failed' },
        ],
        rotatedAt: at(7).getTime(),
        nextRotationAt: at(23).getTime(),
      });
    });

    for (const { change, expected, reason } of [
      {
        change: { VersionIdsToStages: undefined },
        expected: { currentId: undefined, labelledIds: [] },
        reason: 'a secret without a value has no versions',
      },
      {
        change: { VersionIdsToStages: { [V1]: ['AWSPENDING'], [V2]: ['mine'], [V3]: [] } },
        expected: { currentId: undefined, labelledIds: [V1, V2] },
        reason: 'a version counts as labelled by any label, and as current by one',
      },
      {
        change: { LastChangedDate: undefined },
        expected: { changedAt: at(8).getTime() },
        reason: 'one that never changed has changed when it was created',
      },
      {
        change: { RotationEnabled: false, LastRotatedDate: at(7), NextRotationDate: at(23) },
        expected: { rotatedAt: at(7).getTime(), nextRotationAt: undefined },
        reason: 'a rotation that was switched off is due at no time',
      },
      {
        change: { DeletedDate: at(10) },
        expected: { deletedAt: at(10).getTime() },
        reason: 'one that is scheduled for deletion says when',
      },
    ]) {
      it(`are translated: ${reason}`, async () => {
        expect(await described({ ...DB, ...change })).toMatchObject(expected);
      });
    }

    for (const { change, reason } of [
      { change: { Name: undefined }, reason: 'no name' },
      { change: { Name: 'prod/db-2' }, reason: 'another secret' },
      { change: { CreatedDate: undefined, LastChangedDate: undefined }, reason: 'no time at all' },
      { change: { LastChangedDate: new Date(Number.NaN) }, reason: 'a time that is none' },
      { change: { NextRotationDate: 'tomorrow' }, reason: 'a time that is a text' },
      { change: { VersionIdsToStages: { [V1]: 'AWSCURRENT' } }, reason: 'labels that are no list' },
      { change: { VersionIdsToStages: [V1] }, reason: 'versions without labels' },
      { change: { ReplicationStatus: [{ Status: 'InSync' }] }, reason: 'a replica without a region' },
      { change: { ReplicationStatus: [{ Region: 'us-east-1' }] }, reason: 'a replica without a status' },
      {
        change: { ReplicationStatus: [{ Region: 'us-east-1', Status: 'Paused' }] },
        reason: 'a status that nobody knows',
      },
    ]) {
      it(`are refused: ${reason}`, async () => {
        await expect(described({ ...DB, ...change })).rejects.toMatchObject({
          refusal: { code: 'UNEXPECTED_ANSWER', call: 'secretsmanager:DescribeSecret' },
        });
      });
    }

    it('are refused: a version without an id', async () => {
      client.on(ListSecretVersionIdsCommand).resolves({ Versions: [{ VersionStages: ['AWSCURRENT'] }] });
      await expect(source.hasVersion(PLACE, 'prod/db', V1)).rejects.toMatchObject({
        refusal: { code: 'UNEXPECTED_ANSWER', call: 'secretsmanager:ListSecretVersionIds' },
      });
    });

    it('without versions are those of a secret without a value', async () => {
      client.on(ListSecretVersionIdsCommand).resolves({});
      expect(await source.hasVersion(PLACE, 'prod/db', V1)).toBe(false);
    });
  });

  describe('refusals', () => {
    for (const { call, ask } of [
      { call: 'secretsmanager:DescribeSecret', ask: () => source.describe(PLACE, 'prod/db') },
      { call: 'secretsmanager:ListSecretVersionIds', ask: () => source.hasVersion(PLACE, 'prod/db', V1) },
    ]) {
      it(`name the call and the missing permission, and quote nothing: ${call}`, async () => {
        const message = `User: arn:aws:iam::111111111111:user/x is not authorized to perform: ${call} on resource: prod/db because hunter2`;
        client.rejects(Object.assign(new Error(message), { name: 'AccessDeniedException' }));
        const refusal = await ask().catch((thrown: unknown) => thrown);
        expect(refusal).toBeInstanceOf(RefusedError);
        expect(refusal).toMatchObject({ refusal: { code: 'ACCESS_DENIED', call, permission: call } });
        expect(inspect(refusal, { depth: null, showHidden: true, getters: true })).not.toContain('hunter2');
      });

      it(`may be tried again where AWS throttles: ${call}`, async () => {
        client.rejects(Object.assign(new Error('Rate exceeded'), { name: 'ThrottlingException' }));
        await expect(ask()).rejects.toMatchObject({ refusal: { code: 'THROTTLED', call }, retryable: true });
      });
    }

    it('are none where a secret does not exist', async () => {
      client.rejects(new ResourceNotFoundException({ $metadata: {}, message: 'not found' }));
      expect(await source.describe(PLACE, 'prod/db')).toBeUndefined();
      expect(await source.hasVersion(PLACE, 'prod/db', V1)).toBe(false);
    });
  });

  it('assumes the role that a place names once, for all regions', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAOWN');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    const sts = mockClient(STSClient);
    const AccessKeyId = 'ASIAASSUMED';
    sts.on(AssumeRoleCommand).resolves({
      Credentials: {
        AccessKeyId,
        SecretAccessKey: 's',
        SessionToken: 't',
        Expiration: new Date('2100-01-01'),
      },
    });
    client.on(DescribeSecretCommand).resolves(DB);
    const roleArn = 'arn:aws:iam::222222222222:role/recohere-read';
    const places = ['eu-west-1', 'us-east-1'].map((region) => ({
      region,
      account: '222222222222',
      access: { roleArn, externalId: 'shared-with-the-hub' },
    }));
    const theirs = awsSecretSource();
    for (const place of [...places, ...places]) await theirs.describe(place, 'prod/db');
    const used = client.calls().map(({ thisValue }) => (thisValue as SecretsManagerClient).config);
    for (const { credentials } of used)
      expect(await credentials()).toMatchObject({ accessKeyId: AccessKeyId });
    expect(await Promise.all(used.map(({ region }) => region()))).toEqual([
      'eu-west-1',
      'us-east-1',
      'eu-west-1',
      'us-east-1',
    ]);
    expect(sts.commandCalls(AssumeRoleCommand).map(({ args }) => args[0].input)).toEqual([
      { RoleArn: roleArn, RoleSessionName: 'recohere', ExternalId: 'shared-with-the-hub' },
    ]);
    sts.restore();
    vi.unstubAllEnvs();
  });
});

describe('a region that is not well', () => {
  let server: Server;

  afterEach(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
  });

  it('is given up, whether it never answers or never ends an answer', async () => {
    let begins = false;
    server = createServer((_, response) => {
      if (begins) response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).write('{"Name":');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAOWN');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    const client = {
      ...CLIENT_BOUNDS,
      requestHandler: { ...CLIENT_BOUNDS.requestHandler, requestTimeout: 50 },
    };
    const source = awsSecretSource({ client, callTimeoutMs: 300 });
    for (begins of [false, true]) {
      await expect(source.describe(PLACE, 'prod/db')).rejects.toMatchObject({ code: 'REGION_UNREACHABLE' });
      await expect(source.hasVersion(PLACE, 'prod/db', V1)).rejects.toMatchObject({
        code: 'REGION_UNREACHABLE',
      });
    }
  });
});
