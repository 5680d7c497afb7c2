import { randomUUID } from 'node:crypto';
import {
  DeleteTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { createLedgerTable } from '../../../functions/adapters/aws/ledger.ts';
import { dynamoRunLedger } from '../../../functions/adapters/aws/run-ledger.ts';
import { systemClock } from '../../../functions/adapters/aws/system.ts';
import { FORMAT, type LedgerKey } from '../../../functions/contract/ledger.ts';
import type { RunLedgerWorld } from '../../contract/run-ledger.ts';

/** A ledger of runs in a new table of a DynamoDB-compatible server. */
export async function runLedgerWorld(
  options: DynamoDBClientConfig,
): Promise<RunLedgerWorld & { readonly table: string }> {
  const table = await createLedgerTable(options, `recohere-ledger-${randomUUID()}`);
  const client = new DynamoDBClient(options);
  const get = async (key: LedgerKey) => {
    const command = new GetItemCommand({ TableName: table, Key: marshall(key), ConsistentRead: true });
    return (await client.send(command)).Item;
  };
  return {
    table,
    ledger: dynamoRunLedger(options, table),
    clock: systemClock,
    run: (work) => work(),
    async makeFuture(key) {
      const item = { ...(await get(key)), ...marshall({ format: FORMAT + 1, mystery: ['🐎'] }) };
      await client.send(new PutItemCommand({ TableName: table, Item: item }));
    },
    stored: async (key) => JSON.stringify(await get(key)),
    async close() {
      await client.send(new DeleteTableCommand({ TableName: table }));
      client.destroy();
    },
  };
}
