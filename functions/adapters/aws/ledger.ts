import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  type GetItemCommandInput,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import {
  EPISODE_PREFIX,
  FORMAT,
  LEDGER_KEY,
  STATES_INDEX,
  type SubjectKind,
  stateKey,
  subjectPartition,
} from '../../contract/ledger.ts';
import type { ClosedEpisode } from '../../core/episode.ts';
import { invariant, RecohereError } from '../../core/errors.ts';
import type { Ledger } from '../../ports/ledger.ts';
import type { Random } from '../../ports/random.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';
import {
  episodeOfItem,
  type Item,
  itemOfEpisode,
  itemOfState,
  stateOfItem,
  subjectOfItem,
} from './ledger-item.ts';
import { systemRandom } from './system.ts';

/** Subjects asked for at once. A page is about 10 KB, a few read units. */
const SUBJECTS_PER_PAGE = 100;
/** What ends a query that goes round in a circle: a million subjects would not be swept in time anyway. */
const PAGES_MAX = 10_000;

const TABLE_WAIT_SECONDS = 60;

/*
 * Two writers, and which of their writes stands:
 *
 *   A   read v7 ───────────── put v8: what is there is v7 ✓
 *   B        read v7 ────────────────────── put v8: what is there is v8 ✗
 *   C   read nothing ── put v1: nothing is there ✓
 *   D   read nothing ─────────── put v1: something is there ✗
 *   E   read v7 ── (a later release writes v8 in its format) ── put v8 ✗
 */
const IS_NEW = `attribute_not_exists(${LEDGER_KEY.partition})`;
const IS_OF_EXPECTED_VERSION = '#version = :expected';
const IS_NOT_OF_LATER_RELEASE = '#format <= :format';

const SWAP_ID_BYTES = 16;

/**
 * What is remembered of all subjects of a kind, in a DynamoDB table, which the template or {@link createLedgerTable} has made.
 * @param options Of the SDK's client; they replace {@link CLIENT_BOUNDS}.
 * @param random Tells swaps apart.
 */
