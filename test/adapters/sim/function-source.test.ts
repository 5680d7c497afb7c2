import { SimulatedRegions } from '../../../functions/adapters/sim/simulated-regions.ts';
import { VirtualClock } from '../../../functions/adapters/sim/virtual-clock.ts';
import { RefusedError } from '../../../functions/core/errors.ts';
import type { Place } from '../../../functions/core/place.ts';
import { describeFunctionSource, type FunctionWorld } from '../../contract/function-source.ts';

const CALL_MS = 20;
const UPDATE_MS = 500;
const REFUSING: Place = { region: 'sa-east-1' };
const SETTINGS = { Architectures: 'arm64', Handler: 'index.handler', Runtime: 'nodejs24.x', Timeout: '3' };

describeFunctionSource(async (): Promise<FunctionWorld> => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 5));
  const regions = new SimulatedRegions(clock, () => CALL_MS);
  for (const call of ['list', 'read', 'alias', 'tagged'] as const) {
    regions.inject(call, (place) => {
      if (place.region === REFUSING.region) throw new RefusedError({ code: 'ACCESS_DENIED' });
    });
  }
  return {
    source: regions,
    clock,
    places: [{ region: 'us-east-1' }, { region: 'eu-west-1' }],
    refusing: REFUSING,
    run: (work) => clock.run(work),
    async deploy(place, name, { memoryMb, ...given }) {
      regions.deploy(place, name, {
        ...given,
        updateMs: UPDATE_MS,
        ...(memoryMb !== undefined && { settings: { ...SETTINGS, MemorySize: String(memoryMb) } }),
      });
    },
    publish: async (place, name) => regions.publish(place, name),
    point: async (place, name, alias, target) => regions.point(place, name, alias, target),
    remove: async (place, name) => regions.remove(place, name),
    close: async () => {},
  };
});
