import {
  type AttributeValue,
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  type ConsumedCapacity,
  DeleteItemCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  DynamoDBServiceException,
  PutItemCommand,
  ResourceNotFoundException,
  ScanCommand,
  type TableDescription,
  TableNotFoundException,
} from '@aws-sdk/client-dynamodb';
import { invariant, RecohereError, RefusedError } from '../../core/errors.ts';
import {
  attributeOf,
  comparedNames,
  contentHash,
  type KeyNames,
  keyOf,
  textOfItem,
  type WireItem,
  type WireValue,
} from '../../core/item.ts';
import type { Place } from '../../core/place.ts';
import type { TableRef } from '../../core/run.ts';
import { type ItemStore, type ItemStores, KEYS_PER_GET_MAX } from '../../ports/item-store.ts';
import { required, unexpected } from './answers.ts';
import { asking, type Bounded } from './asking.ts';
import { CALL_TIMEOUT_MS, CLIENT_BOUNDS } from './bounds.ts';
import { oncePerPlace, placeCredentials } from './credentials.ts';
import { refused } from './errors.ts';

/** Each call is tried once. Up to 16 MB are read before an answer begins, which takes longer than other answers. */
const TABLE_CLIENT_BOUNDS = {
  maxAttempts: 1,
  retryMode: 'standard',
  requestHandler: { ...CLIENT_BOUNDS.requestHandler, requestTimeout: 15_000 },
};

/** The SDK makes a copy of each answer for its logger, also for one that drops it; for one that cannot be told anything it makes none. */
const NO_LOGGER = {} as NonNullable<DynamoDBClientConfig['logger']>;

/** A call whose answer may have 16 MB: enough for 1.5 Mbit a second. */
const TABLE_CALL_TIMEOUT_MS = 90_000;

/**
 * Requests that one {@link ItemStore.get} is made of. AWS gives at most 16 MB at once, so that the largest get takes three; dynalite
 * gives three items of the largest size, so that it takes 34.
 */
const ROUNDS_PER_GET_MAX = 40;

/** What is written to in order to be refused: conditions that never hold keep it from being there. */
const NOBODYS_KEY = {
  S: { S: 'recohere' },
  N: { N: '0' },
  B: { B: new TextEncoder().encode('recohere') },
} as const satisfies Record<string, WireValue>;

/** How the stores of tables are reached. */
export interface ItemStoreOptions {
  /** Of the SDK's client, such as the endpoint of a local server; they replace bounds, and the credentials of each table's account. */
  readonly client?: DynamoDBClientConfig;
  /** The role to work on a table with. @default none: the caller's own credentials */
  readonly accessOf?: (table: TableRef) => Place['access'];
}

/** Stores over DynamoDB: one client for each account and region. */
export function awsItemStores({
  client: given = {},
  accessOf = () => undefined,
}: ItemStoreOptions = {}): ItemStores {
  const credentials = placeCredentials({ client: CLIENT_BOUNDS, callTimeoutMs: CALL_TIMEOUT_MS });
  const clientOf = oncePerPlace((place) => {
    const own = { ...TABLE_CLIENT_BOUNDS, credentials: credentials.of(place) };
    return new DynamoDBClient({ logger: NO_LOGGER, ...own, ...given, region: place.region, maxAttempts: 1 });
  });
  const stores = new Map<string, ItemStore>();
  return (table) => {
    const { name, region, account } = table;
    const id = JSON.stringify([account, region, name]);
    const store = stores.get(id) ?? itemStore(clientOf({ region, account, access: accessOf(table) }), table);
    stores.set(id, store);
    return store;
  };
}

