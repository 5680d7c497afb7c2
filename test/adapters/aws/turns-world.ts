import { randomUUID } from 'node:crypto';
import { DeleteTableCommand, DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { createLedgerTable } from '../../../functions/adapters/aws/ledger.ts';
import { dynamoTurns } from '../../../functions/adapters/aws/turns.ts';
import type { TurnsWorld } from '../../contract/turns.ts';

/** Turns in a new ledger of a DynamoDB-compatible server. */
export async function turnsWorld(
  options: DynamoDBClientConfig,
): Promise<TurnsWorld & { readonly table: string; readonly client: DynamoDBClient }> {
  const table = await createLedgerTable(options, `recohere-ledger-${randomUUID()}`);
  const client = new DynamoDBClient(options);
  let now = 0;
  return {
    table,
    client,
    turns: dynamoTurns(options, table, { now: () => now, sleep: async () => {} }),
    setClock(to) {
      now = to;
    },
    async close() {
      await client.send(new DeleteTableCommand({ TableName: table }));
      client.destroy();
    },
  };
}
