import { SimulatedAccessMemory } from '../functions/adapters/sim/access-memory.ts';
import { SimulatedDeadLetters } from '../functions/adapters/sim/dead-letters.ts';
import { SimulatedLedger } from '../functions/adapters/sim/ledger.ts';
import { SimulatedNudges } from '../functions/adapters/sim/nudges.ts';
import { SeededRandom } from '../functions/adapters/sim/seeded-random.ts';
import { SimulatedConsumers } from '../functions/adapters/sim/simulated-consumers.ts';
import { type SimulatedFunction, SimulatedRegions } from '../functions/adapters/sim/simulated-regions.ts';
import { SimulatedSecrets } from '../functions/adapters/sim/simulated-secrets.ts';
import { SimulatedSweepLedger } from '../functions/adapters/sim/sweep-ledger.ts';
import { SimulatedTurns } from '../functions/adapters/sim/turns.ts';
import { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import { SimulatedWakes } from '../functions/adapters/sim/wakes.ts';
import { type Considerate, considerate } from '../functions/app/considerate.ts';
import { receiveDeploy } from '../functions/app/receive.ts';
import { type SweepEnd, sweep } from '../functions/app/sweep.ts';
import { installationKey, type VerifyPorts } from '../functions/app/verify.ts';
import { type ParsedConfig, parseConfig } from '../functions/contract/config.ts';
import {
  BATCH_MESSAGES,
  BATCHES_AT_ONCE,
  LIFE_SECONDS,
  SWEEP_EVERY_MINUTES,
  TIME_TO_WRITE_MS,
} from '../functions/contract/deployment.ts';
import type { Place } from '../functions/core/place.ts';
import { BatchQueue, CallQuota, ScaleLedger } from './scale-ground.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 0, 5);

/** Those that a day can be played in, the hub's first. */
export const REGIONS = [
  [
    'us-east-1',
    'us-east-2',
    'us-west-1',
    'us-west-2',
    'ca-central-1',
    'ca-west-1',
    'mx-central-1',
    'sa-east-1',
  ],
  [
    'eu-west-1',
    'eu-west-2',
    'eu-west-3',
    'eu-central-1',
    'eu-central-2',
    'eu-north-1',
    'eu-south-1',
    'eu-south-2',
  ],
  ['ap-east-1', 'ap-south-1', 'ap-south-2', 'ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3'],
  ['ap-southeast-1', 'ap-southeast-2', 'ap-southeast-3', 'ap-southeast-4', 'ap-southeast-5'],
  ['me-central-1', 'me-south-1', 'af-south-1'],
].flat();

const [VERIFY_MS, SWEEP_MS] = [LIFE_SECONDS['verify-deploy'] * SECOND, LIFE_SECONDS.sweep * SECOND];

/** How long calls take. */
const [READ_MS, LEDGER_MS] = [100, 5];

/** All functions are swept, and their states written, before the first deploy. */
const LEAD_MS = 2 * SWEEP_EVERY_MINUTES * MINUTE;
/** From the beginning of the last deploy to the end: it has all come out by then. */
const TAIL_MS = HOUR;

/** A deploy goes to one region, then to a third of them, then to the rest, with a rest between two waves. */
const [WAVE_MS, BAKE_MS] = [MINUTE, 3 * MINUTE];
/** How long an update takes, and how long its event. */
const UPDATE_MS = 3 * SECOND;
const [EVENT_MS_MIN, EVENT_MS_MAX] = [2 * SECOND, 10 * SECOND];
const LOST_PERCENT = 5;
const PARTIAL_PERCENT = 3;

export interface ScaleSize {
  readonly functions: number;
  /** From 2 to as many as {@link REGIONS} are. */
  readonly regions: number;
  /** More than 1, in the last of which nothing is deployed. */
  readonly hours: number;
  /** As many as functions at most: each is deployed once. */
  readonly deploys: number;
  readonly seed: number;
}

/** One deploy: what really happened, and when Recohere said so. Times are epoch milliseconds of the simulated day. */
export interface PlayedDeploy {
  readonly subject: string;
  /** The region that was left out, if one was. */
  readonly left: string | undefined;
  readonly firstAt: number;
  /** Whether the event of its first region came. */
  readonly isTold: boolean;
  /** When its last region was changed. */
  lastAt: number;
  /** When an episode was opened. */
  detectedAt?: number;
  /** When it was called a partial deploy. */
  overdueAt?: number;
}

interface PlayedSweep extends SweepEnd {
  readonly ms: number;
}

export interface PlayedDay {
  readonly deploys: readonly PlayedDeploy[];
  readonly events: number;
  readonly lostEvents: number;
  readonly sweeps: readonly PlayedSweep[];
  readonly quota: Pick<CallQuota, 'peak' | 'calls' | 'refused'>;
  /** Time that messages were in the queue before somebody took them. */
  readonly waitsMs: readonly number[];
  readonly deadLetters: number;
  readonly warnings: readonly string[];
}

/**
 * A day of deploys, watched by the real use cases as the deployed functions make them: one warm process that sweeps, two that work off a
 * queue.
 */
export async function playScaleDay(size: ScaleSize): Promise<PlayedDay> {
  const clock = new VirtualClock(START - LEAD_MS - 24 * HOUR); // by then, nothing has just been changed
  const end = START + size.hours * HOUR;
  const places: Place[] = REGIONS.slice(0, size.regions).map((region) => ({ region }));
  const world = new SimulatedRegions(clock, () => READ_MS);
  const quota = new CallQuota(clock);
  for (const call of ['list', 'read', 'alias'] as const)
    world.inject(call, ({ region }) => quota.take(region, 'own'));
  const config = configOf(places);
  const warnings: string[] = [];
  const deadLetters = new SimulatedDeadLetters();
  const sweeps: PlayedSweep[] = [];
  const deploys = new Map<string, PlayedDeploy>();
  const queue = new BatchQueue(clock, BATCH_MESSAGES);
  let [events, lostEvents] = [0, 0];

  const telemetry: VerifyPorts['telemetry'] = {
    publish(metric, _value, properties) {
      const deploy = deploys.get(String(properties?.subject));
      if (deploy === undefined) return;
      if (metric === 'TimeToDetect') deploy.detectedAt ??= clock.now();
      if (metric === 'PartialDeployCount') deploy.overdueAt ??= clock.now();
    },
  };
  const ledger = new ScaleLedger(clock, LEDGER_MS);
  const wakes = new SimulatedWakes(clock, async (wake) => queue.put({ kind: 'recohere.wake', ...wake }));
  /** What one process has, as its handler makes it. */
  const newProcess = (part: 'sweep' | 'verify-deploy') => {
    const memory = new SimulatedAccessMemory(clock, () => LEDGER_MS);
    const words = { warn: (message: string) => warnings.push(message), info() {} };
    const own: Considerate = considerate({ memory, clock }, words);
    const ports: VerifyPorts = {
      source: own.functions(world, part),
      clock,
      ledger,
      wakes,
      nudges: own.nudges(new SimulatedNudges()),
      telemetry,
      random: new SeededRandom(size.seed, 'delays', part),
      key: installationKey('scale', new SeededRandom(size.seed, 'key').bytes(32)),
      settled: own.settled,
    };
    return { ports, fingerprints: own.fingerprints, readUntil: own.readUntil };
  };

  const verifying = async () => {
    const { ports, readUntil } = newProcess('verify-deploy');
    const all = { ...ports, deadLetters };
    for (let batch = await queue.take(); batch.length > 0; batch = await queue.take()) {
      readUntil(clock.now() + VERIFY_MS - TIME_TO_WRITE_MS);
      const received = batch.map((message) =>
        receiveDeploy(all, config, message).catch(() => queue.putBack(message, 6 * VERIFY_MS)),
      );
      await Promise.all(received);
    }
  };

  const sweeping = async () => {
    const { ports, fingerprints, readUntil } = newProcess('sweep');
    const [turns, memory] = [
      new SimulatedTurns(clock, () => LEDGER_MS),
      new SimulatedSweepLedger(clock, () => LEDGER_MS),
    ];
    const all = { ...ports, fingerprints, rotation: withoutSecrets(ports), turns, sweeps: memory };
    for (let at = clock.now(); at < end; at += SWEEP_EVERY_MINUTES * MINUTE) {
      await clock.sleep(at - clock.now());
      const overAt = at + SWEEP_MS;
      const ended = await sweep(all, config, { until: overAt - TIME_TO_WRITE_MS, overAt, readUntil });
      sweeps.push({ ...ended, ms: clock.now() - at });
    }
    await clock.sleep(end - clock.now());
  };

  const deploying = async (id: number) => {
    const chance = new SeededRandom(size.seed, 'deploy', `${id}`);
    await clock.sleep(LEAD_MS + chance.below(size.hours * HOUR - TAIL_MS));
    const left =
      chance.below(100) < PARTIAL_PERCENT ? chance.pick(REGIONS.slice(1, size.regions)) : undefined;
    const subject = nameOf(id);
    const change = { code: `${subject} 2`, updateMs: UPDATE_MS };
    const deployTo = async ({ region }: Place, isFirst: boolean) => {
      await clock.sleep(chance.below(WAVE_MS));
      await quota.ask(region);
      world.deploy({ region }, subject, { ...change, environment: environmentOf(id, 2, region) });
      const isTold = chance.below(100) >= LOST_PERCENT;
      if (isFirst) deploys.set(subject, { subject, left, isTold, firstAt: clock.now(), lastAt: clock.now() });
      const deploy = deploys.get(subject);
      if (deploy) deploy.lastAt = clock.now();
      await clock.sleep(UPDATE_MS);
      for (let polls = 0; polls < 2; polls++) await quota.ask(region);
      events++;
      const time = clock.now();
      await clock.sleep(EVENT_MS_MIN + chance.below(EVENT_MS_MAX - EVENT_MS_MIN));
      if (isTold) queue.put(eventOf(subject, region, events, time));
      else lostEvents++;
    };
    const [first, ...others] = places.filter(({ region }) => region !== left);
    const third = Math.ceil(others.length / 3);
    for (const wave of [first ? [first] : [], others.slice(0, third), others.slice(third)]) {
      await Promise.all(wave.map((place) => deployTo(place, place === first)));
      await clock.sleep(BAKE_MS);
    }
  };

  await clock.run(async () => {
    for (let id = 0; id < size.functions; id++) {
      const made = { code: `${nameOf(id)} 1`, settings: SETTINGS };
      for (const place of places) {
        world.deploy(place, nameOf(id), { ...made, environment: environmentOf(id, 1, place.region) });
      }
    }
    await clock.sleep(24 * HOUR);
    const chosen = chosenOf(size);
    const playing = Promise.all([
      ...Array.from({ length: BATCHES_AT_ONCE }, verifying),
      ...chosen.map(deploying),
    ]);
    await sweeping();
    queue.close();
    await playing;
  });
  return {
    deploys: [...deploys.values()],
    events,
    lostEvents,
    sweeps,
    quota,
    waitsMs: queue.waitsMs,
    deadLetters: deadLetters.letters.length,
    warnings,
  };
}

const nameOf = (id: number) => `service-${String(id).padStart(5, '0')}`;

const SETTINGS = { runtime: 'nodejs24.x', handler: 'index.handler', memory: '512', timeout: '30' };

/** A usual environment; one value names the region that it is in. */
function environmentOf(
  id: number,
  release: number,
  region: string,
): NonNullable<SimulatedFunction['environment']> {
  return {
    RELEASE: `${release}`,
    LOG_LEVEL: 'info',
    POWERTOOLS_SERVICE_NAME: nameOf(id),
    NODE_OPTIONS: '--enable-source-maps',
    TABLE_ARN: `arn:aws:dynamodb:${region}:111111111111:table/${nameOf(id)}`,
    PRIMARY_REGION: 'us-east-1',
    CACHE_SECONDS: '300',
    FEATURES: 'search,basket,returns',
  };
}

/** Which functions are deployed: each once at most. */
function chosenOf({ functions, deploys, seed }: ScaleSize): number[] {
  const chance = new SeededRandom(seed, 'chosen');
  const chosen = new Set<number>();
  while (chosen.size < Math.min(deploys, functions)) chosen.add(chance.below(functions));
  return [...chosen];
}

function eventOf(subject: string, region: string, id: number, time: number): object {
  return {
    id: `event-${id}`,
    account: '111111111111',
    region,
    time: new Date(time).toISOString(),
    source: 'aws.cloudformation',
    'detail-type': 'CloudFormation Resource Status Change',
    detail: {
      'stack-id': `arn:aws:cloudformation:${region}:111111111111:stack/${subject}/1`,
      'logical-resource-id': 'Function',
      'physical-resource-id': subject,
      'resource-type': 'AWS::Lambda::Function',
      'status-details': { status: 'UPDATE_COMPLETE' },
    },
  };
}

function configOf(replicas: readonly Place[]): ParsedConfig {
  const parsed = parseConfig({
    hub: { region: 'us-east-1' },
    replicas,
    functions: [{ select: { name: '*' } }],
  });
  if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
  return parsed.config;
}

/** What a sweep has where no secret is watched. */
function withoutSecrets(ports: VerifyPorts) {
  const none = () => 0;
  const secrets = new SimulatedSecrets(ports.clock, none, none);
  const probes = new SimulatedConsumers(ports.clock, secrets, () => {}, none);
  return { ...ports, secrets, probes, ledger: new SimulatedLedger() };
}
