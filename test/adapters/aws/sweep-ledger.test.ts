import { createLedgerTable } from '../../../functions/adapters/aws/ledger.ts';
import { startLocalDynamo } from '../../../functions/adapters/aws/local-dynamo.ts';
import { dynamoSweepLedger } from '../../../functions/adapters/aws/sweep-ledger.ts';
import { describeSweepLedger } from '../../contract/sweep-ledger.ts';

describeSweepLedger(async () => {
  const dynamo = await startLocalDynamo();
  const table = await createLedgerTable(dynamo.client, 'recohere-ledger');
  return { ledger: dynamoSweepLedger(dynamo.client, table), close: () => dynamo.stop() };
});
