import { inspect } from 'node:util';
import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ThrottlingException,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accessMemory } from '../../../functions/adapters/aws/access-memory.ts';
import { dynamoLedger } from '../../../functions/adapters/aws/ledger.ts';
import { FORMAT } from '../../../functions/contract/ledger.ts';
import { RELEASE } from '../../../functions/contract/release.ts';
import { all } from '../../all.ts';
import { describeAccessMemory } from '../../contract/access-memory.ts';
import { accessMemoryWorld } from './access-memory-world.ts';
import { onDynalite } from './on-dynalite.ts';

const ACCESS = { roleArn: 'arn:aws:iam::222222222222:role/recohere-read', externalId: 'of-the-hub' };
const KEY = { pk: 'ACCESS#arn:aws:iam::222222222222:role/recohere-read#of-the-hub', sk: 'STATE' };
const REFUSED = { since: 1_767_600_000_000, tries: 3, nextAt: 1_767_601_200_000 };

describe('on dynalite', () => {
  describeAccessMemory(() => onDynalite(accessMemoryWorld));

  describe('beside what others keep in the table', () => {
    let world: Awaited<ReturnType<typeof accessMemoryWorld>>;
    beforeAll(async () => {
      world = await onDynalite(accessMemoryWorld);
    });
    afterAll(() => world.close());

    const plant = (fields: object) =>
      world.client.send(
        new PutItemCommand({ TableName: world.table, Item: marshall({ ...KEY, ...fields }) }),
      );

    it('is no subject of a sweep', async () => {
      await world.memory.write(ACCESS, REFUSED);
      expect(await all(dynamoLedger(world.options, world.table).subjects())).toEqual([]);
    });

    for (const { item, reason } of [
      { item: { ...REFUSED, format: FORMAT + 1 }, reason: 'a later release wrote it' },
      { item: { ...REFUSED }, reason: 'it has no format' },
      { item: { ...REFUSED, format: FORMAT, nextAt: 'tomorrow' }, reason: 'a field is of another type' },
      { item: { ...REFUSED, format: FORMAT, tries: 0.5 }, reason: 'a count is no count' },
      { item: { format: FORMAT, since: 1 }, reason: 'a field is missing' },
    ]) {
      it(`takes an item for forgotten, and writes over it, where ${reason}`, async () => {
        await plant(item);
        expect(await world.memory.read(ACCESS)).toBeUndefined();
        await world.memory.write(ACCESS, REFUSED);
        expect(await world.memory.read(ACCESS)).toEqual(REFUSED);
      });
    }
  });
});

describe('requests', () => {
  let dynamo: AwsClientStub<DynamoDBClient>;
  const memory = accessMemory({ region: 'eu-west-1' }, 'ledger');

  beforeAll(() => {
    dynamo = mockClient(DynamoDBClient); // all clients of this process, so not before
  });
  beforeEach(() => {
    dynamo.reset();
    dynamo.onAnyCommand().resolves({});
  });
  afterAll(() => dynamo.restore());

  const sent = () => dynamo.calls().map(({ args: [{ input }] }) => input);

  it('read strongly: another process may have asked a moment ago', async () => {
    await memory.read(ACCESS);
    expect(sent()).toEqual([{ TableName: 'ledger', Key: marshall(KEY), ConsistentRead: true }]);
    expect(dynamo.commandCalls(GetItemCommand)).toHaveLength(1);
  });

  it('write one item, out of the index of states, and forget by an empty one', async () => {
    await memory.write(ACCESS, REFUSED);
    await memory.write(ACCESS, undefined);
    expect(sent()).toEqual([
      { TableName: 'ledger', Item: marshall({ ...KEY, format: FORMAT, release: RELEASE, ...REFUSED }) },
      { TableName: 'ledger', Item: marshall({ ...KEY, format: FORMAT, release: RELEASE }) },
    ]);
    expect(dynamo.commandCalls(PutItemCommand)).toHaveLength(2);
  });

  it('that fail are told as refusals of the table, and quote nothing', async () => {
    dynamo.onAnyCommand().rejects(new ThrottlingException({ message: 'hunter2', $metadata: {} }));
    for (const { call, ask } of [
      { call: 'dynamodb:GetItem', ask: () => memory.read(ACCESS) },
      { call: 'dynamodb:PutItem', ask: () => memory.write(ACCESS, REFUSED) },
    ]) {
      const refusal = await ask().catch((thrown: unknown) => thrown);
      expect(refusal).toMatchObject({ code: 'THROTTLED', retryable: true, refusal: { call } });
      expect(inspect(refusal, { depth: null })).not.toContain('hunter2');
    }
  });
});
