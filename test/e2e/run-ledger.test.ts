import { runLedgerWorld } from '../adapters/aws/run-ledger-world.ts';
import { describeRunLedger } from '../contract/run-ledger.ts';
import { emulatorEndpoint } from './emulator.ts';

const RUNS = 10;

describeRunLedger(() => runLedgerWorld({ endpoint: emulatorEndpoint(), region: 'us-east-2' }), RUNS);
