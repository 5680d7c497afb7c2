import { randomUUID } from 'node:crypto';
import { DeleteTableCommand, DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { accessMemory } from '../../../functions/adapters/aws/access-memory.ts';
import { createLedgerTable } from '../../../functions/adapters/aws/ledger.ts';
import type { AccessMemoryWorld } from '../../contract/access-memory.ts';

/** A memory in a new ledger of a DynamoDB-compatible server. */
export async function accessMemoryWorld(
  options: DynamoDBClientConfig,
): Promise<AccessMemoryWorld & { readonly table: string; readonly client: DynamoDBClient }> {
  const table = await createLedgerTable(options, `recohere-ledger-${randomUUID()}`);
  const client = new DynamoDBClient(options);
  return {
    table,
    client,
    memory: accessMemory(options, table),
    run: (work) => work(),
    async close() {
      await client.send(new DeleteTableCommand({ TableName: table }));
      client.destroy();
    },
  };
}