function itemStore(client: DynamoDBClient, table: TableRef): ItemStore {
  const TableName = table.name;
  let schema: Promise<Schema> | undefined;

  /** Sends one call. @throws RecohereError `NO_SUCH_TABLE`; RefusedError */
  const ask = async <T>(call: string, send: (bounded: Bounded) => Promise<T>): Promise<T> => {
    const answer = await asking(call, (bounded) => send(bounded).catch(ifNoTable), TABLE_CALL_TIMEOUT_MS);
    if (!isNoTable(answer)) return answer;
    throw new RecohereError('NO_SUCH_TABLE', `there is no table ${TableName} in ${table.region}`, {
      context: { table },
    });
  };

  /**
   * The SDK has parsed it by the schema of DynamoDB's API, which is where the types of its values come from.
   * @throws RecohereError `UNREADABLE_ITEM` for an attribute called `__proto__`, of which the SDK gives the name and loses the value
   */
  const wireItem = (item: Item): WireItem => {
    if (!Object.hasOwn(item, '__proto__')) return item as WireItem;
    throw new RecohereError('UNREADABLE_ITEM', 'an attribute called __proto__ cannot be read', {
      context: { table },
    });
  };

  const describeTable = async (): Promise<TableDescription> => {
    const call = 'dynamodb:DescribeTable';
    const command = new DescribeTableCommand({ TableName });
    const { Table: described } = await ask(call, (bounded) => client.send(command, bounded));
    if (described === undefined) throw unexpected(call);
    schema = Promise.resolve(schemaOf(described));
    return described;
  };

  /** What the table's key is: asked for once, since that of a table never changes. */
  const keys = async (): Promise<Schema> => {
    schema ??= describeTable().then(schemaOf);
    try {
      return await schema;
    } catch (error) {
      schema = undefined; // else one answer that failed would hold for the life of the process
      throw error;
    }
  };

  const hasPointInTimeRecovery = async (): Promise<boolean | undefined> => {
    const call = 'dynamodb:DescribeContinuousBackups';
    const command = new DescribeContinuousBackupsCommand({ TableName });
    const answer = await ask(call, (bounded) =>
      client.send(command, bounded).catch((error) => {
        if (isUnknownOperation(call, error)) return undefined;
        throw error;
      }),
    );
    const recovery = answer?.ContinuousBackupsDescription?.PointInTimeRecoveryDescription;
    return recovery && recovery.PointInTimeRecoveryStatus === 'ENABLED';
  };

  const put = (item: WireItem, condition: Condition) => {
    const command = new PutItemCommand({ TableName, Item: sdkItem(item), ...condition, ...COUNTED });
    return ask('dynamodb:PutItem', (bounded) => client.send(command, bounded).catch(ifConditionFailed));
  };

  const remove = (Key: Item, condition: Condition) => {
    const command = new DeleteItemCommand({ TableName, Key, ...condition, ...GIVEN_BACK, ...COUNTED });
    return ask('dynamodb:DeleteItem', (bounded) => client.send(command, bounded).catch(ifConditionFailed));
  };

  return {
    async describe() {
      const call = 'dynamodb:DescribeTable';
      const described = await describeTable();
      return {
        arn: required(call, described.TableArn),
        keys: schemaOf(described).names,
        items: described.ItemCount ?? 0,
        bytes: described.TableSizeBytes ?? 0,
        hasStream: described.StreamSpecification?.StreamEnabled ?? false,
        hasReplicas: (described.Replicas ?? []).length > 0,
        hasPointInTimeRecovery: await hasPointInTimeRecovery(),
      };
    },

    async scan({ segment, totalSegments, from, limit, attributes }) {
      const command = new ScanCommand({
        TableName,
        Segment: segment,
        TotalSegments: totalSegments,
        ...(from && { ExclusiveStartKey: sdkItem(from) }),
        ...(limit !== undefined && { Limit: limit }),
        ...(attributes && {
          ProjectionExpression: attributes.map((_, at) => `#a${at}`).join(', '),
          ExpressionAttributeNames: Object.fromEntries(attributes.map((name, at) => [`#a${at}`, name])),
        }),
        ...COUNTED,
      });
      const page = await ask('dynamodb:Scan', (bounded) => client.send(command, bounded));
      const items = (page.Items ?? []).map(wireItem);
      return {
        items,
        scanned: page.ScannedCount ?? items.length,
        ...(page.LastEvaluatedKey && { next: wireItem(page.LastEvaluatedKey) }),
        readUnits: unitsOf(page.ConsumedCapacity),
      };
    },

    async get(wanted) {
      invariant(wanted.length <= KEYS_PER_GET_MAX, `at most ${KEYS_PER_GET_MAX} items are asked for at once`);
      const call = 'dynamodb:BatchGetItem';
      const { names } = await keys();
      const found = new Map<string, WireItem>();
      let readUnits = 0;
      let left = wanted.map(sdkItem);
      for (let rounds = 0; left.length > 0; rounds++) {
        if (rounds === ROUNDS_PER_GET_MAX)
          throw new RefusedError({ code: 'THROTTLED', call }, { retryable: true });
        const command = new BatchGetItemCommand({
          RequestItems: { [TableName]: { Keys: left, ConsistentRead: true } },
          ...COUNTED,
        });
        const answer = await ask(call, (bounded) => client.send(command, bounded));
        for (const item of (answer.Responses?.[TableName] ?? []).map(wireItem)) {
          found.set(contentHash(keyOf(item, names)), item);
        }
        for (const consumed of answer.ConsumedCapacity ?? []) readUnits += unitsOf(consumed);
        left = answer.UnprocessedKeys?.[TableName]?.Keys ?? [];
      }
      // not by their texts: a number of a key may be written in another way than in the table
      return { items: wanted.map((key) => found.get(contentHash(keyOf(key, names)))), readUnits };
    },

    async removeIfSame(item) {
      const { names } = await keys();
      const answer = await remove(sdkItem(keyOf(item, names)), isSame(item, names));
      if (answer instanceof ConditionalCheckFailedException) {
        return { removed: undefined, writeUnits: estimatedUnits(item) };
      }
      if (answer.Attributes === undefined) throw unexpected('dynamodb:DeleteItem');
      return { removed: wireItem(answer.Attributes), writeUnits: unitsOf(answer.ConsumedCapacity) };
    },

    async putIfAbsent(item) {
      const { names } = await keys();
      const answer = await put(item, {
        ConditionExpression: 'attribute_not_exists(#key)',
        ExpressionAttributeNames: { '#key': names[0] },
      });
      const isDone = !(answer instanceof ConditionalCheckFailedException);
      return { isDone, writeUnits: isDone ? unitsOf(answer.ConsumedCapacity) : estimatedUnits(item) };
    },

    async replaceIfSame(item, before) {
      const { names } = await keys();
      const isOfSameKey = contentHash(keyOf(item, names)) === contentHash(keyOf(before, names));
      invariant(isOfSameKey, 'an item is written over one of the same key');
      const answer = await put(item, { ...isSame(before, names), ...GIVEN_BACK });
      if (answer instanceof ConditionalCheckFailedException) {
        return { replaced: undefined, writeUnits: estimatedUnits(item, before) };
      }
      if (answer.Attributes === undefined) throw unexpected('dynamodb:PutItem');
      return { replaced: wireItem(answer.Attributes), writeUnits: unitsOf(answer.ConsumedCapacity) };
    },

    async tryWriting(rights) {
      const { names, types } = await keys();
      const item = Object.fromEntries(
        names.map((name, at) => {
          const type = types[at];
          if (type === undefined) throw unexpected('dynamodb:DescribeTable');
          return [name, NOBODYS_KEY[type]];
        }),
      );
      const never = {
        ConditionExpression: 'attribute_exists(#key) AND attribute_not_exists(#key)',
        ExpressionAttributeNames: { '#key': names[0] },
      };
      for (const right of rights) {
        const answer = await (right === 'put' ? put(item, never) : remove(sdkItem(item), never));
        const isRefused = answer instanceof ConditionalCheckFailedException;
        invariant(isRefused, 'a condition that contradicts itself never holds');
      }
    },
  };
}

