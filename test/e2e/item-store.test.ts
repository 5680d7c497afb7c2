import { itemStoreWorld } from '../adapters/aws/item-store-world.ts';
import { describeItemStore } from '../contract/item-store.ts';
import { emulatorEndpoint } from './emulator.ts';

const RUNS = 5;

describeItemStore(
  async () =>
    itemStoreWorld({ endpoint: emulatorEndpoint(), region: 'us-east-2' }, ['documents', 'units', 'keys']),
  RUNS,
);
