import { dynamoWorld } from '../adapters/aws/dynamo-world.ts';
import { describeLedger } from '../contract/ledger.ts';
import { emulatorEndpoint } from './emulator.ts';

const RUNS = 10;

describeLedger(() => dynamoWorld({ endpoint: emulatorEndpoint(), region: 'us-east-2' }), RUNS);
