import { type DynamoDBClientConfig, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { dynamoLedger } from '../../../functions/adapters/aws/ledger.ts';
import { systemClock } from '../../../functions/adapters/aws/system.ts';
import { FORMAT, type SubjectKind, stateKey } from '../../../functions/contract/ledger.ts';
import type { LedgerWorld } from '../../contract/ledger.ts';
import { newLedger } from './new-ledger.ts';

/** A ledger in a new table of a DynamoDB-compatible server. */
export async function dynamoWorld(
  options: DynamoDBClientConfig,
  kind: SubjectKind = 'function',
): Promise<LedgerWorld> {
  const { table, client, close } = await newLedger(options);
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
    close,
  };
}
