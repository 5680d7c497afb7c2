import { inspect } from 'node:util';
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  InternalServerError,
  ProvisionedThroughputExceededException,
  PutItemCommand,
  QueryCommand,
  ThrottlingException,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asking } from '../../../functions/adapters/aws/asking.ts';
import { createLedgerTable, dynamoLedger } from '../../../functions/adapters/aws/ledger.ts';
import { startLocalDynamo } from '../../../functions/adapters/aws/local-dynamo.ts';
import { FORMAT } from '../../../functions/contract/ledger.ts';
import { RELEASE } from '../../../functions/contract/release.ts';
import type { ClosedEpisode, SubjectState } from '../../../functions/core/episode.ts';
import { all } from '../../all.ts';
import { describeLedger } from '../../contract/ledger.ts';
import { dynamoWorld } from './dynamo-world.ts';
import { type LosingAnswers, startLosingAnswers } from './losing-answers.ts';
import { onDynalite } from './on-dynalite.ts';

describe('on dynalite', () => {
  describeLedger(() => onDynalite(dynamoWorld));
});

const STATE: SubjectState = { subject: 'api', version: 1, wake: 4, agreed: undefined };
const EPISODE: ClosedEpisode = {
  id: '0000000007',
  subject: 'api',
  cause: { id: 'deploy-1', source: 'test', at: 1 },
  outcome: 'forward',
  wasOverdue: false,
  timeToDetectMs: 1,
  convergenceMs: 2,
  exposureMs: 3,
  resolutionMs: 4,
  closedAt: 5,
  findings: [],
};

