import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { dynamoTurns } from '../../../functions/adapters/aws/turns.ts';
import type { TurnsWorld } from '../../contract/turns.ts';
import { type NewLedger, newLedger } from './new-ledger.ts';

/** Turns in a new ledger of a DynamoDB-compatible server. */
export async function turnsWorld(options: DynamoDBClientConfig): Promise<TurnsWorld & NewLedger> {
  const ledger = await newLedger(options);
  let now = 0;
  return {
    ...ledger,
    turns: dynamoTurns(options, ledger.table, { now: () => now, sleep: async () => {} }),
    setClock(to) {
      now = to;
    },
  };
}
