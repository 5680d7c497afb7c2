import { SecretsProvider } from '@aws-lambda-powertools/parameters/secrets';
import {
  BatchGetSecretValueCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  SecretsManager,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Consumer, consumer } from '../../functions/probe/index.ts';
import { WAITING_AT_MOST } from '../../functions/probe/reporter.ts';
import { SECRETS_AT_MOST } from '../../functions/probe/versions.ts';
import { arnOf, type Loopback, startLoopback } from './loopback.ts';

let aws: Loopback;
beforeEach(async () => {
  aws = await startLoopback();
});
afterEach(() => aws.stop());

/** The value of the current version, as a user's function would ask for it. */
type Read = (name: string) => Promise<unknown>;

/** The ways in which a function loads a secret; each answer is one that was not cached. */
const WAYS: Readonly<Record<string, (consumer: Consumer) => Read>> = {
  'the SDK'({ watch }) {
    const secrets = watch(new SecretsManagerClient());
    return async (name) => (await secrets.send(new GetSecretValueCommand({ SecretId: name }))).SecretString;
  },
  'the SDK, all commands in one'({ watch }) {
    const secrets = watch(new SecretsManager());
    return async (name) => (await secrets.getSecretValue({ SecretId: name })).SecretString;
  },
  Powertools({ watch }) {
    const secrets = new SecretsProvider({ awsSdkV3Client: watch(new SecretsManagerClient()) });
    return (name) => secrets.get(name, { forceFetch: true });
  },
  'the extension'({ loaded }) {
    return async (name) => loaded(await fromExtension(name)).SecretString;
  },
};

/** What the extension answers: as `GetSecretValue` does. */
async function fromExtension(name: string, more = '') {
  const url = new URL(`http://localhost:${process.env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT}`);
  url.pathname = '/secretsmanager/get';
  url.search = `secretId=${encodeURIComponent(name)}${more}`;
  const headers = { 'X-Aws-Parameters-Secrets-Token': process.env.AWS_SESSION_TOKEN ?? '' };
  const response = await fetch(url, { headers });
  expect(response.status).toBe(200);
  return (await response.json()) as { SecretString: string; ARN: string; VersionId: string };
}

/** The versions that were reported of secrets, once a last load has been, which waits for all before it. */
async function reportedBy(read: Read): Promise<string[]> {
  aws.rotate('last', 'last');
  await read('last');
  await vi.waitFor(() => expect(aws.reports.at(-1)?.versionId).toBe('last'), { timeout: 20_000 });
  return aws.reports.slice(0, -1).map(({ versionId }) => versionId);
}

describe.each(Object.entries(WAYS))('a consumer that loads by %s', (_way, readerOf) => {
  it('reports a version once, until it loads another', async () => {
    const read = readerOf(consumer());
    aws.rotate('db', 'v1', 'hunter2');
    expect(await read('db')).toBe('hunter2');
    expect(await read('db')).toBe('hunter2');
    aws.rotate('db', 'v2', 'hunter3');
    expect(await read('db')).toBe('hunter3');
    expect(await read('db')).toBe('hunter3');
    aws.rotate('db', 'v1', 'hunter2');
    expect(await read('db')).toBe('hunter2');
    expect(await reportedBy(read)).toEqual(['v1', 'v2', 'v1']);
    expect(aws.sent.join()).not.toContain('hunter');
  });

  it('says who loaded what, and when', async () => {
    const before = Date.now();
    const read = readerOf(consumer());
    aws.rotate('apps/db+cache=@one_2.3', 'v1');
    await read('apps/db+cache=@one_2.3');
    await reportedBy(read);
    const [first, second] = aws.reports;
    expect(first).toEqual({
      consumer: 'checkout-api',
      process: second?.process,
      secret: arnOf('apps/db+cache=@one_2.3'),
      versionId: 'v1',
      loadedAt: new Date(first?.loadedAt ?? '').toISOString(),
    });
    expect(Date.parse(first?.loadedAt ?? '')).toBeGreaterThanOrEqual(before);
  });

  it('tells secrets apart', async () => {
    const read = readerOf(consumer({ name: 'named' }));
    aws.rotate('a', 'v1');
    aws.rotate('a-AbCdEf', 'v1');
    await Promise.all([read('a'), read('a-AbCdEf'), read('a')]);
    await reportedBy(read);
    expect(aws.reports.map(({ secret }) => secret).toSorted()).toEqual(
      ['a', 'a-AbCdEf', 'last'].map(arnOf).toSorted(),
    );
    expect(new Set(aws.reports.map(({ consumer }) => consumer))).toEqual(new Set(['named']));
  });
});

