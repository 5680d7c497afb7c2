import { accessMemoryWorld } from '../adapters/aws/access-memory-world.ts';
import { describeAccessMemory } from '../contract/access-memory.ts';
import { emulatorEndpoint } from './emulator.ts';

describeAccessMemory(() => accessMemoryWorld({ endpoint: emulatorEndpoint(), region: 'us-east-2' }));
