import {
  CreateTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import {
  EPISODE_PREFIX,
  LEDGER_KEY,
  STATES_INDEX,
  type SubjectKind,
  stateKey,
  subjectPartition,
} from '../../contract/ledger.ts';
import type { ClosedEpisode } from '../../core/episode.ts';
import { RecohereError } from '../../core/errors.ts';
import type { Ledger } from '../../ports/ledger.ts';
import type { Random } from '../../ports/random.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';
import { episodeOfItem, itemOfEpisode, itemOfState, stateOfItem, subjectOfItem } from './ledger-item.ts';
import { IS_NEW, IS_NOT_OF_LATER_RELEASE, ledgerTable } from './ledger-table.ts';
import { systemRandom } from './system.ts';

const TABLE_WAIT_SECONDS = 60;

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
  const table = ledgerTable(options, tableName, random);
  return {
    async read(subject) {
      const item = await table.get(stateKey(kind, subject));
      return item ? stateOfItem(item) : { subject, version: 0, wake: 0 };
    },

    swap(next) {
      const { subject, version } = next;
      return table.swap(stateKey(kind, subject), version, (swapId) => itemOfState(kind, next, swapId));
    },

    async record(episode) {
      const item = itemOfEpisode(kind, episode);
      if (await table.put(item, { expression: `${IS_NEW} OR ${IS_NOT_OF_LATER_RELEASE}` })) return;
      throw new RecohereError('FUTURE_ITEM', 'a later release recorded this episode: deploy that one', {
        context: { subject: episode.subject, id: episode.id },
      });
    },

    async history(subject, limit) {
      const found: ClosedEpisode[] = [];
      const pages = table.items(subjectPartition(kind, subject), EPISODE_PREFIX, { limit, isReversed: true });
      for await (const items of pages) found.push(...items.map(episodeOfItem));
      return found;
    },

    async *subjects(after) {
      for await (const items of table.ofKind(kind, { after })) yield* items.map(subjectOfItem);
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
