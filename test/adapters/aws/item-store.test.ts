import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import {
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DynamoDBClient,
  DynamoDBServiceException,
  InternalServerError,
  ProvisionedThroughputExceededException,
  PutItemCommand,
  ResourceNotFoundException,
  ScanCommand,
  type TableDescription,
  TableNotFoundException,
  ThrottlingException,
} from '@aws-sdk/client-dynamodb';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { awsItemStores } from '../../../functions/adapters/aws/item-store.ts';
import { itemOfText, textOfItem, type WireItem } from '../../../functions/core/item.ts';
import type { ItemStore } from '../../../functions/ports/item-store.ts';
import { describeItemStore } from '../../contract/item-store.ts';
import { itemStoreWorld } from './item-store-world.ts';
import { onDynalite } from './on-dynalite.ts';

describe('on dynalite', () => {
  describeItemStore(() =>
    onDynalite((client) => itemStoreWorld({ ...client, region: 'us-east-1' }, ['documents'])),
  );
});

const TABLE = { name: 'orders', region: 'eu-west-1', account: '222222222222' };
const ARN = 'arn:aws:dynamodb:eu-west-1:222222222222:table/orders';
const ITEM: WireItem = { sk: { N: '7' }, pk: { S: 'a' }, 'a b': { SS: ['x'] }, c: { BOOL: true } };
const KEY = { pk: { S: 'a' }, sk: { N: '7' } };
const DESCRIBED: TableDescription = {
  TableArn: ARN,
  KeySchema: [
    { AttributeName: 'sk', KeyType: 'RANGE' },
    { AttributeName: 'pk', KeyType: 'HASH' },
  ],
  AttributeDefinitions: [
    { AttributeName: 'other', AttributeType: 'B' },
    { AttributeName: 'sk', AttributeType: 'N' },
    { AttributeName: 'pk', AttributeType: 'S' },
  ],
  ItemCount: 12,
  TableSizeBytes: 3_456,
};
const NEVER = {
  ConditionExpression: 'attribute_exists(#key) AND attribute_not_exists(#key)',
  ExpressionAttributeNames: { '#key': 'pk' },
};

