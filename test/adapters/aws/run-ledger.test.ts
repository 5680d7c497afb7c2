import { inspect } from 'node:util';
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ThrottlingException,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dynamoLedger } from '../../../functions/adapters/aws/ledger.ts';
import { startLocalDynamo } from '../../../functions/adapters/aws/local-dynamo.ts';
import { dynamoRunLedger } from '../../../functions/adapters/aws/run-ledger.ts';
import { FORMAT } from '../../../functions/contract/ledger.ts';
import { RELEASE } from '../../../functions/contract/release.ts';
import { newSegment } from '../../../functions/core/run.ts';
import type { RunLedger } from '../../../functions/ports/run-ledger.ts';
import { all } from '../../all.ts';
import { describeRunLedger, proofOf, runOf } from '../../contract/run-ledger.ts';
import { type LosingAnswers, startLosingAnswers } from './losing-answers.ts';
import { onDynalite } from './on-dynalite.ts';
import { runLedgerWorld } from './run-ledger-world.ts';

describe('on dynalite', () => {
  describeRunLedger(() => onDynalite(runLedgerWorld));

  it('keeps runs and subjects of one table apart', async () => {
    const dynamo = await startLocalDynamo();
    try {
      const { table, ledger } = await runLedgerWorld(dynamo.client);
      const subjects = dynamoLedger(dynamo.client, table);
      await ledger.swapRun(runOf('a'));
      await subjects.swap({ subject: 'api', version: 1, wake: 0 });
      expect(await ledger.runs(10)).toEqual(['a']);
      expect(await all(subjects.subjects())).toEqual(['api']);
    } finally {
      await dynamo.stop();
    }
  });
});

const ARN = 'arn:aws:dynamodb:eu-west-1:111111111111:table/orders';
const SEGMENT = { ...newSegment('a', 'apply', 1), version: 1, epoch: 3 };