describe('requests', () => {
  let dynamo: AwsClientStub<DynamoDBClient>;
  const random = { bytes: (length: number) => new Uint8Array(length).fill(171) };
  const ledger = dynamoLedger({ region: 'eu-west-1' }, 'ledger', 'function', random);
  const metadata = { message: '', $metadata: {} };
  const KEY = { pk: { S: 'SUBJECT#function#api' }, sk: { S: 'STATE' } };

  beforeAll(() => {
    dynamo = mockClient(DynamoDBClient); // all clients of this process, so not before
  });
  beforeEach(() => {
    dynamo.reset();
    dynamo.onAnyCommand().resolves({});
  });
  afterAll(() => dynamo.restore());

  const sent = (command: typeof GetItemCommand | typeof PutItemCommand | typeof QueryCommand) =>
    dynamo.calls().flatMap(({ args: [asked] }) => (asked instanceof command ? [asked.input] : []));

  it('reads a state strongly, by its key', async () => {
    await ledger.read('api');
    expect(sent(GetItemCommand)).toEqual([{ TableName: 'ledger', Key: KEY, ConsistentRead: true }]);
  });

  it('writes a first state only where nothing is', async () => {
    await ledger.swap(STATE);
    expect(sent(PutItemCommand)).toEqual([
      {
        TableName: 'ledger',
        Item: {
          ...KEY,
          format: { N: `${FORMAT}` },
          release: { S: RELEASE },
          kind: { S: 'function' },
          subject: { S: 'api' },
          version: { N: '1' },
          wake: { N: '4' },
          swapId: { S: 'ab'.repeat(16) },
        },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    ]);
  });

  it('writes the next state only over the one before it, of no later release', async () => {
    await ledger.swap({ ...STATE, version: 8 });
    expect(sent(PutItemCommand)).toMatchObject([
      {
        ConditionExpression: '#version = :expected AND #format <= :format',
        ExpressionAttributeNames: { '#version': 'version', '#format': 'format' },
        ExpressionAttributeValues: { ':expected': { N: '7' }, ':format': { N: `${FORMAT}` } },
      },
    ]);
  });

  it('records an episode over nothing of a later release, and out of the index of states', async () => {
    await ledger.record(EPISODE);
    const [put] = sent(PutItemCommand);
    expect(put).toMatchObject({
      Item: { pk: KEY.pk, sk: { S: 'EPISODE#0000000007' }, format: { N: `${FORMAT}` } },
      ConditionExpression: 'attribute_not_exists(pk) OR #format <= :format',
    });
    expect(put).not.toHaveProperty('Item.kind');
  });

  it('says so where a later release has recorded the episode', async () => {
    dynamo.on(PutItemCommand).rejects(new ConditionalCheckFailedException(metadata));
    await expect(ledger.record(EPISODE)).rejects.toMatchObject({
      code: 'FUTURE_ITEM',
      context: { subject: 'api', id: '0000000007' },
    });
  });

  it('asks for history in pages, newest first, and for no more than is missing', async () => {
    const item = marshall({ ...EPISODE, pk: 'SUBJECT#function#api', sk: 'EPISODE#0000000007', format: 1 });
    dynamo
      .on(QueryCommand)
      .resolvesOnce({ Items: [item, item], LastEvaluatedKey: KEY }) // less than asked for: a megabyte was read
      .resolvesOnce({ Items: [item], LastEvaluatedKey: KEY });
    expect(await ledger.history('api', 3)).toHaveLength(3);
    expect(sent(QueryCommand)).toMatchObject([
      {
        ConsistentRead: true,
        ScanIndexForward: false,
        KeyConditionExpression: '#pk = :pk AND begins_with(#sk, :prefix)',
        ExpressionAttributeValues: { ':pk': KEY.pk, ':prefix': { S: 'EPISODE#' } },
        Limit: 3,
      },
      { ExclusiveStartKey: KEY, Limit: 1 },
    ]);
  });

  it('finds subjects in the index, a page at a time, past a page that is empty', async () => {
    dynamo
      .on(QueryCommand)
      .resolvesOnce({ Items: [{ ...KEY, subject: { S: 'api' } }], LastEvaluatedKey: KEY })
      .resolvesOnce({ Items: [], LastEvaluatedKey: KEY })
      .resolvesOnce({ Items: [{ ...KEY, subject: { S: 'job' } }] });
    expect(await all(ledger.subjects())).toEqual(['api', 'job']);
    expect(sent(QueryCommand)[0]).toEqual({
      TableName: 'ledger',
      IndexName: 'states',
      KeyConditionExpression: '#kind = :kind',
      ExpressionAttributeNames: { '#kind': 'kind' },
      ExpressionAttributeValues: { ':kind': { S: 'function' } },
      Limit: 100,
    });
  });

  it('loses a swap without asking again when the condition failed at the first try', async () => {
    dynamo.on(PutItemCommand).rejects(new ConditionalCheckFailedException(metadata));
    expect(await ledger.swap(STATE)).toBe(false);
    expect(sent(GetItemCommand)).toEqual([]);
  });

  for (const { swapId, won, reason } of [
    { swapId: { S: 'ab'.repeat(16) }, won: true, reason: 'it was its own write, whose answer was lost' },
    { swapId: { S: 'cd'.repeat(16) }, won: false, reason: 'it was the write of another' },
    { swapId: undefined, won: false, reason: 'nothing is there any more' },
  ]) {
    it(`${won ? 'wins' : 'loses'} a swap whose condition failed at a later try: ${reason}`, async () => {
      const error = new ConditionalCheckFailedException({ message: '', $metadata: { attempts: 2 } });
      dynamo.on(PutItemCommand).rejects(error);
      dynamo.on(GetItemCommand).resolves(swapId ? { Item: { swapId } } : {});
      expect(await ledger.swap(STATE)).toBe(won);
      expect(sent(GetItemCommand)).toMatchObject([{ ConsistentRead: true, ProjectionExpression: 'swapId' }]);
    });
  }

  const denied = Object.assign(
    new Error('User is not authorized to perform: dynamodb:X on resource: hunter2'),
    {
      name: 'AccessDeniedException',
    },
  );
  for (const { error, code, retryable, reason } of [
    { error: new ThrottlingException(metadata), code: 'THROTTLED', retryable: true, reason: 'the table' },
    {
      error: new ProvisionedThroughputExceededException(metadata),
      code: 'THROTTLED',
      retryable: true,
      reason: 'one partition, as DynamoDB names it',
    },
    { error: denied, code: 'ACCESS_DENIED', retryable: false, reason: 'a permission is missing' },
    {
      error: new InternalServerError({ message: 'hunter2', $metadata: { httpStatusCode: 500 } }),
      code: 'UNAVAILABLE',
      retryable: true,
      reason: 'the fault is that of AWS',
    },
  ]) {
    it(`translates ${error.name} of every call to ${code}: ${reason}`, async () => {
      dynamo.onAnyCommand().rejects(error);
      const calls = [
        { call: 'dynamodb:GetItem', ask: () => ledger.read('api') },
        { call: 'dynamodb:PutItem', ask: () => ledger.swap(STATE) },
        { call: 'dynamodb:PutItem', ask: () => ledger.record(EPISODE) },
        { call: 'dynamodb:Query', ask: () => ledger.history('api', 1) },
        { call: 'dynamodb:Query', ask: () => ledger.subjects()[Symbol.asyncIterator]().next() },
        { call: 'dynamodb:CreateTable', ask: () => createLedgerTable({ region: 'eu-west-1' }, 'ledger') },
      ];
      for (const { call, ask } of calls) {
        const refusal = await ask().catch((thrown: unknown) => thrown);
        expect(refusal).toMatchObject({ code, retryable, refusal: { call } });
        expect(inspect(refusal, { depth: null })).not.toContain('hunter2');
      }
    });
  }

  describe('items that are not as they were written', () => {
    const good = {
      ...KEY,
      ...marshall({ format: 1, kind: 'function', subject: 'api', version: 1, wake: 0, swapId: '' }),
    };
    for (const { change, wrong, reason } of [
      { change: { version: { S: 'hunter2' } }, wrong: ['version'], reason: 'a field of another type' },
      {
        change: { version: { N: '9'.repeat(30) } },
        wrong: ['version'],
        reason: 'a number that is none of ours',
      },
      { change: { hunter: { S: 'hunter2' } }, wrong: ['item'], reason: 'a field that a swap would lose' },
      { change: { format: { S: 'hunter2' } }, wrong: ['format'], reason: 'no number of a format' },
      { change: { format: { N: '0' } }, wrong: ['format'], reason: 'a format that never was' },
      {
        change: { agreed: { M: { at: { N: '1' }, roots: { M: { hunter2: { S: 'hunter2' } } } } } },
        wrong: ['agreed'],
        reason: 'something deep within',
      },
      {
        change: { wake: { hunter2: '1' } as never },
        wrong: ['item'],
        reason: 'a type that DynamoDB does not have',
      },
      {
        change: { retiredAt: { N: '8640000000000001' } },
        wrong: ['retiredAt'],
        reason: 'a time of which no date can be made',
      },
    ]) {
      it(`are told by their keys and fields alone: ${reason}`, async () => {
        dynamo.on(GetItemCommand).resolves({ Item: { ...good, ...change } });
        const error = await ledger.read('api').catch((thrown: unknown) => thrown);
        const context = { pk: 'SUBJECT#function#api', sk: 'STATE', wrong };
        expect(error).toMatchObject({ code: 'MALFORMED_ITEM', retryable: false, context });
        expect(inspect(error, { depth: null })).not.toContain('hunter2');
      });
    }

    it('but of a later release are told apart from damage', async () => {
      const future = { format: { N: `${FORMAT + 1}` }, release: { S: '9.0.0' }, mystery: { S: 'hunter2' } };
      dynamo.on(GetItemCommand).resolves({ Item: { ...good, ...future } });
      const error = await ledger.read('api').catch((thrown: unknown) => thrown);
      const context = { pk: KEY.pk.S, sk: 'STATE', format: FORMAT + 1, release: '9.0.0' };
      expect(error).toMatchObject({ code: 'FUTURE_ITEM', context });
      expect(inspect(error, { depth: null })).not.toContain('hunter2');
    });
  });
});

describe('an answer that is lost on its way', () => {
  let answers: LosingAnswers;
  beforeAll(async () => {
    answers = await startLosingAnswers();
  });
  afterAll(() => answers.stop());

  it('loses no swap that was won', async () => {
    const ledger = dynamoLedger(answers.options, answers.table);
    answers.toLose = 1;
    expect(await ledger.swap(STATE)).toBe(true);
    expect(answers.puts).toBe(2);
    answers.toLose = 1;
    expect(await ledger.swap({ ...STATE, version: 3 })).toBe(false);
    expect(await ledger.read('api')).toEqual(STATE);
  });
});

describe('a call that never ends', () => {
  it('is given up in time, though the SDK would wait on', async () => {
    const never = new Promise<never>(() => {});
    await expect(asking('dynamodb:GetItem', () => never, 10)).rejects.toMatchObject({
      refusal: { code: 'REGION_UNREACHABLE', call: 'dynamodb:GetItem' },
      retryable: true,
    });
  });
});

describe('a table on this machine', () => {
  it('is ready when it is made, and is made once', async () => {
    const dynamo = await startLocalDynamo();
    try {
      expect(await createLedgerTable(dynamo.client, 'ledger')).toBe('ledger');
      await expect(createLedgerTable(dynamo.client, 'ledger')).rejects.toMatchObject({
        refusal: { code: 'UNEXPECTED_ANSWER', call: 'dynamodb:CreateTable' },
      });
    } finally {
      await dynamo.stop();
    }
  });

  it('is gone when the server stops', async () => {
    const dynamo = await startLocalDynamo();
    await createLedgerTable(dynamo.client, 'ledger');
    await dynamo.stop();
    const ledger = dynamoLedger(dynamo.client, 'ledger');
    await expect(ledger.read('api')).rejects.toMatchObject({ code: 'REGION_UNREACHABLE' });
  });
});
