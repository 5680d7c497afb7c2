import { turnsWorld } from '../adapters/aws/turns-world.ts';
import { describeTurns } from '../contract/turns.ts';
import { emulatorEndpoint } from './emulator.ts';

describeTurns(() => turnsWorld({ endpoint: emulatorEndpoint(), region: 'us-east-2' }));