describe('requests', () => {
  let dynamo: AwsClientStub<DynamoDBClient>;
  let store: ItemStore;
  const metadata = { message: 'hunter2', $metadata: {} };
  const conditionFailed = new ConditionalCheckFailedException(metadata);

  beforeAll(() => {
    dynamo = mockClient(DynamoDBClient); // all clients of this process, so not before
  });
  beforeEach(() => {
    dynamo.reset();
    dynamo.onAnyCommand().resolves({});
    dynamo.on(DescribeTableCommand).resolves({ Table: DESCRIBED });
    store = awsItemStores()(TABLE);
  });
  afterAll(() => dynamo.restore());

  /** Inputs of all calls but that which asks what the table's key is. */
  const sent = () =>
    dynamo.calls().flatMap(({ args: [{ input }] }) => (Object.keys(input).length > 1 ? [input] : []));
  const described = () => dynamo.commandCalls(DescribeTableCommand).length;

  it('are of one store for each table', () => {
    const stores = awsItemStores();
    expect(stores({ ...TABLE })).toBe(stores(TABLE));
    expect(stores({ ...TABLE, account: undefined })).not.toBe(stores(TABLE));
    expect(stores({ ...TABLE, region: 'us-east-1' })).not.toBe(stores(TABLE));
  });

  it('tell what a table is', async () => {
    dynamo.on(DescribeContinuousBackupsCommand).resolves({
      ContinuousBackupsDescription: {
        ContinuousBackupsStatus: 'ENABLED',
        PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'ENABLED' },
      },
    });
    expect(await store.describe()).toEqual({
      arn: ARN,
      keys: ['pk', 'sk'],
      items: 12,
      bytes: 3_456,
      hasStream: false,
      hasReplicas: false,
      hasPointInTimeRecovery: true,
    });
    expect(dynamo.commandCalls(DescribeContinuousBackupsCommand)[0]?.args[0].input).toEqual({
      TableName: 'orders',
    });
  });

  it('tell of what reaches others, and of what cannot be taken back', async () => {
    dynamo.on(DescribeTableCommand).resolves({
      Table: {
        ...DESCRIBED,
        StreamSpecification: { StreamEnabled: true },
        Replicas: [{ RegionName: 'us-east-1' }],
      },
    });
    dynamo.on(DescribeContinuousBackupsCommand).resolves({
      ContinuousBackupsDescription: {
        ContinuousBackupsStatus: 'ENABLED',
        PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'DISABLED' },
      },
    });
    expect(await store.describe()).toMatchObject({
      hasStream: true,
      hasReplicas: true,
      hasPointInTimeRecovery: false,
    });
  });

  const serviceError = (name: string, httpStatusCode: number) =>
    new DynamoDBServiceException({
      name,
      $fault: 'client',
      message: 'hunter2',
      $metadata: { httpStatusCode },
    });

  for (const { error, reason } of [
    { error: serviceError('UnknownOperationException', 400), reason: 'as dynalite says it' },
    { error: serviceError('InvalidAction', 400), reason: 'in other words' },
    { error: serviceError('InternalFailure', 501), reason: 'as LocalStack says it' },
  ]) {
    it(`do not insist on backups where a server knows of none: ${reason}`, async () => {
      dynamo.on(DescribeContinuousBackupsCommand).rejects(error);
      expect(await store.describe()).toMatchObject({ items: 12, hasPointInTimeRecovery: undefined });
    });
  }

  for (const { error, code, reason } of [
    {
      error: serviceError('AccessDeniedException', 400),
      code: 'ACCESS_DENIED',
      reason: 'that would be a guess',
    },
    { error: new ThrottlingException(metadata), code: 'THROTTLED', reason: 'it may be asked again' },
    {
      error: new InternalServerError({ message: '', $metadata: { httpStatusCode: 500 } }),
      code: 'UNAVAILABLE',
      reason: 'it may be asked again',
    },
    { error: new TableNotFoundException(metadata), code: 'NO_SUCH_TABLE', reason: 'it is gone meanwhile' },
    { error: new ResourceNotFoundException(metadata), code: 'NO_SUCH_TABLE', reason: 'in other words' },
  ]) {
    it(`do not take ${error.name} for an answer about backups: ${reason}`, async () => {
      dynamo.on(DescribeContinuousBackupsCommand).rejects(error);
      const thrown = await store.describe().catch((refusal: unknown) => refusal);
      expect(thrown).toMatchObject({ code });
      if (code === 'ACCESS_DENIED') {
        const permission = 'dynamodb:DescribeContinuousBackups';
        expect(thrown).toMatchObject({ retryable: false, refusal: { permission } });
      }
    });
  }

  it('scan a page of a segment', async () => {
    dynamo.on(ScanCommand).resolves({
      Items: [KEY],
      ScannedCount: 3,
      LastEvaluatedKey: KEY,
      ConsumedCapacity: { CapacityUnits: 128.5 },
    });
    const page = await store.scan({
      segment: 3,
      totalSegments: 8,
      from: KEY,
      limit: 5,
      attributes: ['pk', 'a b'],
    });
    expect(page).toEqual({ items: [KEY], scanned: 3, next: KEY, readUnits: 128.5 });
    expect(sent()).toEqual([
      {
        TableName: 'orders',
        Segment: 3,
        TotalSegments: 8,
        ExclusiveStartKey: KEY,
        Limit: 5,
        ProjectionExpression: '#a0, #a1',
        ExpressionAttributeNames: { '#a0': 'pk', '#a1': 'a b' },
        ReturnConsumedCapacity: 'TOTAL',
      },
    ]);
  });

  it('scan all there is, where nothing else is said', async () => {
    const page = await store.scan({ segment: 0, totalSegments: 1 });
    expect(page).toEqual({ items: [], scanned: 0, readUnits: 0 });
    expect(sent()).toEqual([
      { TableName: 'orders', Segment: 0, TotalSegments: 1, ReturnConsumedCapacity: 'TOTAL' },
    ]);
    expect(described()).toBe(0);
  });

  it('get items strongly, and what was left over once more', async () => {
    const other = { ...KEY, sk: { N: '8' } };
    const third = { ...KEY, sk: { N: '9' } };
    dynamo
      .on(BatchGetItemCommand)
      .resolvesOnce({
        Responses: { orders: [{ ...third, x: { S: 'third' } }] },
        UnprocessedKeys: { orders: { Keys: [KEY, other], ConsistentRead: true } },
        ConsumedCapacity: [{ TableName: 'orders', CapacityUnits: 2 }],
      })
      .resolvesOnce({
        Responses: { orders: [{ ...KEY, x: { S: 'first' } }] },
        UnprocessedKeys: {},
        ConsumedCapacity: [{ TableName: 'orders', CapacityUnits: 3.5 }],
      });
    expect(await store.get([KEY, other, third])).toEqual({
      items: [{ ...KEY, x: { S: 'first' } }, undefined, { ...third, x: { S: 'third' } }],
      readUnits: 5.5,
    });
    const asking = (keys: WireItem[]) => ({
      RequestItems: { orders: { Keys: keys, ConsistentRead: true } },
      ReturnConsumedCapacity: 'TOTAL',
    });
    expect(sent()).toEqual([asking([KEY, other, third]), asking([KEY, other])]);
  });

  it('get items in a bounded number of rounds', async () => {
    const left = { UnprocessedKeys: { orders: { Keys: [KEY] } } } as unknown as BatchGetItemCommandOutput;
    dynamo.on(BatchGetItemCommand).resolves(left);
    await expect(store.get([KEY])).rejects.toMatchObject({
      code: 'THROTTLED',
      retryable: true,
      refusal: { call: 'dynamodb:BatchGetItem' },
    });
    expect(dynamo.commandCalls(BatchGetItemCommand)).toHaveLength(40);
  });

  it('get no more items than one call may', async () => {
    const keys = Array.from({ length: 101 }, (_, n) => ({ ...KEY, sk: { N: `${n}` } }));
    await expect(store.get(keys)).rejects.toMatchObject({ code: 'INVARIANT' });
    expect(dynamo.calls()).toEqual([]);
  });

  it('remove an item on condition of all that it says', async () => {
    dynamo.on(DeleteItemCommand).resolves({
      Attributes: { ...KEY, more: { S: 'x' } },
      ConsumedCapacity: { CapacityUnits: 4 },
    });
    expect(await store.removeIfSame(ITEM)).toEqual({
      removed: { ...KEY, more: { S: 'x' } },
      writeUnits: 4,
    });
    expect(sent()).toEqual([
      {
        TableName: 'orders',
        Key: KEY,
        ConditionExpression: '#a0 = :v0 AND #a1 = :v1 AND #a2 = :v2 AND #a3 = :v3',
        ExpressionAttributeNames: { '#a0': 'pk', '#a1': 'sk', '#a2': 'a b', '#a3': 'c' },
        ExpressionAttributeValues: {
          ':v0': { S: 'a' },
          ':v1': { N: '7' },
          ':v2': { SS: ['x'] },
          ':v3': { BOOL: true },
        },
        ReturnValues: 'ALL_OLD',
        ReturnConsumedCapacity: 'TOTAL',
      },
    ]);
  });

  it('remove an item in an expression that AWS takes, however many attributes it has', async () => {
    const names = Array.from({ length: 300 }, (_, n) => `attribute ${n} ${'x'.repeat(200)}`);
    dynamo.on(DeleteItemCommand).resolves({ Attributes: KEY });
    await store.removeIfSame({ ...Object.fromEntries(names.map((name) => [name, { S: '' }])), ...KEY });
    const [input] = dynamo.commandCalls(DeleteItemCommand).map(({ args: [{ input: asked }] }) => asked);
    const { ConditionExpression: text = '', ExpressionAttributeNames = {} } = input ?? {};
    expect(text.length).toBeLessThan(4_096);
    expect(text.split(/ = | AND /)).toHaveLength(200);
    expect(Object.keys(ExpressionAttributeNames)).toHaveLength(100);
    expect(Object.values(ExpressionAttributeNames).slice(0, 2)).toEqual(['pk', 'sk']);
  });

  it('count a lost condition by the size of the item', async () => {
    dynamo.on(DeleteItemCommand).rejects(conditionFailed);
    dynamo.on(PutItemCommand).rejects(conditionFailed);
    const large = { ...ITEM, text: { S: 'x'.repeat(2_500) } };
    expect(await store.removeIfSame(large)).toEqual({ removed: undefined, writeUnits: 3 });
    expect(await store.putIfAbsent(large)).toEqual({ isDone: false, writeUnits: 3 });
    const small = { replaced: undefined, writeUnits: 1 };
    expect(await store.replaceIfSame({ ...ITEM, more: { S: '' } }, ITEM)).toEqual(small);
    expect(await store.replaceIfSame(large, ITEM)).toEqual({ ...small, writeUnits: 3 });
    expect(await store.replaceIfSame(ITEM, large)).toEqual({ ...small, writeUnits: 3 });
  });

  it('do not take the word of an answer that gives nothing back', async () => {
    await expect(store.removeIfSame(ITEM)).rejects.toMatchObject({
      refusal: { code: 'UNEXPECTED_ANSWER', call: 'dynamodb:DeleteItem' },
    });
    await expect(store.replaceIfSame(ITEM, ITEM)).rejects.toMatchObject({
      refusal: { code: 'UNEXPECTED_ANSWER', call: 'dynamodb:PutItem' },
    });
  });

  it('write where nothing is', async () => {
    dynamo.on(PutItemCommand).resolves({ ConsumedCapacity: { CapacityUnits: 2 } });
    expect(await store.putIfAbsent(ITEM)).toEqual({ isDone: true, writeUnits: 2 });
    expect(sent()).toEqual([
      {
        TableName: 'orders',
        Item: ITEM,
        ConditionExpression: 'attribute_not_exists(#key)',
        ExpressionAttributeNames: { '#key': 'pk' },
        ReturnConsumedCapacity: 'TOTAL',
      },
    ]);
  });

  it('write over an item on condition of all that was read of it', async () => {
    dynamo.on(PutItemCommand).resolves({
      Attributes: { ...ITEM, more: { S: 'x' } },
      ConsumedCapacity: { CapacityUnits: 4 },
    });
    const next = { ...KEY, sk: { N: '7.0' }, text: { S: 'next' } };
    expect(await store.replaceIfSame(next, ITEM)).toEqual({
      replaced: { ...ITEM, more: { S: 'x' } },
      writeUnits: 4,
    });
    expect(sent()).toEqual([
      {
        TableName: 'orders',
        Item: next,
        ConditionExpression: '#a0 = :v0 AND #a1 = :v1 AND #a2 = :v2 AND #a3 = :v3',
        ExpressionAttributeNames: { '#a0': 'pk', '#a1': 'sk', '#a2': 'a b', '#a3': 'c' },
        ExpressionAttributeValues: {
          ':v0': { S: 'a' },
          ':v1': { N: '7' },
          ':v2': { SS: ['x'] },
          ':v3': { BOOL: true },
        },
        ReturnValues: 'ALL_OLD',
        ReturnConsumedCapacity: 'TOTAL',
      },
    ]);
  });

  it('write over no item of another key', async () => {
    const other = { ...ITEM, sk: { N: '8' } };
    await expect(store.replaceIfSame(other, ITEM)).rejects.toMatchObject({ code: 'INVARIANT' });
    expect(dynamo.commandCalls(PutItemCommand)).toEqual([]);
  });

  it('ask for the right to write in a way that writes nothing', async () => {
    dynamo.on(DeleteItemCommand).rejects(conditionFailed);
    dynamo.on(PutItemCommand).rejects(conditionFailed);
    await store.tryWriting(['remove', 'put']);
    const key = { pk: { S: 'recohere' }, sk: { N: '0' } };
    expect(sent()).toEqual([
      { TableName: 'orders', Key: key, ...NEVER, ReturnValues: 'ALL_OLD', ReturnConsumedCapacity: 'TOTAL' },
      { TableName: 'orders', Item: key, ...NEVER, ReturnConsumedCapacity: 'TOTAL' },
    ]);
    dynamo.resetHistory();
    await store.tryWriting(['put']);
    expect(dynamo.commandCalls(DeleteItemCommand)).toEqual([]);
  });

  for (const { right, permission } of [
    { right: 'remove', permission: 'dynamodb:DeleteItem' },
    { right: 'put', permission: 'dynamodb:PutItem' },
  ] as const) {
    it(`name ${permission} where that is missing`, async () => {
      const denied = serviceError('AccessDeniedException', 400);
      dynamo.on(DeleteItemCommand).rejects(right === 'remove' ? denied : conditionFailed);
      dynamo.on(PutItemCommand).rejects(right === 'put' ? denied : conditionFailed);
      await expect(store.tryWriting(['remove', 'put'])).rejects.toMatchObject({
        refusal: { code: 'ACCESS_DENIED', call: permission, permission },
        retryable: false,
      });
    });

    it(`stop where a server lets ${right} a condition that contradicts itself hold`, async () => {
      await expect(store.tryWriting([right])).rejects.toMatchObject({ code: 'INVARIANT' });
    });
  }

  it('ask what the key of a table is once, and again after a failure', async () => {
    dynamo.on(PutItemCommand).resolves({});
    dynamo
      .on(DescribeTableCommand)
      .rejectsOnce(new ThrottlingException(metadata))
      .resolves({ Table: DESCRIBED });
    await expect(store.putIfAbsent(ITEM)).rejects.toMatchObject({ code: 'THROTTLED' });
    await store.putIfAbsent(ITEM);
    await store.putIfAbsent(ITEM);
    expect(described()).toBe(2);
  });

  it('do not ask for what a description has told', async () => {
    await store.describe();
    await store.putIfAbsent(ITEM);
    expect(described()).toBe(1);
  });

  for (const { table, reason } of [
    { table: undefined, reason: 'nothing' },
    { table: {}, reason: 'no key' },
    { table: { ...DESCRIBED, AttributeDefinitions: [] }, reason: 'no types of the key' },
  ]) {
    it(`do not guess at a description that tells ${reason}`, async () => {
      dynamo.on(DescribeTableCommand).resolves({ Table: table });
      await expect(store.tryWriting(['put'])).rejects.toMatchObject({
        refusal: { code: 'UNEXPECTED_ANSWER', call: 'dynamodb:DescribeTable' },
      });
    });
  }

  const calls = [
    { call: 'dynamodb:DescribeTable', ask: () => store.describe() },
    { call: 'dynamodb:Scan', ask: () => store.scan({ segment: 0, totalSegments: 1 }) },
    { call: 'dynamodb:BatchGetItem', ask: () => store.get([KEY]) },
    { call: 'dynamodb:DeleteItem', ask: () => store.removeIfSame(ITEM) },
    { call: 'dynamodb:PutItem', ask: () => store.putIfAbsent(ITEM) },
    { call: 'dynamodb:PutItem', ask: () => store.replaceIfSame(ITEM, ITEM) },
    { call: 'dynamodb:PutItem', ask: () => store.tryWriting(['put']) },
  ];
  for (const { error, code, retryable, reason } of [
    { error: new ThrottlingException(metadata), code: 'THROTTLED', retryable: true, reason: 'the table' },
    {
      error: new ProvisionedThroughputExceededException(metadata),
      code: 'THROTTLED',
      retryable: true,
      reason: 'one partition, as DynamoDB names it',
    },
    {
      error: serviceError('AccessDeniedException', 400),
      code: 'ACCESS_DENIED',
      retryable: false,
      reason: 'a permission is missing',
    },
    {
      error: serviceError('ValidationException', 400),
      code: 'UNEXPECTED_ANSWER',
      retryable: false,
      reason: 'the same request will be refused again',
    },
    {
      error: serviceError('Odd', 500),
      code: 'UNAVAILABLE',
      retryable: true,
      reason: 'the fault is that of AWS',
    },
  ]) {
    it(`translate ${error.name} of every call to ${code}: ${reason}`, async () => {
      dynamo.onAnyCommand().rejects(error);
      for (const { call, ask } of calls) {
        if (call === 'dynamodb:DescribeTable') dynamo.on(DescribeTableCommand).rejects(error);
        else dynamo.on(DescribeTableCommand).resolves({ Table: DESCRIBED });
        const refusal = await ask().catch((thrown: unknown) => thrown);
        expect(refusal).toMatchObject({ code, retryable, refusal: { call } });
        expect(inspect(refusal, { depth: null })).not.toContain('hunter2');
      }
    });
  }

  it('say which table is not there', async () => {
    dynamo.onAnyCommand().rejects(new ResourceNotFoundException(metadata));
    for (const { ask } of calls) {
      await expect(ask()).rejects.toMatchObject({
        code: 'NO_SUCH_TABLE',
        retryable: false,
        context: { table: TABLE },
      });
    }
  });
});

