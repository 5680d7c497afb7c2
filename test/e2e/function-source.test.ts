import { vi } from 'vitest';
import { awsFunctionSource } from '../../functions/adapters/aws/function-source.ts';
import { systemClock } from '../../functions/adapters/aws/system.ts';
import { DeployedFunctions } from '../../local/deployed-functions.ts';
import { describeFunctionSource, type FunctionWorld } from '../contract/function-source.ts';
import { startDenyingProxy } from './denying-proxy.ts';
import { emulatorEndpoint } from './emulator.ts';

const REFUSING = { region: 'sa-east-1' };

describeFunctionSource(async (): Promise<FunctionWorld> => {
  const deployed = new DeployedFunctions(emulatorEndpoint());
  const proxy = await startDenyingProxy(emulatorEndpoint(), REFUSING.region);
  vi.stubEnv('AWS_ENDPOINT_URL', proxy.endpoint);
  return {
    source: awsFunctionSource(),
    clock: systemClock,
    places: [{ region: 'us-west-2' }, { region: 'eu-north-1' }], // other tests use other regions
    refusing: REFUSING,
    run: (work) => work(),
    deploy: ({ region }, name, given) => deployed.deploy(region, name, given),
    publish: ({ region }, name) => deployed.publish(region, name),
    point: ({ region }, name, alias, target) => deployed.point(region, name, alias, target),
    remove: ({ region }, name) => deployed.remove(region, name),
    async close() {
      await deployed.removeAll();
      await proxy.close();
      vi.unstubAllEnvs();
    },
  };
});