/** An item as the SDK has it. */
type Item = Record<string, AttributeValue>;

interface Condition {
  readonly ConditionExpression: string;
  readonly ExpressionAttributeNames: Record<string, string>;
  readonly ExpressionAttributeValues?: Item;
}

/** What the key of a table is made of. */
interface Schema {
  readonly names: KeyNames;
  /** Of each; `undefined` where the answer does not tell. */
  readonly types: readonly (keyof typeof NOBODYS_KEY | undefined)[];
}

const GIVEN_BACK = { ReturnValues: 'ALL_OLD' } as const;
const COUNTED = { ReturnConsumedCapacity: 'TOTAL' } as const;

/** That an item is still what was read, as far as that is compared. */
function isSame(item: WireItem, keys: KeyNames): Condition {
  const names = comparedNames(item, keys);
  return {
    ConditionExpression: names.map((_, at) => `#a${at} = :v${at}`).join(' AND '),
    ExpressionAttributeNames: Object.fromEntries(names.map((name, at) => [`#a${at}`, name])),
    ExpressionAttributeValues: sdkItem(
      Object.fromEntries(
        names.map((name, at) => {
          const value = attributeOf(item, name);
          invariant(value !== undefined, 'what is compared is there');
          return [`:v${at}`, value];
        }),
      ),
    ),
  };
}

