import {
  type AttributeValue,
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
} from '@aws-sdk/client-dynamodb';
import pMap from 'p-map';

/** Most items of one BatchWriteItem. */
const BATCH = 25;
const BATCHES_AT_ONCE = 8;

/** Makes a table of a local server, which is there at once, and fills it. @param key Attribute that is its primary key, a text. */
export async function createFilledTable(
  options: DynamoDBClientConfig,
  name: string,
  key: string,
  items: readonly object[],
): Promise<void> {
  const client = new DynamoDBClient(options);
  try {
    await client.send(
      new CreateTableCommand({
        TableName: name,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: key, AttributeType: 'S' }],
        KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
      }),
    );
    const starts = Array.from({ length: Math.ceil(items.length / BATCH) }, (_, batch) => batch * BATCH);
    const fill = (start: number) => {
      const batch = items.slice(start, start + BATCH) as Record<string, AttributeValue>[];
      const requests = batch.map((Item) => ({ PutRequest: { Item } }));
      return client.send(new BatchWriteItemCommand({ RequestItems: { [name]: requests } }));
    };
    await pMap(starts, fill, { concurrency: BATCHES_AT_ONCE });
  } finally {
    client.destroy();
  }
}