describe('requests', () => {
  let dynamo: AwsClientStub<DynamoDBClient>;
  const random = { bytes: (length: number) => new Uint8Array(length).fill(171) };
  const ledger = dynamoRunLedger({ region: 'eu-west-1' }, 'ledger', random);
  const swapId = { S: 'ab'.repeat(16) };
  const RUN_KEY = { pk: { S: 'RUN#a' }, sk: { S: 'RUN' } };
  const SEGMENT_KEY = { pk: { S: 'RUN#a#apply#1' }, sk: { S: 'SEG' } };
  const PROOF_KEY = { pk: { S: 'RUN#a#apply#1' }, sk: { S: 'PROOF#0000000007' } };
  const TABLE_KEY = { pk: { S: `TABLE#${ARN}` }, sk: { S: 'LEASE' } };

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
  const failed = (attempts = 1) =>
    new ConditionalCheckFailedException({ message: '', $metadata: { attempts } });

  it('reads runs and segments strongly, by their keys', async () => {
    await ledger.readRun('a');
    await ledger.readSegment('a', 'apply', 1);
    expect(sent(GetItemCommand)).toEqual([
      { TableName: 'ledger', Key: RUN_KEY, ConsistentRead: true },
      { TableName: 'ledger', Key: SEGMENT_KEY, ConsistentRead: true },
    ]);
  });

  it('writes a first run only where nothing is, and into the index by its time', async () => {
    await ledger.swapRun(runOf('a'));
    expect(sent(PutItemCommand)).toMatchObject([
      {
        Item: {
          ...RUN_KEY,
          format: { N: `${FORMAT}` },
          kind: { S: 'run' },
          subject: { S: '2026-01-05T00:00:00.000Z#a' },
          swapId,
        },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    ]);
  });

  it('writes the next run only over the one before it, of no later release', async () => {
    await ledger.swapRun(runOf('a', { version: 8 }));
    expect(sent(PutItemCommand)).toMatchObject([
      {
        ConditionExpression: '#version = :expected AND #format <= :format',
        ExpressionAttributeNames: { '#version': 'version', '#format': 'format' },
        ExpressionAttributeValues: { ':expected': { N: '7' }, ':format': { N: `${FORMAT}` } },
      },
    ]);
  });

  it('writes a segment over no newer epoch, and not into the index', async () => {
    await ledger.swapSegment(SEGMENT);
    await ledger.swapSegment({ ...SEGMENT, version: 2 });
    const [first, next] = sent(PutItemCommand);
    expect(first).toMatchObject({
      Item: { ...SEGMENT_KEY, swapId },
      ConditionExpression: 'attribute_not_exists(pk)',
    });
    expect(first).not.toHaveProperty('Item.kind');
    expect(next).toMatchObject({
      ConditionExpression: '#version = :expected AND #format <= :format AND #epoch <= :epoch',
      ExpressionAttributeNames: { '#version': 'version', '#format': 'format', '#epoch': 'epoch' },
      ExpressionAttributeValues: {
        ':expected': { N: '1' },
        ':format': { N: `${FORMAT}` },
        ':epoch': { N: '3' },
      },
    });
  });

  it('records a proof in the partition of its segment, over no newer epoch and no later release', async () => {
    await ledger.record(proofOf('a', 7, { epoch: 3 }));
    expect(sent(PutItemCommand)).toMatchObject([
      {
        Item: PROOF_KEY,
        ConditionExpression: 'attribute_not_exists(pk) OR (#epoch <= :epoch AND #format <= :format)',
        ExpressionAttributeNames: { '#format': 'format', '#epoch': 'epoch' },
        ExpressionAttributeValues: { ':format': { N: `${FORMAT}` }, ':epoch': { N: '3' } },
      },
    ]);
    dynamo.on(PutItemCommand).rejects(failed());
    await ledger.record(proofOf('a', 7));
  });

  it('asks for proofs in pages, strongly', async () => {
    const item = { ...marshall({ ...proofOf('a', 7), format: 1 }), ...PROOF_KEY };
    dynamo
      .on(QueryCommand)
      .resolvesOnce({ Items: [item], LastEvaluatedKey: PROOF_KEY })
      .resolvesOnce({ Items: [], LastEvaluatedKey: PROOF_KEY })
      .resolvesOnce({ Items: [item] });
    expect(await all(ledger.proofs('a', 'apply', 1))).toEqual([proofOf('a', 7), proofOf('a', 7)]);
    expect(sent(QueryCommand)[0]).toEqual({
      TableName: 'ledger',
      ConsistentRead: true,
      KeyConditionExpression: '#pk = :pk AND begins_with(#sk, :prefix)',
      ExpressionAttributeNames: { '#pk': 'pk', '#sk': 'sk' },
      ExpressionAttributeValues: { ':pk': PROOF_KEY.pk, ':prefix': { S: 'PROOF#' } },
      Limit: 100,
    });
    expect(sent(QueryCommand)).toHaveLength(3);
  });

  it('asks the index for runs, newest first, and for no more than is missing', async () => {
    dynamo
      .on(QueryCommand)
      .resolvesOnce({ Items: [{ subject: { S: '2026#b' } }], LastEvaluatedKey: RUN_KEY })
      .resolvesOnce({ Items: [{ subject: { S: '2025#a' } }], LastEvaluatedKey: RUN_KEY });
    expect(await ledger.runs(2)).toEqual(['b', 'a']);
    expect(sent(QueryCommand)).toEqual([
      {
        TableName: 'ledger',
        IndexName: 'states',
        ScanIndexForward: false,
        KeyConditionExpression: '#kind = :kind',
        ExpressionAttributeNames: { '#kind': 'kind' },
        ExpressionAttributeValues: { ':kind': { S: 'run' } },
        Limit: 2,
      },
      expect.objectContaining({ ExclusiveStartKey: RUN_KEY, Limit: 1 }),
    ]);
  });

  describe('of a table', () => {
    const HELD = { Item: { ...TABLE_KEY, format: { N: `${FORMAT}` }, run: { S: 'b' } } };
    const FREE = { Item: { ...TABLE_KEY, format: { N: `${FORMAT}` } } };
    const WRITTEN = { format: { N: `${FORMAT}` }, release: { S: RELEASE } };

    it('take it if nobody has it, or the same run', async () => {
      expect(await ledger.takeTable(ARN, 'a')).toBe('a');
      expect(sent(PutItemCommand)).toEqual([
        {
          TableName: 'ledger',
          Item: { ...TABLE_KEY, ...WRITTEN, run: { S: 'a' } },
          ConditionExpression:
            'attribute_not_exists(pk) OR ((attribute_not_exists(#run) OR #run = :run) AND #format <= :format)',
          ExpressionAttributeNames: { '#format': 'format', '#run': 'run' },
          ExpressionAttributeValues: { ':format': { N: `${FORMAT}` }, ':run': { S: 'a' } },
        },
      ]);
      expect(sent(GetItemCommand)).toEqual([]);
    });

    it('take it if the one has it that is named', async () => {
      expect(await ledger.takeTable(ARN, 'a', 'b')).toBe('a');
      expect(sent(PutItemCommand)).toEqual([
        {
          TableName: 'ledger',
          Item: { ...TABLE_KEY, ...WRITTEN, run: { S: 'a' } },
          ConditionExpression:
            'attribute_not_exists(pk) OR ((attribute_not_exists(#run) OR #run = :run OR #run = :insteadOf) AND #format <= :format)',
          ExpressionAttributeNames: { '#format': 'format', '#run': 'run' },
          ExpressionAttributeValues: {
            ':format': { N: `${FORMAT}` },
            ':run': { S: 'a' },
            ':insteadOf': { S: 'b' },
          },
        },
      ]);
      expect(sent(GetItemCommand)).toEqual([]);
    });

    it('take it again if the one that is named has it meanwhile', async () => {
      dynamo.on(PutItemCommand).rejectsOnce(failed()).resolves({});
      dynamo.on(GetItemCommand).resolves(HELD);
      expect(await ledger.takeTable(ARN, 'a', 'b')).toBe('a');
      expect(sent(PutItemCommand)).toHaveLength(2);
    });

    it('say who has it, read strongly', async () => {
      dynamo.on(PutItemCommand).rejects(failed());
      dynamo.on(GetItemCommand).resolves(HELD);
      expect(await ledger.takeTable(ARN, 'a')).toBe('b');
      expect(sent(GetItemCommand)).toEqual([{ TableName: 'ledger', Key: TABLE_KEY, ConsistentRead: true }]);
    });

    it('take it again if it was given back meanwhile', async () => {
      dynamo.on(PutItemCommand).rejectsOnce(failed()).resolves({});
      dynamo.on(GetItemCommand).resolves(FREE);
      expect(await ledger.takeTable(ARN, 'a')).toBe('a');
    });

    for (const there of [FREE, {}]) {
      it('do not try for ever', async () => {
        dynamo.on(PutItemCommand).rejects(failed());
        dynamo.on(GetItemCommand).resolves(there);
        await expect(ledger.takeTable(ARN, 'a')).rejects.toMatchObject({
          code: 'TABLE_BUSY',
          retryable: true,
        });
        expect(sent(PutItemCommand)).toHaveLength(5);
      });
    }

    it('give it back if the run has it, and are content if not', async () => {
      await ledger.releaseTable(ARN, 'a');
      expect(sent(PutItemCommand)).toEqual([
        {
          TableName: 'ledger',
          Item: { ...TABLE_KEY, ...WRITTEN },
          ConditionExpression: '#run = :run AND #format <= :format',
          ExpressionAttributeNames: { '#format': 'format', '#run': 'run' },
          ExpressionAttributeValues: { ':format': { N: `${FORMAT}` }, ':run': { S: 'a' } },
        },
      ]);
      dynamo.on(PutItemCommand).rejects(failed());
      await ledger.releaseTable(ARN, 'a');
    });
  });

  for (const { what, swap } of [
    { what: 'run', swap: () => ledger.swapRun(runOf('a')) },
    { what: 'segment', swap: () => ledger.swapSegment(SEGMENT) },
  ]) {
    it(`tells a swap of a ${what} whose answer was lost from one that another won`, async () => {
      dynamo.on(PutItemCommand).rejects(failed());
      expect(await swap()).toBe(false);
      expect(sent(GetItemCommand)).toEqual([]);
      dynamo.on(PutItemCommand).rejects(failed(2));
      dynamo.on(GetItemCommand).resolves({ Item: { swapId } });
      expect(await swap()).toBe(true);
      dynamo.on(GetItemCommand).resolves({ Item: { swapId: { S: 'cd' } } });
      expect(await swap()).toBe(false);
      expect(sent(GetItemCommand)).toMatchObject([
        { ConsistentRead: true, ProjectionExpression: 'swapId' },
        { ConsistentRead: true, ProjectionExpression: 'swapId' },
      ]);
    });
  }

  it('are translated when they are refused', async () => {
    dynamo.onAnyCommand().rejects(new ThrottlingException({ message: '', $metadata: {} }));
    const calls = [
      { call: 'dynamodb:GetItem', ask: () => ledger.readRun('a') },
      { call: 'dynamodb:GetItem', ask: () => ledger.readSegment('a', 'apply', 1) },
      { call: 'dynamodb:PutItem', ask: () => ledger.swapRun(runOf('a')) },
      { call: 'dynamodb:PutItem', ask: () => ledger.swapSegment(SEGMENT) },
      { call: 'dynamodb:PutItem', ask: () => ledger.record(proofOf('a', 0)) },
      { call: 'dynamodb:PutItem', ask: () => ledger.takeTable(ARN, 'a') },
      { call: 'dynamodb:PutItem', ask: () => ledger.releaseTable(ARN, 'a') },
      { call: 'dynamodb:Query', ask: () => ledger.runs(1) },
      { call: 'dynamodb:Query', ask: () => all(ledger.proofs('a', 'apply', 1)) },
    ];
    for (const { call, ask } of calls) {
      await expect(ask()).rejects.toMatchObject({ code: 'THROTTLED', retryable: true, refusal: { call } });
    }
  });

  /** What the ledger writes of something, as it then lies there. */
  async function written(write: () => Promise<unknown>) {
    dynamo.resetHistory();
    await write();
    const [put] = sent(PutItemCommand);
    return { ...(put && 'Item' in put ? put.Item : {}) };
  }

  for (const { what, write, read } of [
    { what: 'a run', write: () => ledger.swapRun(runOf('a')), read: () => ledger.readRun('a') },
    {
      what: 'a segment',
      write: () => ledger.swapSegment(SEGMENT),
      read: () => ledger.readSegment('a', 'apply', 1),
    },
    {
      what: 'a proof',
      write: () => ledger.record(proofOf('a', 7)),
      read: () => all(ledger.proofs('a', 'apply', 1)),
    },
  ]) {
    for (const { change, code, reason } of [
      {
        change: { at: { S: 'hunter2' }, salt: { N: '5' }, epoch: { S: 'hunter2' } },
        code: 'MALFORMED_ITEM',
        reason: 'a field of another type',
      },
      {
        change: { hunter: { S: 'hunter2' } },
        code: 'MALFORMED_ITEM',
        reason: 'a field that a swap would lose',
      },
      { change: { phase: { S: 'hunter2' } }, code: 'MALFORMED_ITEM', reason: 'a word that nobody knows' },
      { change: { format: { N: '0' } }, code: 'MALFORMED_ITEM', reason: 'a format that never was' },
      {
        change: { format: { N: `${FORMAT + 1}` }, hunter: { S: 'hunter2' } },
        code: 'FUTURE_ITEM',
        reason: 'a later format',
      },
    ]) {
      it(`tell ${code} of ${what} without its content: ${reason}`, async () => {
        const item = await written(write);
        const { pk, sk } = item;
        dynamo.on(GetItemCommand).resolves({ Item: { ...item, ...change } });
        dynamo.on(QueryCommand).resolves({ Items: [{ ...item, ...change }] });
        const error = await read().catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code, retryable: false, context: { pk: pk?.S, sk: sk?.S } });
        expect(inspect(error, { depth: null })).not.toContain('hunter2');
      });
    }
  }

  it('tell a lease that is not as it was written', async () => {
    dynamo.on(PutItemCommand).rejects(failed());
    dynamo
      .on(GetItemCommand)
      .resolves({ Item: { ...TABLE_KEY, format: { N: `${FORMAT}` }, run: { N: '5' } } });
    await expect(ledger.takeTable(ARN, 'a')).rejects.toMatchObject({
      code: 'MALFORMED_ITEM',
      context: { wrong: ['run'] },
    });
  });
});

