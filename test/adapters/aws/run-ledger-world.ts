import { type DynamoDBClientConfig, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { dynamoRunLedger } from '../../../functions/adapters/aws/run-ledger.ts';
import { systemClock } from '../../../functions/adapters/aws/system.ts';
import { FORMAT, type LedgerKey } from '../../../functions/contract/ledger.ts';
import type { RunLedgerWorld } from '../../contract/run-ledger.ts';
import { newLedger } from './new-ledger.ts';

/** A ledger of runs in a new table of a DynamoDB-compatible server. */
export async function runLedgerWorld(
  options: DynamoDBClientConfig,
): Promise<RunLedgerWorld & { readonly table: string }> {
  const { table, client, close } = await newLedger(options);
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
    close,
  };
}
