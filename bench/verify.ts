import { SimulatedLedger } from '../functions/adapters/sim/ledger.ts';
import { SimulatedNudges } from '../functions/adapters/sim/nudges.ts';
import { SeededRandom } from '../functions/adapters/sim/seeded-random.ts';
import { SimulatedConsumers } from '../functions/adapters/sim/simulated-consumers.ts';
import { SimulatedRegions } from '../functions/adapters/sim/simulated-regions.ts';
import { SimulatedSecrets } from '../functions/adapters/sim/simulated-secrets.ts';
import { SimulatedSweepLedger } from '../functions/adapters/sim/sweep-ledger.ts';
import { SimulatedTelemetry } from '../functions/adapters/sim/telemetry.ts';
import { SimulatedTurns } from '../functions/adapters/sim/turns.ts';
import { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import { type SweepPorts, sweep } from '../functions/app/sweep.ts';
import { installationKey, type VerifyPorts, verifyChange } from '../functions/app/verify.ts';
import { parseConfig } from '../functions/contract/config.ts';
import type { Measured } from './measure.ts';

const REGIONS = ['us-east-1', 'eu-west-1', 'ap-southeast-2'];
const FUNCTIONS = 100;
const DAY_MS = 86_400_000;
/** As the function lives at most. */
const SWEEP_MS_MAX = 270_000;

/**
 * Calls over the network of the use cases that watch deploys, counted at their ports:
 * - `roundTrips`: from an event that names one changed function of three regions to its state in the ledger.
 * - `writesPerQuietSweep`: writes of the ledger in a sweep over 300 replicas that have not moved.
 */
export async function measureVerify(): Promise<Measured> {
  const clock = new VirtualClock(Date.UTC(2026, 0, 5, 9));
  const world = new SimulatedRegions(clock, () => 50);
  const stored = new SimulatedLedger();
  let [calls, writes] = [0, 0];
  for (const call of ['list', 'read', 'alias', 'tagged'] as const) world.inject(call, () => calls++);
  for (const call of ['read', 'swap', 'record', 'history'] as const) stored.inject(call, () => calls++);
  for (const call of ['swap', 'record'] as const) stored.inject(call, () => writes++);
  const ports: VerifyPorts = {
    source: world,
    clock,
    ledger: stored,
    telemetry: new SimulatedTelemetry(),
    nudges: new SimulatedNudges(),
    random: new SeededRandom(1, 'delays'),
    key: installationKey('bench', new SeededRandom(1, 'key').bytes(32)),
    wakes: {
      async send() {
        calls++;
      },
    },
  };
  const secrets = new SimulatedSecrets(
    clock,
    () => 50,
    () => 0,
  );
  const probes = new SimulatedConsumers(
    clock,
    secrets,
    () => {},
    () => 0,
  );
  const allPorts = (): SweepPorts => ({
    ...ports,
    rotation: { ...ports, secrets, probes, ledger: new SimulatedLedger() },
    turns: new SimulatedTurns(clock),
    sweeps: new SimulatedSweepLedger(),
  });
  const parsed = parseConfig({
    hub: { region: 'us-east-1' },
    replicas: REGIONS.map((region) => ({ region })),
    functions: [{ select: { name: '*' } }],
  });
  if (!parsed.ok) throw new Error(parsed.mistakes.join());
  const { config } = parsed;

  return clock.run(async () => {
    const deploy = (name: string, release: string) => {
      for (const region of REGIONS) world.deploy({ region }, name, { environment: { RELEASE: release } });
    };
    for (let id = 0; id < FUNCTIONS; id++) deploy(`function-${id}`, 'one');
    await clock.sleep(DAY_MS);
    await sweep(allPorts(), config, {
      until: clock.now() + SWEEP_MS_MAX,
      overAt: clock.now() + SWEEP_MS_MAX,
      readUntil: () => {},
    });
    [calls, writes] = [0, 0];
    await sweep(allPorts(), config, {
      until: clock.now() + SWEEP_MS_MAX,
      overAt: clock.now() + SWEEP_MS_MAX,
      readUntil: () => {},
    });
    const writesPerQuietSweep = writes;

    deploy('function-7', 'two');
    calls = 0;
    const concern = { kind: 'functions', names: ['function-7'], region: 'eu-west-1', account: '1' } as const;
    await verifyChange(ports, config, { id: 'deploy', source: 'bench', at: clock.now() }, concern);
    const { last } = await stored.read('function-7');
    if (last?.outcome !== 'forward') throw new Error('the deploy was seen to converge');
    return {
      values: { roundTrips: calls - 1, writesPerQuietSweep },
      aims: { roundTrips: 8, writesPerQuietSweep: REGIONS.length + 1 },
    };
  });
}
