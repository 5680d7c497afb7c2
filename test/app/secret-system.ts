import { SimulatedDeadLetters } from '../../functions/adapters/sim/dead-letters.ts';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedNudges } from '../../functions/adapters/sim/nudges.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedConsumers } from '../../functions/adapters/sim/simulated-consumers.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { SimulatedSecrets } from '../../functions/adapters/sim/simulated-secrets.ts';
import { SimulatedSweepLedger } from '../../functions/adapters/sim/sweep-ledger.ts';
import { SimulatedTelemetry } from '../../functions/adapters/sim/telemetry.ts';
import { SimulatedTurns } from '../../functions/adapters/sim/turns.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { SimulatedWakes } from '../../functions/adapters/sim/wakes.ts';
import { receiveRotation } from '../../functions/app/receive.ts';
import type { SweepPorts } from '../../functions/app/sweep.ts';
import { verifySecretWake } from '../../functions/app/verify-secrets.ts';
import { type ParsedConfig, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { REPORT_DETAIL_TYPE, REPORT_SOURCE } from '../../functions/contract/probe.ts';
import { fingerprintKey } from '../../functions/core/fingerprint.ts';
import type { Place } from '../../functions/core/place.ts';
import { AP, EU, PLACES, sweepNow, US } from './simulated.ts';

export const SECOND = 1000;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 0, 5, 8);
export const DB = 'prod/db';
export const LAG_MS = 3 * SECOND;

export type Secrets = NonNullable<RecohereConfig['secrets']>;

export function configOf(secrets: Secrets, config: Partial<RecohereConfig> = {}): ParsedConfig {
  const parsed = parseConfig({ hub: { region: 'us-east-1' }, replicas: PLACES, secrets, ...config });
  if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
  return parsed.config;
}

/** How long a replica takes to follow, and a call and a probe to be answered, in milliseconds. */
interface Times {
  readonly lagMs: () => number;
  readonly callMs: () => number;
  readonly probeMs: () => number;
}

/** A secret that has been in three regions for a day, its consumers, and all that looks at them. */
export function system(
  secrets: Secrets = [{ name: DB }],
  config: Partial<RecohereConfig> = {},
  at: (place: Place) => Place = (place) => place,
  times: Times = { lagMs: () => LAG_MS, callMs: () => 20, probeMs: () => 50 },
) {
  const parsed = configOf(secrets, config);
  const clock = new VirtualClock(START);
  const world = new SimulatedSecrets(clock, times.callMs, times.lagMs);
  const telemetry = new SimulatedTelemetry();
  const letters = new SimulatedDeadLetters();
  const ledger = new SimulatedLedger();
  const handlers: Promise<void>[] = [];
  let events = 0;
  const deliver = (event: object, tries = 1) =>
    receiveRotation({ ...ports.rotation, deadLetters: letters }, parsed, {
      messageId: 'm1',
      tries,
      body: JSON.stringify(event),
    });
  const envelope = (place: Place, at = clock.now()) => ({
    id: `event-${events++}`,
    account: '111111111111',
    region: place.region,
    time: new Date(at).toISOString(),
  });
  const consumers = new SimulatedConsumers(
    clock,
    world,
    (place, detail) => {
      const event = { ...envelope(place), source: REPORT_SOURCE, 'detail-type': REPORT_DETAIL_TYPE, detail };
      handlers.push(clock.sleep(SECOND).then(() => deliver(event)));
    },
    times.probeMs,
  );
  const wakes = new SimulatedWakes(clock, (wake) => verifySecretWake(ports.rotation, parsed, wake));
  const nudges = new SimulatedNudges();
  const common = { clock, telemetry, random: new SeededRandom(1, 'delays'), wakes, nudges };
  const ports: SweepPorts = {
    ...common,
    source: new SimulatedRegions(clock, () => 20),
    ledger: new SimulatedLedger(),
    key: fingerprintKey('k1', new Uint8Array(32)),
    rotation: { ...common, secrets: world, probes: consumers, ledger },
    turns: new SimulatedTurns(clock),
    sweeps: new SimulatedSweepLedger(),
  };
  return {
    clock,
    world,
    consumers,
    ledger,
    telemetry,
    letters: letters.letters,
    deliver,
    envelope,
    ports,
    sweep: () => sweepNow(ports, parsed),
    /** Native: `AWSCURRENT` has moved. */
    told: (name = DB, at = clock.now()) =>
      deliver({
        ...envelope(US, at),
        source: 'aws.secretsmanager',
        'detail-type': 'Secret Label Updated',
        resources: [`arn:aws:secretsmanager:us-east-1:111111111111:secret:${name}-AbCdEf`],
        detail: { name, labelUpdated: 'AWSCURRENT', versionId: 'told' },
      }),
    rotationEnded: (eventName: string, name = DB, at = clock.now()) =>
      deliver({
        ...envelope(US, at),
        source: 'aws.secretsmanager',
        'detail-type': 'AWS Service Event via CloudTrail',
        detail: {
          eventName,
          requestParameters: null,
          additionalEventData: {
            SecretId: `arn:aws:secretsmanager:us-east-1:111111111111:secret:${name}-AbCdEf`,
          },
        },
      }),
    state: (name = DB) => ledger.read(name),
    hops: async (name = DB) => {
      const { open, last } = await ledger.read(name);
      const { rotation, cause } = open ?? last ?? {};
      return (rotation?.hops ?? []).map(({ hop, replica, consumer, state, evidence, at }) =>
        [hop, replica, consumer, state, evidence, at === null ? null : at - (cause?.at ?? 0)]
          .filter((part) => part !== undefined && part !== null)
          .join(' '),
      );
    },
    found: async (name = DB) =>
      ((await ledger.read(name)).open?.findings ?? []).map(({ replica, kind, facet, keys }) =>
        [replica, kind, facet, ...keys].join(' '),
      ),
    values: (metric: string) =>
      telemetry.samples.filter((sample) => sample.metric === metric).map(({ value }) => value),
    reports: () => Promise.all(handlers),
    drained: async () => {
      await Promise.all(handlers);
      await wakes.drained();
    },
    /** Runs work from a day after the secret was made, and a sweep has seen it. */
    run: (work: () => Promise<void>) =>
      clock.run(async () => {
        for (const { name, account } of parsed.secrets) {
          if (account === undefined || account === parsed.hub.account) {
            world.create(at(US), name, [at(EU), at(AP)], 'v1');
          } else world.create({ ...US, account }, name, [], 'v1');
        }
        await clock.sleep(24 * HOUR);
        await sweepNow(ports, parsed);
        await work();
      }),
  };
}
