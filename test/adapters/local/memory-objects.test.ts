import { memoryObjectStore } from '../../../functions/adapters/local/memory-objects.ts';
import { describeObjectStore } from '../../contract/object-store.ts';

describeObjectStore(async () => ({ store: memoryObjectStore(), close: async () => {} }));
