import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  CreateTableCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  PutItemCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { awsItemStores } from '../../../functions/adapters/aws/item-store.ts';
import type { WireItem } from '../../../functions/core/item.ts';
import type { ItemStoreWorld, KeyAttribute } from '../../contract/item-store.ts';

const TABLE_WAIT_SECONDS = 60;

/** Tables of a DynamoDB-compatible server. @param client Options of a client that talks to it. */
export function itemStoreWorld(
  client: DynamoDBClientConfig & { readonly region: string },
  unlike: ItemStoreWorld['unlike'],
): ItemStoreWorld {
  const dynamo = new DynamoDBClient(client);
  const { region } = client;
  const stores = awsItemStores({ client });
  const made: string[] = [];
  return {
    unlike,
    missing: stores({ name: `missing-${randomUUID()}`, region }),
    run: (work) => work(),
    async makeTable(keys) {
      const TableName = `items-${randomUUID()}`;
      made.push(TableName);
      await dynamo.send(tableOf(TableName, keys));
      await waitUntilTableExists(
        { client: dynamo, minDelay: 1, maxDelay: 5, maxWaitTime: TABLE_WAIT_SECONDS },
        { TableName },
      );
      return {
        store: stores({ name: TableName, region }),
        async put(item) {
          await dynamo.send(new PutItemCommand({ TableName, Item: sdkItem(item) }));
        },
        async remove(key) {
          await dynamo.send(new DeleteItemCommand({ TableName, Key: sdkItem(key) }));
        },
      };
    },
    async close() {
      for (const TableName of made) await dynamo.send(new DeleteTableCommand({ TableName }));
      dynamo.destroy();
    },
  };
}

function tableOf(TableName: string, keys: readonly KeyAttribute[]): CreateTableCommand {
  return new CreateTableCommand({
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: keys.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
    KeySchema: keys.map(({ name }, at) => ({ AttributeName: name, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
  });
}

function sdkItem(item: WireItem): Record<string, AttributeValue> {
  return item as Record<string, AttributeValue>;
}
