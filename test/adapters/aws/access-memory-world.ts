import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { accessMemory } from '../../../functions/adapters/aws/access-memory.ts';
import type { AccessMemoryWorld } from '../../contract/access-memory.ts';
import { type NewLedger, newLedger } from './new-ledger.ts';

/** A memory in a new ledger of a DynamoDB-compatible server. */
export async function accessMemoryWorld(
  options: DynamoDBClientConfig,
): Promise<AccessMemoryWorld & NewLedger> {
  const ledger = await newLedger(options);
  return {
    ...ledger,
    memory: accessMemory(options, ledger.table),
    run: (work) => work(),
  };
}