export function dynamoLedger(
  options: DynamoDBClientConfig,
  tableName: string,
  kind: SubjectKind = 'function',
  random: Random = systemRandom,
): Ledger {
  const client = new DynamoDBClient({ ...CLIENT_BOUNDS, ...options });

  const get = async (subject: string, wanted: Partial<GetItemCommandInput>): Promise<Item | undefined> => {
    const command = new GetItemCommand({
      TableName: tableName,
      Key: marshall(stateKey(kind, subject)),
      ConsistentRead: true,
      ...wanted,
    });
    const { Item: item } = await asking('dynamodb:GetItem', (bounded) => client.send(command, bounded));
    return item;
  };

  const put = (command: PutItemCommand) =>
    asking('dynamodb:PutItem', (bounded) => client.send(command, bounded).catch(ifConditionFailed));

  /** @param limit At most so many items; fewer if no more are there. */
  async function* query(limit: number, wanted: Partial<QueryCommandInput>): AsyncGenerator<Item[]> {
    let left = limit;
    let from: Item | undefined;
    for (let pages = 0; left > 0; pages++) {
      invariant(pages < PAGES_MAX, `a query of the ledger has at most ${PAGES_MAX} pages`);
      const command = new QueryCommand({
        TableName: tableName,
        ...wanted,
        Limit: Math.min(left, SUBJECTS_PER_PAGE),
        ...(from && { ExclusiveStartKey: from }),
      });
      const page = await asking('dynamodb:Query', (bounded) => client.send(command, bounded));
      const items = page.Items ?? [];
      yield items;
      left -= items.length;
      from = page.LastEvaluatedKey;
      if (from === undefined) return;
    }
  }

  return {
    async read(subject) {
      const item = await get(subject, {});
      return item ? stateOfItem(item) : { subject, version: 0, wake: 0 };
    },

    async swap(next) {
      const { subject, version } = next;
      invariant(version >= 1, 'a state is written with a version');
      const swapId = Buffer.from(random.bytes(SWAP_ID_BYTES)).toString('hex');
      const command = new PutItemCommand({
        TableName: tableName,
        Item: itemOfState(kind, next, swapId),
        ...(version === 1
          ? { ConditionExpression: IS_NEW }
          : {
              ConditionExpression: `${IS_OF_EXPECTED_VERSION} AND ${IS_NOT_OF_LATER_RELEASE}`,
              ExpressionAttributeNames: { '#version': 'version', '#format': 'format' },
              ExpressionAttributeValues: marshall({ ':expected': version - 1, ':format': FORMAT }),
            }),
      });
      const answer = await put(command);
      if (!(answer instanceof ConditionalCheckFailedException)) return true;
      // an answer that was lost makes the SDK ask again, and what it then finds in its way is its own write
      const { attempts = 1 } = answer.$metadata;
      if (attempts === 1) return false;
      const stored = await get(subject, { ProjectionExpression: 'swapId' });
      return stored?.swapId?.S === swapId;
    },

    async record(episode) {
      const command = new PutItemCommand({
        TableName: tableName,
        Item: itemOfEpisode(kind, episode),
        ConditionExpression: `${IS_NEW} OR ${IS_NOT_OF_LATER_RELEASE}`,
        ExpressionAttributeNames: { '#format': 'format' },
        ExpressionAttributeValues: marshall({ ':format': FORMAT }),
      });
      if ((await put(command)) instanceof ConditionalCheckFailedException) {
        throw new RecohereError('FUTURE_ITEM', 'a later release recorded this episode', {
          context: { subject: episode.subject, id: episode.id },
        });
      }
    },

    async history(subject, limit) {
      const found: ClosedEpisode[] = [];
      const pages = query(limit, {
        ConsistentRead: true,
        ScanIndexForward: false,
        KeyConditionExpression: '#pk = :pk AND begins_with(#sk, :prefix)',
        ExpressionAttributeNames: { '#pk': LEDGER_KEY.partition, '#sk': LEDGER_KEY.sort },
        ExpressionAttributeValues: marshall({
          ':pk': subjectPartition(kind, subject),
          ':prefix': EPISODE_PREFIX,
        }),
      });
      for await (const items of pages) found.push(...items.map(episodeOfItem));
      return found;
    },

    async *subjects() {
      const pages = query(Number.POSITIVE_INFINITY, {
        IndexName: STATES_INDEX.name,
        KeyConditionExpression: '#kind = :kind',
        ExpressionAttributeNames: { '#kind': STATES_INDEX.partition },
        ExpressionAttributeValues: marshall({ ':kind': kind }),
      });
      for await (const items of pages) yield* items.map(subjectOfItem);
    },
  };
}

/**
 * Makes the table that the template makes in AWS, for a local run, and waits until it can be used.
 * @returns Its name.
 * @throws RefusedError if it is there already, or not ready within {@link TABLE_WAIT_SECONDS}
 */
export async function createLedgerTable(options: DynamoDBClientConfig, name: string): Promise<string> {
  const client = new DynamoDBClient({ ...CLIENT_BOUNDS, ...options });
  const { partition, sort } = LEDGER_KEY;
  const command = new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [partition, sort, STATES_INDEX.partition, STATES_INDEX.sort].map(
      (attribute) => ({ AttributeName: attribute, AttributeType: 'S' }) as const,
    ),
    KeySchema: [
      { AttributeName: partition, KeyType: 'HASH' },
      { AttributeName: sort, KeyType: 'RANGE' },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: STATES_INDEX.name,
        KeySchema: [
          { AttributeName: STATES_INDEX.partition, KeyType: 'HASH' },
          { AttributeName: STATES_INDEX.sort, KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
  });
  try {
    await asking('dynamodb:CreateTable', (bounded) => client.send(command, bounded));
    await asking('dynamodb:DescribeTable', () =>
      waitUntilTableExists(
        { client, minDelay: 1, maxDelay: 5, maxWaitTime: TABLE_WAIT_SECONDS },
        { TableName: name },
      ),
    );
    return name;
  } finally {
    client.destroy();
  }
}

/** For a lost condition, which is an answer and no failure. */
function ifConditionFailed(error: unknown): ConditionalCheckFailedException {
  if (error instanceof ConditionalCheckFailedException) return error;
  throw error;
}