describe('an answer that is lost on its way', () => {
  let answers: LosingAnswers;
  let ledger: RunLedger;
  beforeAll(async () => {
    answers = await startLosingAnswers();
    ledger = dynamoRunLedger(answers.options, answers.table);
  });
  beforeEach(() => {
    answers.toLose = 1;
    answers.puts = 0;
  });
  afterAll(() => answers.stop());

  it('loses no swap that was won', async () => {
    expect(await ledger.swapRun(runOf('a'))).toBe(true);
    expect(answers.puts).toBe(2);
    answers.toLose = 1;
    expect(await ledger.swapRun(runOf('a', { version: 3 }))).toBe(false);
    expect(await ledger.readRun('a')).toEqual(runOf('a'));
    answers.toLose = 1;
    expect(await ledger.swapSegment(SEGMENT)).toBe(true);
    answers.toLose = 1;
    expect(await ledger.swapSegment({ ...SEGMENT, version: 2, epoch: 2 })).toBe(false);
    expect(await ledger.readSegment('a', 'apply', 1)).toEqual(SEGMENT);
  });

  it('changes nothing of proofs', async () => {
    await ledger.record(proofOf('a', 0));
    expect(answers.puts).toBe(2);
    expect(await all(ledger.proofs('a', 'apply', 1))).toEqual([proofOf('a', 0)]);
  });

  it('loses no table that was taken, or given back', async () => {
    expect(await ledger.takeTable(ARN, 'a')).toBe('a');
    answers.toLose = 1;
    expect(await ledger.takeTable(ARN, 'b')).toBe('a');
    answers.toLose = 1;
    await ledger.releaseTable(ARN, 'a');
    expect(await ledger.takeTable(ARN, 'b')).toBe('b');
  });
});
