import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  type GetItemCommandInput,
  PutItemCommand,
  type PutItemCommandInput,
  QueryCommand,
  type QueryCommandInput,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { FORMAT, LEDGER_KEY, type LedgerKey, STATES_INDEX } from '../../contract/ledger.ts';
import { invariant } from '../../core/errors.ts';
import type { Random } from '../../ports/random.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';
import type { Item } from './stored-item.ts';

/** Items asked for at once. A page of subjects is about 10 KB, a few read units. */
const ITEMS_PER_PAGE = 100;
/** What ends a query that goes round in a circle: a million subjects would not be swept in time anyway. */
const PAGES_MAX = 10_000;

/*
 * Two writers, and which of their writes stands:
 *
 *   A   read v7 ───────────── put v8: what is there is v7 ✓
 *   B        read v7 ────────────────────── put v8: what is there is v8 ✗
 *   C   read nothing ── put v1: nothing is there ✓
 *   D   read nothing ─────────── put v1: something is there ✗
 *   E   read v7 ── (a later release writes v8 in its format) ── put v8 ✗
 */
export const IS_NEW = `attribute_not_exists(${LEDGER_KEY.partition})`;
const IS_OF_EXPECTED_VERSION = '#version = :expected';
export const IS_NOT_OF_LATER_RELEASE = '#format <= :format';

const SWAP_ID_BYTES = 16;

/** What must be true of what a write replaces. */
export interface Condition {
  /** Speaks of attributes as `#name`, and of values as `:name`. */
  readonly expression: string;
  /** What it speaks of besides the format. */
  readonly names?: Readonly<Record<`#${string}`, string>>;
  readonly values?: Readonly<Record<`:${string}`, string | number>>;
}

/** The ledger's table, as everybody uses it who keeps something there. */
export interface LedgerTable {
  /** Strongly consistent. */
  get(key: LedgerKey, wanted?: Partial<GetItemCommandInput>): Promise<Item | undefined>;
  /** Writes an item if a condition holds. @returns Whether it did. */
  put(item: Item, condition: Condition): Promise<boolean>;
  /**
   * Writes the next version of an item over the one before it, or the first one where nothing is.
   * @param itemOf Makes the item, with the id that tells this swap from all others, whatever they write.
   * @param condition What must be true of the version before, besides.
   * @returns Whether it did. A swap whose answer was lost is told from one that was lost.
   */
  swap(
    key: LedgerKey,
    version: number,
    itemOf: (swapId: string) => Item,
    condition?: Condition,
  ): Promise<boolean>;
  /** Items of one partition whose sort keys begin so, strongly consistent, page by page. */
  items(partition: string, prefix: string, wanted?: Wanted): AsyncGenerator<readonly Item[]>;
  /** What the index has of one kind, eventually consistent, page by page. */
  ofKind(kind: string, wanted?: WantedOfKind): AsyncGenerator<readonly Item[]>;
}

/** What is wanted of a query. */
interface Wanted {
  /** At most so many items; fewer if no more are there. @default all */
  readonly limit?: number;
  /** From the last to the first. @default false */
  readonly isReversed?: boolean;
}

interface WantedOfKind extends Wanted {
  /** Only what comes after this in the index. @default all */
  readonly after?: string | undefined;
}

/**
 * @param options Of the SDK's client; they replace {@link CLIENT_BOUNDS}.
 * @param random Tells swaps apart.
 */
