import { randomUUID } from 'node:crypto';
import { DeleteTableCommand, DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { createLedgerTable } from '../../../functions/adapters/aws/ledger.ts';

/** A new table as ledgers are, on a DynamoDB-compatible server: how to reach it, and what removes it. */
export interface NewLedger {
  readonly options: DynamoDBClientConfig;
  readonly table: string;
  readonly client: DynamoDBClient;
  close(): Promise<void>;
}

/** @param options Options of a client that talks to the server. */
export async function newLedger(options: DynamoDBClientConfig): Promise<NewLedger> {
  const table = await createLedgerTable(options, `recohere-ledger-${randomUUID()}`);
  const client = new DynamoDBClient(options);
  return {
    options,
    table,
    client,
    async close() {
      await client.send(new DeleteTableCommand({ TableName: table }));
      client.destroy();
    },
  };
}
