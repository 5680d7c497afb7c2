import { SimulatedSecrets } from '../../functions/adapters/sim/simulated-secrets.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import {
  lookAtSecrets,
  type SecretScope,
  type SecretsLook,
  secretsOfConfig,
} from '../../functions/app/look-secrets.ts';
import { type ParsedConfig, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { PLACES } from '../app/simulated.ts';

export const SECOND = 1000;
const DAY = 86_400_000;
export const LAG_MS = 3 * SECOND;

/** A config that watches these secrets in three regions. */
export function configOf(names: readonly string[], config: Partial<RecohereConfig> = {}): ParsedConfig {
  const secrets = names.map((name) => ({ name }));
  const parsed = parseConfig({ hub: { region: 'us-east-1' }, replicas: PLACES, secrets, ...config });
  if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
  return parsed.config;
}

/** Builds a world, lets a day pass, changes it by `lately`, lets so many milliseconds pass, and looks. */
export function lookAt(
  scope: SecretScope | ParsedConfig,
  build: (world: SimulatedSecrets) => void,
  lately: (world: SimulatedSecrets) => void = () => {},
  afterMs = 60 * SECOND,
  ownAccount = '000000000000',
): Promise<SecretsLook> {
  const clock = new VirtualClock(0);
  const world = new SimulatedSecrets(
    clock,
    () => 50,
    () => LAG_MS,
  );
  const functions = { ownAccount: async () => ownAccount };
  return clock.run(async () => {
    build(world);
    await clock.sleep(DAY);
    lately(world);
    await clock.sleep(afterMs);
    const own = 'declared' in scope ? scope : secretsOfConfig(scope, {});
    return lookAtSecrets({ secrets: world, clock, functions }, own);
  });
}
