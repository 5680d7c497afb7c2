import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedConsumers } from '../../functions/adapters/sim/simulated-consumers.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { SimulatedSecrets } from '../../functions/adapters/sim/simulated-secrets.ts';
import { SimulatedSweepLedger } from '../../functions/adapters/sim/sweep-ledger.ts';
import { SimulatedTurns } from '../../functions/adapters/sim/turns.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { scopeOfAccount } from '../../functions/app/account-scope.ts';
import { type Look, type LookProgress, type LookScope, look } from '../../functions/app/look.ts';
import { type Narrowing, scopeOfConfig } from '../../functions/app/scope.ts';
import { type SweepEnd, type SweepPorts, type SweepTime, sweep } from '../../functions/app/sweep.ts';
import type { VerifyPorts } from '../../functions/app/verify.ts';
import { type ParsedConfig, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { LIFE_SECONDS } from '../../functions/contract/deployment.ts';
import type { Place } from '../../functions/core/place.ts';

export const US: Place = { region: 'us-east-1' };
export const EU: Place = { region: 'eu-west-1' };
export const AP: Place = { region: 'ap-southeast-2' };
export const PLACES = [US, EU, AP];

const DAY_MS = 86_400_000;
/** As the function lives at most. */
const SWEEP_MS_MAX = LIFE_SECONDS.sweep * 1000;

export function everywhere(build: (place: Place) => void): void {
  for (const place of PLACES) build(place);
}

/** Builds a world, lets a day pass, changes it by `lately`, and looks. */
export function lookAt(
  scope: LookScope,
  build: (world: SimulatedRegions) => void,
  lately: (world: SimulatedRegions) => void = () => {},
  onProgress: (progress: LookProgress) => void = () => {},
): Promise<Look> {
  const clock = new VirtualClock(0);
  const world = new SimulatedRegions(clock, () => 50);
  return clock.run(async () => {
    build(world);
    await clock.sleep(DAY_MS);
    lately(world);
    return look({ source: world, clock, random: new SeededRandom(1, 'key') }, scope, onProgress);
  });
}

/** What a sweep works with where no secret is. */
export function withoutSecrets(ports: VerifyPorts): SweepPorts {
  const none = () => 0;
  const secrets = new SimulatedSecrets(ports.clock, none, none);
  const probes = new SimulatedConsumers(ports.clock, secrets, () => {}, none);
  const rotation = { ...ports, secrets, probes, ledger: new SimulatedLedger() };
  const { clock } = ports;
  return { ...ports, rotation, turns: new SimulatedTurns(clock), sweeps: new SimulatedSweepLedger() };
}

/** Time for a sweep that nothing interrupts. */
function timeFrom(now: number): SweepTime {
  return { until: Number.POSITIVE_INFINITY, overAt: now + SWEEP_MS_MAX, readUntil: () => {} };
}

/** A sweep that nothing interrupts. */
export function sweepNow(ports: SweepPorts, config: ParsedConfig): Promise<SweepEnd> {
  return sweep(ports, config, timeFrom(ports.clock.now()));
}

/** The scope of a config that watches all functions of the three regions, unless it says otherwise. */
export function configScope(config: Partial<RecohereConfig> = {}, narrowing: Narrowing = {}): LookScope {
  const parsed = parseConfig({
    hub: { region: 'us-east-1' },
    replicas: PLACES,
    functions: [{ select: { name: '*' } }],
    ...config,
  });
  if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
  return scopeOfConfig(parsed.config, narrowing);
}

/** The scope of `scan` with flags and no config. */
export function flagScope(narrowing: Narrowing = {}): LookScope {
  return scopeOfAccount({ regions: PLACES.map(({ region }) => region), ...narrowing }, []);
}

/** What a look says, without what it rests on. */
export function verdicts({ subjects }: Look): Record<string, string> {
  return Object.fromEntries(subjects.map(({ subject, verdict }) => [subject, verdict]));
}

/** `replica kind facet keys` of each finding of a subject. */
export function findingsOf({ subjects }: Look, name: string): string[] {
  const found = subjects.find(({ subject }) => subject === name);
  return (found?.findings ?? []).map(({ replica, kind, facet, keys }) =>
    [replica, kind, facet, ...keys].join(' '),
  );
}