/** @throws RefusedError `UNEXPECTED_ANSWER` */
function schemaOf({ KeySchema = [], AttributeDefinitions = [] }: TableDescription): Schema {
  const nameOf = (type: 'HASH' | 'RANGE') => KeySchema.find(({ KeyType }) => KeyType === type)?.AttributeName;
  const sort = nameOf('RANGE');
  const partition = required('dynamodb:DescribeTable', nameOf('HASH'));
  const names: KeyNames = sort === undefined ? [partition] : [partition, sort];
  return {
    names,
    types: names.map((name) => {
      const type = AttributeDefinitions.find(({ AttributeName }) => AttributeName === name)?.AttributeType;
      return type === 'S' || type === 'N' || type === 'B' ? type : undefined;
    }),
  };
}

/** The SDK changes nothing of what it is given, and does not say so. */
function sdkItem(item: WireItem): Item {
  return item as Item;
}

/** Nothing is said of what was consumed by servers that do not count it. */
function unitsOf(consumed: ConsumedCapacity | undefined): number {
  return consumed?.CapacityUnits ?? 0;
}

/**
 * What a write costs whose condition failed: AWS counts it by the size of what is there or of what was to be written, whichever is
 * larger, and does not say how much. Of what was thought to be there and what was to be written it is no less than that, since the text
 * of an item is longer than the item.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
 */
function estimatedUnits(...items: readonly WireItem[]): number {
  return Math.ceil(Math.max(...items.map((item) => Buffer.byteLength(textOfItem(item)))) / 1024);
}

/** DynamoDB has two names for it. */
type NoTableError = ResourceNotFoundException | TableNotFoundException;

function isNoTable(answer: unknown): answer is NoTableError {
  return answer instanceof ResourceNotFoundException || answer instanceof TableNotFoundException;
}

function ifNoTable(error: unknown): NoTableError {
  if (isNoTable(error)) return error;
  throw error;
}

/** For a lost condition, which is an answer and no failure. */
function ifConditionFailed(error: unknown): ConditionalCheckFailedException {
  if (error instanceof ConditionalCheckFailedException) return error;
  throw error;
}

/** Whether a server that is not AWS does not have an operation; each says so in a way of its own. */
function isUnknownOperation(call: string, error: unknown): boolean {
  if (!(error instanceof DynamoDBServiceException) || isNoTable(error)) return false;
  return error.$metadata.httpStatusCode === 501 || refused(call, error).code === 'UNEXPECTED_ANSWER';
}
