import { randomUUID } from 'node:crypto';
import {
  DeleteTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { createLedgerTable, dynamoLedger } from '../../../functions/adapters/aws/ledger.ts';
import { systemClock } from '../../../functions/adapters/aws/system.ts';
import { FORMAT, type SubjectKind, stateKey } from '../../../functions/contract/ledger.ts';
import type { LedgerWorld } from '../../contract/ledger.ts';

/** A ledger in a new table of a DynamoDB-compatible server. */
export async function dynamoWorld(
  options: DynamoDBClientConfig,
  kind: SubjectKind = 'function',
): Promise<LedgerWorld> {
  const table = await createLedgerTable(options, `recohere-ledger-${randomUUID()}`);
  const client = new DynamoDBClient(options);
  return {
    ledger: dynamoLedger(options, table, kind),
    clock: systemClock,
    run: (work) => work(),
    async plantFuture({ subject, version }) {
      const fields = { subject, version, kind, format: FORMAT + 1, mystery: ['🐎'] };
      const item = marshall({ ...stateKey(kind, subject), ...fields });
      await client.send(new PutItemCommand({ TableName: table, Item: item }));
    },
    async stored(subject) {
      const key = marshall(stateKey(kind, subject));
      const command = new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true });
      return JSON.stringify((await client.send(command)).Item);
    },
    async close() {
      await client.send(new DeleteTableCommand({ TableName: table }));
      client.destroy();
    },
  };
}