/** Stands for AWS on loopback: what passes through the SDK, and how often. */
describe('a server', () => {
  let endpoint: string;
  let stop: () => void;
  let requests: { target: string; signedBy: string | undefined; body: string }[];
  let answer: { status: number; body: string };

  beforeAll(async () => {
    const server = createServer(async (asked, answered) => {
      const chunks: Buffer[] = [];
      for await (const chunk of asked) chunks.push(chunk);
      requests.push({
        target: String(asked.headers['x-amz-target'] ?? 'sts'),
        signedBy: /Credential=([^/]+)/.exec(asked.headers.authorization ?? '')?.[1],
        body: Buffer.concat(chunks).toString(),
      });
      const isSts = asked.headers['x-amz-target'] === undefined;
      answered.writeHead(isSts ? 200 : answer.status).end(isSts ? ASSUMED : answer.body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    stop = () => {
      server.closeAllConnections();
      server.close();
    };
  });
  beforeEach(() => {
    requests = [];
    answer = { status: 200, body: '{}' };
    vi.stubEnv('AWS_ENDPOINT_URL', endpoint);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAOWN');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    stop();
  });

  it('is given and gives every attribute, one within another that is called __proto__ too', async () => {
    const text = '{"m":{"M":{"__proto__":{"L":[{"M":{"__proto__":{"B":"AQ=="}}}]}}},"pk":{"S":"a"}}';
    const item = itemOfText(text);
    const described = '"Table":{"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}';
    answer = { status: 200, body: `{"Items":[${text}],"ScannedCount":1,${described},"Attributes":${text}}` };
    const store = awsItemStores()(TABLE);
    const page = await store.scan({ segment: 0, totalSegments: 1 });
    expect(page.items.map(textOfItem)).toEqual([text]);
    const { replaced } = await store.replaceIfSame({ ...item, ['__proto__']: { S: 'x' } }, item);
    expect(textOfItem(replaced ?? {})).toBe(text);
    const { Item: put, ExpressionAttributeValues: values } = JSON.parse(requests.at(-1)?.body ?? '');
    expect(JSON.stringify(put)).toBe(`${text.slice(0, -1)},"__proto__":{"S":"x"}}`);
    expect(`{"m":${JSON.stringify(values[':v1'])},"pk":{"S":"a"}}`).toBe(text);
  });

  it('cannot give an item with an attribute that is called __proto__, and none is given without it', async () => {
    answer = {
      status: 200,
      body: '{"Items":[{"a":{"S":"x"},"__proto__":{"S":"hunter2"}}],"ScannedCount":1}',
    };
    const error = await awsItemStores()(TABLE)
      .scan({ segment: 0, totalSegments: 1 })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'UNREADABLE_ITEM', retryable: false, context: { table: TABLE } });
    expect(inspect(error, { depth: null })).not.toContain('hunter2');
  });

  it('is asked once, whatever it says', async () => {
    for (const status of [400, 500, 503]) {
      requests = [];
      answer = { status, body: '{"__type":"com.amazonaws.dynamodb#ThrottlingException"}' };
      const stores = awsItemStores({ client: { maxAttempts: 5 } });
      await expect(stores(TABLE).scan({ segment: 0, totalSegments: 1 })).rejects.toMatchObject({
        retryable: true,
      });
      expect(requests).toHaveLength(1);
    }
  });

  it('is asked with the role of the table’s account, or the own credentials', async () => {
    const stores = awsItemStores({
      accessOf: ({ account }) =>
        account === undefined ? undefined : { roleArn: `arn:aws:iam::${account}:role/recohere-apply` },
    });
    await stores(TABLE).scan({ segment: 0, totalSegments: 1 });
    await stores({ ...TABLE, name: 'invoices' }).scan({ segment: 0, totalSegments: 1 });
    await stores({ name: 'orders', region: 'eu-west-1' }).scan({ segment: 0, totalSegments: 1 });
    expect(requests.map(({ target, signedBy }) => [target.split('.').at(-1), signedBy])).toEqual([
      ['sts', 'AKIAOWN'],
      ['Scan', 'ASIAASSUMED'],
      ['Scan', 'ASIAASSUMED'],
      ['Scan', 'AKIAOWN'],
    ]);
    expect(requests[0]?.body).toContain(encodeURIComponent('arn:aws:iam::222222222222:role/recohere-apply'));
  });
});

const ASSUMED = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
  <AccessKeyId>ASIAASSUMED</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
  <SessionToken>token</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`;
