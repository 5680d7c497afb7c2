import { SimulatedAccessMemory } from '../../../functions/adapters/sim/access-memory.ts';
import { SeededRandom } from '../../../functions/adapters/sim/seeded-random.ts';
import { VirtualClock } from '../../../functions/adapters/sim/virtual-clock.ts';
import { describeAccessMemory } from '../../contract/access-memory.ts';

const CALL_MS = 20;

describeAccessMemory(async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 5));
  const latency = new SeededRandom(1, 'latency');
  return {
    memory: new SimulatedAccessMemory(clock, () => latency.below(CALL_MS)),
    run: (work) => clock.run(work),
    close: async () => {},
  };
});
