import { SimulatedSweepLedger } from '../../../functions/adapters/sim/sweep-ledger.ts';
import { describeSweepLedger } from '../../contract/sweep-ledger.ts';

describeSweepLedger(async () => ({ ledger: new SimulatedSweepLedger(), close: async () => {} }));
