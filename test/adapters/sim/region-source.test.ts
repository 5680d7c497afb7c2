import { SimulatedRegions } from '../../../functions/adapters/sim/simulated-regions.ts';
import { VirtualClock } from '../../../functions/adapters/sim/virtual-clock.ts';
import { describeRegionSource } from '../../contract/region-source.ts';

const PLACES = [
  { region: 'us-east-1' },
  { region: 'eu-west-1', account: '222222222222' },
  { region: 'eu-west-1' },
];

describeRegionSource(() => {
  const regions = new SimulatedRegions(new VirtualClock(0), () => 0);
  for (const place of PLACES) regions.deploy(place, 'any', {});
  return regions;
}, ['eu-west-1', 'us-east-1']);
