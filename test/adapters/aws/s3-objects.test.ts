import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchBucket,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CLIENT_BOUNDS } from '../../../functions/adapters/aws/bounds.ts';
import { type S3Options, s3ObjectStores } from '../../../functions/adapters/aws/s3-objects.ts';
import { all } from '../../all.ts';
import { describeObjectStore } from '../../contract/object-store.ts';

const ACCOUNT = '111111111111';
const OPTIONS: S3Options = { prefix: 'recohere', account: ACCOUNT };
const TABLE = { name: 'orders', region: 'eu-west-1' };
const BUCKET = 'recohere-111111111111-eu-west-1';
const ROLE = 'arn:aws:iam::222222222222:role/recohere-data';

/** An answer of S3 that is an error. */
function errorOf(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>hunter2</Message></Error>`;
}

describe('requests', () => {
  let s3: AwsClientStub<S3Client>;
  const store = s3ObjectStores(OPTIONS)(TABLE);
  const OF = { Bucket: BUCKET, ExpectedBucketOwner: ACCOUNT };

  beforeAll(() => {
    s3 = mockClient(S3Client); // all clients of this process, so not before
  });
  beforeEach(() => {
    s3.reset();
    s3.onAnyCommand().resolves({});
  });
  afterAll(() => s3.restore());

  const sent = () => s3.calls().map(({ args }) => args[0].input);

  it('go to the bucket beside the table, and to nobody else’s of its name', async () => {
    const content = Buffer.from('x');
    await store.write('runs/a', content);
    await store.read('runs/a');
    await store.remove('runs/a');
    await all(store.list('runs/'));
    expect(sent()).toEqual([
      { ...OF, Key: 'runs/a', Body: content },
      { ...OF, Key: 'runs/a' },
      { ...OF, Key: 'runs/a' },
      { ...OF, Prefix: 'runs/' },
    ]);
    expect(s3.calls().map(({ args }) => args[0].constructor)).toEqual([
      PutObjectCommand,
      GetObjectCommand,
      DeleteObjectCommand,
      ListObjectsV2Command,
    ]);
  });

  it('go to the account and region of each table', async () => {
    await s3ObjectStores(OPTIONS)({ name: 'orders', region: 'sa-east-1', account: '222222222222' }).remove(
      'a',
    );
    expect(sent()).toEqual([
      { Bucket: 'recohere-222222222222-sa-east-1', ExpectedBucketOwner: '222222222222', Key: 'a' },
    ]);
  });

  it('ask for names page by page, past one that is empty', async () => {
    s3.on(ListObjectsV2Command)
      .resolvesOnce({ Contents: [{ Key: 'a' }, { Key: 'b' }], IsTruncated: true, NextContinuationToken: '2' })
      .resolvesOnce({ IsTruncated: true, NextContinuationToken: '3' })
      .resolvesOnce({ Contents: [{ Key: 'c' }], IsTruncated: false });
    expect(await all(store.list(''))).toEqual(['a', 'b', 'c']);
    const page = { ...OF, Prefix: '' };
    expect(sent()).toEqual([page, { ...page, ContinuationToken: '2' }, { ...page, ContinuationToken: '3' }]);
  });

  it('ask for no page that nobody wants', async () => {
    s3.on(ListObjectsV2Command).resolves({
      Contents: [{ Key: 'a' }],
      IsTruncated: true,
      NextContinuationToken: '2',
    });
    for await (const name of store.list('')) {
      expect(name).toBe('a');
      break;
    }
    expect(sent()).toHaveLength(1);
  });

  it('do not turn pages without end', async () => {
    s3.on(ListObjectsV2Command).resolves({ IsTruncated: true, NextContinuationToken: 'round' });
    await expect(all(store.list(''))).rejects.toMatchObject({ code: 'INVARIANT' });
    expect(sent()).toHaveLength(10_000);
  });

  for (const { answer, reason } of [
    { answer: { IsTruncated: true }, reason: 'more names, and not where' },
    { answer: { Contents: [{}] }, reason: 'a name that is none' },
  ]) {
    it(`refuse an answer that AWS never gives: ${reason}`, async () => {
      s3.on(ListObjectsV2Command).resolves(answer);
      await expect(all(store.list(''))).rejects.toMatchObject({
        refusal: { code: 'UNEXPECTED_ANSWER', call: 's3:ListBucket' },
      });
    });
  }

  const CALLS = [
    { call: 's3:PutObject', ask: () => store.write('a', Buffer.from('')) },
    { call: 's3:GetObject', ask: () => store.read('a') },
    { call: 's3:DeleteObject', ask: () => store.remove('a') },
    { call: 's3:ListBucket', ask: () => all(store.list('a')) },
  ];
  const unnamed = Object.assign(new Error('hunter2'), { name: 'NoSuchBucket' });

  for (const error of [new NoSuchBucket({ message: 'hunter2', $metadata: {} }), unnamed]) {
    it('name the stack to deploy where there is no bucket', async () => {
      s3.onAnyCommand().rejects(error);
      for (const { ask } of CALLS) {
        await expect(ask()).rejects.toMatchObject({
          code: 'NO_SUCH_BUCKET',
          retryable: false,
          message: `there is no bucket ${BUCKET}: deploy the stack recohere-data`,
          context: { bucket: BUCKET, stack: 'recohere-data', account: ACCOUNT, region: 'eu-west-1' },
        });
      }
    });
  }

  it('find nothing where there is no such key', async () => {
    s3.onAnyCommand().rejects(new NoSuchKey({ message: '', $metadata: {} }));
    expect(await store.read('a')).toBeUndefined();
    await store.remove('a');
  });

  const named = (name: string, httpStatusCode: number, message = 'hunter2') =>
    Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
  for (const { error, refusal, retryable } of [
    { error: named('AccessDenied', 403), refusal: { code: 'ACCESS_DENIED' }, retryable: false },
    {
      error: named('AccessDenied', 403, 'is not authorized to perform: kms:GenerateDataKey on hunter2'),
      refusal: { code: 'ACCESS_DENIED', permission: 'kms:GenerateDataKey' },
      retryable: false,
    },
    { error: named('SlowDown', 503), refusal: { code: 'UNAVAILABLE' }, retryable: true },
    { error: named('InternalError', 500), refusal: { code: 'UNAVAILABLE' }, retryable: true },
    { error: named('RequestTimeout', 400), refusal: { code: 'REGION_UNREACHABLE' }, retryable: true },
  ]) {
    it(`translate ${error.name} to ${refusal.code}${'permission' in refusal ? ', with the permission' : ''}`, async () => {
      s3.onAnyCommand().rejects(error);
      for (const { call, ask } of CALLS) {
        const thrown = await ask().catch((caught: unknown) => caught);
        expect(thrown).toMatchObject({ code: refusal.code, retryable, refusal: { ...refusal, call } });
        expect(inspect(thrown, { depth: null })).not.toContain('hunter2');
      }
    });
  }
});

/** What a client sent to S3 or STS. */
interface Received {
  readonly method: string | undefined;
  readonly path: string;
  readonly signedBy: string | undefined;
  readonly region: string | undefined;
  readonly headers: IncomingMessage['headers'];
}

describe('a server', () => {
  let server: Server;
  let endpoint: string;
  let requests: Received[];
  let answer: RequestListener;

  beforeEach(() => {
    requests = [];
  });
  beforeAll(async () => {
    server = createServer((request, response) => {
      const credential = /Credential=([^/]+)\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '');
      const [, signedBy, region] = credential ?? [];
      requests.push({
        method: request.method,
        path: request.url ?? '',
        signedBy,
        region,
        headers: request.headers,
      });
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    // by its name, which could be part of the name of a bucket’s own host
    endpoint = `http://localhost:${(server.address() as AddressInfo).port}`;
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAOWN');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    vi.stubEnv('AWS_ENDPOINT_URL', endpoint); // of STS
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
  });

  describe('that keeps objects', () => {
    const PAGE = 100;
    const objects = new Map<string, Buffer>();

    beforeAll(() => {
      answer = async (request, response) => {
        const { pathname, searchParams } = new URL(request.url ?? '', endpoint);
        const name = decodeURIComponent(pathname.slice(BUCKET.length + 2));
        const content = objects.get(name);
        if (request.headers['x-amz-expected-bucket-owner'] !== ACCOUNT) {
          response.writeHead(403).end(errorOf('AccessDenied'));
        } else if (!pathname.startsWith(`/${BUCKET}`)) {
          response.writeHead(404).end(errorOf('NoSuchBucket'));
        } else if (request.method === 'PUT') {
          objects.set(name, await buffer(request));
          response.end();
        } else if (request.method === 'DELETE') {
          objects.delete(name);
          response.writeHead(204).end();
        } else if (name === '') {
          const from = searchParams.get('continuation-token') ?? '';
          const begin = searchParams.get('prefix') ?? '';
          const names = [...objects.keys()].filter((each) => each.startsWith(begin) && each > from).sort();
          const page = names.slice(0, PAGE);
          const contents = page.map((each) => `<Contents><Key>${each}</Key></Contents>`).join('');
          const next = `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>`;
          const isTruncated = names.length > PAGE;
          response.end(
            `<ListBucketResult>${contents}<IsTruncated>${isTruncated}</IsTruncated>${isTruncated ? next : ''}</ListBucketResult>`,
          );
        } else if (content === undefined) {
          response.writeHead(404).end(errorOf('NoSuchKey'));
        } else {
          response.end(content);
        }
      };
    });

    describeObjectStore(
      async () => ({ store: s3ObjectStores({ ...OPTIONS, endpoint })(TABLE), close: async () => {} }),
      3 * PAGE + 5,
    );

    it('is sent objects with a checksum, to a path', async () => {
      await s3ObjectStores({ ...OPTIONS, endpoint })(TABLE).write('runs/a b', Buffer.from('123456789'));
      expect(requests).toMatchObject([
        {
          method: 'PUT',
          path: `/${BUCKET}/runs/a%20b?x-id=PutObject`,
          headers: { 'x-amz-checksum-crc32': 'y/Q5Jg==', 'content-length': '9' },
          signedBy: 'AKIAOWN',
          region: 'eu-west-1',
        },
      ]);
    });

    it('says so where there is no bucket, or it is somebody else’s', async () => {
      const other = s3ObjectStores({ ...OPTIONS, prefix: 'other', endpoint })(TABLE);
      for (const ask of [
        () => other.read('a'),
        () => other.write('a', Buffer.from('')),
        () => all(other.list('')),
      ]) {
        await expect(ask()).rejects.toMatchObject({ code: 'NO_SUCH_BUCKET' });
      }
      const foreign = s3ObjectStores({ ...OPTIONS, account: '333333333333', endpoint })(TABLE);
      await expect(foreign.read('a')).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    });
  });

  describe('in another account', () => {
    const far = { name: 'orders', region: 'sa-east-1', account: '222222222222' };

    beforeEach(() => {
      answer = async (request, response) => {
        if (request.url !== '/') response.end();
        else if (!String(await buffer(request)).includes(encodeURIComponent(ROLE)))
          response.writeHead(400).end();
        else {
          response.end(`<AssumeRoleResponse><AssumeRoleResult><Credentials>
            <AccessKeyId>ASIAASSUMED</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
            <SessionToken>token</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>
            </Credentials></AssumeRoleResult></AssumeRoleResponse>`);
        }
      };
    });

    it('is asked with the role for its tables, which is assumed once', async () => {
      const stores = s3ObjectStores({
        ...OPTIONS,
        endpoint,
        accessOf: ({ account }) => (account === far.account ? { roleArn: ROLE } : undefined),
      });
      await stores(far).remove('a');
      await stores({ ...far, name: 'customers' }).remove('b');
      await stores({ ...far, region: 'eu-west-1' }).remove('c');
      await stores(TABLE).remove('d');
      expect(requests.map(({ path, signedBy, region }) => [path.split('?')[0], signedBy, region])).toEqual([
        ['/', 'AKIAOWN', 'sa-east-1'],
        ['/recohere-222222222222-sa-east-1/a', 'ASIAASSUMED', 'sa-east-1'],
        ['/recohere-222222222222-sa-east-1/b', 'ASIAASSUMED', 'sa-east-1'],
        ['/recohere-222222222222-eu-west-1/c', 'ASIAASSUMED', 'eu-west-1'],
        [`/${BUCKET}/d`, 'AKIAOWN', 'eu-west-1'],
      ]);
    });
  });

  describe('that is not well', () => {
    const { requestHandler } = CLIENT_BOUNDS;
    const bounds = {
      client: { ...CLIENT_BOUNDS, maxAttempts: 2, requestHandler: { ...requestHandler, requestTimeout: 50 } },
      callTimeoutMs: 2_000,
    };
    const unreachable = { code: 'REGION_UNREACHABLE', retryable: true };

    it('and never answers is tried a few times and given up', async () => {
      answer = () => {};
      const store = s3ObjectStores({ ...OPTIONS, endpoint, bounds })(TABLE);
      await expect(store.write('a', Buffer.from('x'))).rejects.toMatchObject(unreachable);
      expect(requests).toHaveLength(2);
    });

    it('and begins an object that never ends is given up', async () => {
      answer = (_, response) => {
        response.writeHead(200, { 'content-length': '10' });
        response.write('begin');
      };
      const store = s3ObjectStores({ ...OPTIONS, endpoint, bounds: { ...bounds, callTimeoutMs: 200 } })(
        TABLE,
      );
      await expect(store.read('a')).rejects.toMatchObject(unreachable);
    });

    it('and breaks off in an object gives no half of it', async () => {
      answer = (_, response) => {
        response.writeHead(200, { 'content-length': '10' });
        response.write('begin', () => response.destroy());
      };
      const store = s3ObjectStores({ ...OPTIONS, endpoint, bounds })(TABLE);
      await expect(store.read('a')).rejects.toMatchObject(unreachable);
    });

    it('and gives an object that is not as it was written is refused', async () => {
      answer = (_, response) => {
        response.writeHead(200, { 'x-amz-checksum-crc32': 'y/Q5Jg==' }).end('123456780');
      };
      const store = s3ObjectStores({ ...OPTIONS, endpoint, bounds })(TABLE);
      await expect(store.read('a')).rejects.toMatchObject({ code: 'UNEXPECTED_ANSWER' });
    });
  });

  afterEach(() => server.closeIdleConnections());
});
