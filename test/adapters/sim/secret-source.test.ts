import { SimulatedSecrets } from '../../../functions/adapters/sim/simulated-secrets.ts';
import { VirtualClock } from '../../../functions/adapters/sim/virtual-clock.ts';
import { RefusedError } from '../../../functions/core/errors.ts';
import type { Place } from '../../../functions/core/place.ts';
import { describeSecretSource, type SecretWorld } from '../../contract/secret-source.ts';

const CALL_MS = 20;
const LAG_MS = 500;
const PRIMARY: Place = { region: 'us-east-1' };
const REPLICA: Place = { region: 'eu-west-1' };
const REFUSING: Place = { region: 'sa-east-1' };

describeSecretSource(async (): Promise<SecretWorld> => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 5));
  const secrets = new SimulatedSecrets(
    clock,
    () => CALL_MS,
    () => LAG_MS,
  );
  for (const call of ['describe', 'hasVersion'] as const) {
    secrets.inject(call, (place) => {
      if (place.region === REFUSING.region) throw new RefusedError({ code: 'ACCESS_DENIED' });
    });
  }
  return {
    source: secrets,
    clock,
    primary: PRIMARY,
    replica: REPLICA,
    refusing: REFUSING,
    run: (work) => clock.run(work),
    async create(name) {
      secrets.create(PRIMARY, name, [], `${name}-1`);
      return `${name}-1`;
    },
    createEmpty: async (name) => secrets.create(PRIMARY, name, []),
    replicate: async (name) => secrets.addReplica(PRIMARY, name, REPLICA),
    put: async (name, versionId) => secrets.put(PRIMARY, name, versionId),
    move: async (name, versionId) => secrets.move(PRIMARY, name, versionId),
    scheduleDeletion: async (name) => secrets.scheduleDeletion(PRIMARY, name),
    close: async () => {},
  };
});
