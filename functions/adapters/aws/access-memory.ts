import {
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod/mini';
import { accessKey, FORMAT } from '../../contract/ledger.ts';
import type { AccessMemory } from '../../ports/access-memory.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';
import { fieldsOf, itemOf } from './stored-item.ts';

/** A stored refusal of a role. Older releases kept the same, so what they remembered is not forgotten by an upgrade. */
export const refusedItem = z.object({
  format: z.int().check(z.minimum(1), z.maximum(FORMAT)),
  since: z.number(),
  tries: z.int().check(z.minimum(1)),
  nextAt: z.number(),
});

/**
 * Which roles refused the hub, in the ledger's table: one item for each, without a `kind`, so that no sweep takes it for a
 * subject. Forgetting writes an item that holds no refusal, since nothing of ours may delete from the ledger.
 *
 * An item that cannot be understood, be it damaged or of a later release, counts as forgotten and is written over. It is a
 * note that saves questions: to lose it costs one more question, to insist on it would leave an account unread.
 * @param options Of the SDK's client; they replace {@link CLIENT_BOUNDS}.
 */
export function accessMemory(options: DynamoDBClientConfig, tableName: string): AccessMemory {
  const client = new DynamoDBClient({ ...CLIENT_BOUNDS, ...options });
  return {
    async read(access) {
      const command = new GetItemCommand({
        TableName: tableName,
        Key: marshall(accessKey(access)),
        ConsistentRead: true,
      });
      const { Item: item } = await asking('dynamodb:GetItem', (bounded) => client.send(command, bounded));
      const parsed = refusedItem.safeParse(item && fieldsOf(item));
      if (!parsed.success) return undefined;
      const { since, tries, nextAt } = parsed.data;
      return { since, tries, nextAt };
    },

    async write(access, refused) {
      const command = new PutItemCommand({
        TableName: tableName,
        Item: itemOf(accessKey(access), { ...refused }),
      });
      await asking('dynamodb:PutItem', (bounded) => client.send(command, bounded));
    },
  };
}