export function ledgerTable(options: DynamoDBClientConfig, tableName: string, random: Random): LedgerTable {
  const client = new DynamoDBClient({ ...CLIENT_BOUNDS, ...options });

  const get: LedgerTable['get'] = async (key, wanted) => {
    const command = new GetItemCommand({
      TableName: tableName,
      Key: marshall(key),
      ConsistentRead: true,
      ...wanted,
    });
    const { Item: item } = await asking('dynamodb:GetItem', (bounded) => client.send(command, bounded));
    return item;
  };

  /** @returns What is said if the condition does not hold. */
  const put = async (
    input: Omit<PutItemCommandInput, 'TableName'>,
  ): Promise<ConditionalCheckFailedException | undefined> => {
    const command = new PutItemCommand({ TableName: tableName, ...input });
    const answer = await asking('dynamodb:PutItem', (bounded) =>
      client.send(command, bounded).catch(ifConditionFailed),
    );
    return answer instanceof ConditionalCheckFailedException ? answer : undefined;
  };

  async function* query(
    { limit = Number.POSITIVE_INFINITY, isReversed = false }: Wanted | undefined = {},
    of: Partial<QueryCommandInput>,
  ): AsyncGenerator<readonly Item[]> {
    let left = limit;
    let from: Item | undefined;
    for (let pages = 0; left > 0; pages++) {
      invariant(pages < PAGES_MAX, `a query of the ledger has at most ${PAGES_MAX} pages`);
      const command = new QueryCommand({
        TableName: tableName,
        ...of,
        ...(isReversed && { ScanIndexForward: false }),
        Limit: Math.min(left, ITEMS_PER_PAGE),
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
    get,

    async put(item, condition) {
      return (await put({ Item: item, ...inputOf(condition) })) === undefined;
    },

    async swap(key, version, itemOf, condition) {
      invariant(version >= 1, 'what is swapped is written with a version');
      const swapId = Buffer.from(random.bytes(SWAP_ID_BYTES)).toString('hex');
      const failed = await put({
        Item: itemOf(swapId),
        ...(version === 1 ? { ConditionExpression: IS_NEW } : inputOf(isVersion(version - 1, condition))),
      });
      if (failed === undefined) return true;
      // an answer that was lost makes the SDK ask again, and what it then finds in its way is its own write
      const { attempts = 1 } = failed.$metadata;
      if (attempts === 1) return false;
      const stored = await get(key, { ProjectionExpression: 'swapId' });
      return stored?.swapId?.S === swapId;
    },

    items: (partition, prefix, wanted) =>
      query(wanted, {
        ConsistentRead: true,
        KeyConditionExpression: '#pk = :pk AND begins_with(#sk, :prefix)',
        ExpressionAttributeNames: { '#pk': LEDGER_KEY.partition, '#sk': LEDGER_KEY.sort },
        ExpressionAttributeValues: marshall({ ':pk': partition, ':prefix': prefix }),
      }),

    ofKind: (kind, { after, ...wanted } = {}) =>
      query(wanted, {
        IndexName: STATES_INDEX.name,
        KeyConditionExpression: after ? '#kind = :kind AND #subject > :after' : '#kind = :kind',
        ExpressionAttributeNames: {
          '#kind': STATES_INDEX.partition,
          ...(after && { '#subject': STATES_INDEX.sort }),
        },
        ExpressionAttributeValues: marshall({ ':kind': kind, ...(after && { ':after': after }) }),
      }),
  };
}

function isVersion(expected: number, also?: Condition): Condition {
  return {
    expression: [IS_OF_EXPECTED_VERSION, IS_NOT_OF_LATER_RELEASE, ...(also ? [also.expression] : [])].join(
      ' AND ',
    ),
    names: { '#version': 'version', ...also?.names },
    values: { ':expected': expected, ...also?.values },
  };
}

/** Every condition speaks of the format. */
function inputOf({ expression, names, values }: Condition): Partial<PutItemCommandInput> {
  return {
    ConditionExpression: expression,
    ExpressionAttributeNames: { '#format': 'format', ...names },
    ExpressionAttributeValues: marshall({ ':format': FORMAT, ...values }),
  };
}

/** For a lost condition, which is an answer and no failure. */
function ifConditionFailed(error: unknown): ConditionalCheckFailedException {
  if (error instanceof ConditionalCheckFailedException) return error;
  throw error;
}