describe('a consumer', () => {
  it('reports none but the current version', async () => {
    const own = consumer();
    const secrets = own.watch(new SecretsManagerClient());
    aws.rotate('db', 'v1');
    aws.rotate('db', 'v2');
    const inputs = [
      { VersionId: 'v1' },
      { VersionId: 'v2' },
      { VersionStage: 'AWSPREVIOUS' },
      { VersionStage: 'AWSPREVIOUS', VersionId: 'v1' },
    ];
    for (const input of inputs) {
      await secrets.send(new GetSecretValueCommand({ SecretId: 'db', ...input }));
    }
    await secrets.send(new DescribeSecretCommand({ SecretId: 'db' }));
    own.loaded(await fromExtension('db', '&versionStage=AWSPREVIOUS'));
    const read = async (SecretId: string) =>
      (await secrets.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSCURRENT' }))).SecretString;
    expect(await reportedBy(read)).toEqual([]);
  });

  it('reports each of a batch', async () => {
    const own = consumer();
    const secrets = own.watch(new SecretsManagerClient());
    for (const name of ['a', 'b']) aws.rotate(name, `${name}1`, 'hunter2');
    const { SecretValues } = await secrets.send(new BatchGetSecretValueCommand({ SecretIdList: ['a', 'b'] }));
    expect(SecretValues?.map(({ SecretString }) => SecretString)).toEqual(['hunter2', 'hunter2']);
    expect(await reportedBy(WAYS['the extension']?.(own) as Read)).toEqual(['a1', 'b1']);
    expect(aws.sent.join()).not.toContain('hunter');
  });

  it('reports nothing of what Powertools had in its cache', async () => {
    const own = consumer();
    const secrets = new SecretsProvider({ awsSdkV3Client: own.watch(new SecretsManagerClient()) });
    aws.rotate('db', 'v1');
    await secrets.get('db', { maxAge: 3600 });
    aws.rotate('db', 'v2');
    expect(await secrets.get('db', { maxAge: 3600 })).toBe('value of v1');
    expect(await reportedBy(WAYS['the extension']?.(own) as Read)).toEqual(['v1']);
  });

  it('hands on the error of a call, and reports nothing of it', async () => {
    const read = WAYS['the SDK']?.(consumer()) as Read;
    await expect(read('gone')).rejects.toThrow(
      expect.objectContaining({ name: 'ResourceNotFoundException' }),
    );
    expect(await reportedBy(read)).toEqual([]);
  });

  it('reports nothing without a name', async () => {
    vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', undefined);
    const putEvents = vi.fn();
    const { loaded, answering } = consumer({ putEvents });
    const answer = { ARN: arnOf('db'), VersionId: 'v1', VersionStages: ['AWSCURRENT'] };
    await answering(async () => loaded(answer), { use: async () => {} })();
    expect(putEvents).not.toHaveBeenCalled();
  });

  it('takes an answer for nothing that does not say what it is of', async () => {
    const own = consumer();
    const odd = [
      {},
      { ARN: arnOf('db'), VersionId: 'v1' },
      { ARN: arnOf('db'), VersionStages: ['AWSCURRENT'] },
      { VersionId: 'v1', VersionStages: ['AWSCURRENT'] },
      JSON.parse('null'),
      JSON.parse('{ "message": "hunter2" }'),
    ];
    for (const answer of odd) expect(own.loaded(answer)).toBe(answer);
    expect(await reportedBy(WAYS['the SDK']?.(own) as Read)).toEqual([]);
  });

  it('remembers and reports no more secrets than it has room for, and those that it knows still', async () => {
    const reported: string[] = [];
    const { loaded } = consumer({
      async putEvents({ Entries }) {
        reported.push(...Entries.map(({ Detail }) => JSON.parse(Detail).secret));
        return { Entries: Entries.map(() => ({})) };
      },
    });
    const load = (name: string, VersionId: string) =>
      loaded({ ARN: arnOf(name), VersionId, VersionStages: ['AWSCURRENT'] });
    for (let index = 0; index <= SECRETS_AT_MOST; index++) {
      load(`tenant-${index}`, 'v1');
      if (index % WAITING_AT_MOST === WAITING_AT_MOST - 1)
        await vi.waitFor(() => expect(reported.length).toBe(index + 1));
    }
    load('tenant-0', 'v2');
    await vi.waitFor(() => expect(reported.length).toBe(SECRETS_AT_MOST + 1));
    expect(reported.at(-1)).toBe(arnOf('tenant-0'));
    expect(reported).not.toContain(arnOf(`tenant-${SECRETS_AT_MOST}`));
  });
});
