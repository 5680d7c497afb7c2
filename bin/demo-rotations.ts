import { DEMO_REGIONS } from '../functions/adapters/sim/demo-world.ts';
import { SimulatedConsumers } from '../functions/adapters/sim/simulated-consumers.ts';
import { SimulatedSecrets } from '../functions/adapters/sim/simulated-secrets.ts';
import { SimulatedWakes } from '../functions/adapters/sim/wakes.ts';
import { hearSecret } from '../functions/app/hear-secret.ts';
import {
  type VerifySecretPorts,
  verifySecretChange,
  verifySecretWake,
} from '../functions/app/verify-secrets.ts';
import type { ParsedConfig, RecohereConfig } from '../functions/contract/config.ts';
import { secretEventSchema } from '../functions/contract/events.ts';
import { type LoadReport, REPORT_DETAIL_TYPE, REPORT_SOURCE } from '../functions/contract/probe.ts';
import type { Stage, State } from './demo-stage.ts';

const ACCOUNT = '111111111111';
const SECOND_MS = 1000;
/** How often each process of a consumer uses its secret. */
const USED_EVERY_MS = 10 * SECOND_MS;
const [first, second, third] = DEMO_REGIONS;
const [FIRST, SECOND, THIRD] = [{ region: first }, { region: second }, { region: third }] as const;

/** Who uses which secret, for how long it keeps a version, and how it tells which one it uses. */
const CONSUMERS = [
  { secret: 'prod/db', name: 'checkout', cacheSeconds: 60, tells: 'reports' },
  { secret: 'prod/db', name: 'orders', cacheSeconds: 60, tells: 'probe' },
  { secret: 'prod/db', name: 'export', cacheSeconds: 30, tells: 'nothing' },
  { secret: 'prod/search', name: 'search', cacheSeconds: 300, tells: 'reports' },
] as const;

/** Each secret shows one case. */
const SECRETS = [
  'prod/db', // arrives everywhere
  'prod/payments', // one replica is stuck
  'prod/search', // a consumer keeps the old version until its cache ends
  'prod/mail', // rolled back half-way
  'prod/maps', // nobody said who uses it
] as const;

export const DEMO_SECRETS: NonNullable<RecohereConfig['secrets']> = SECRETS.map((name) => ({
  name,
  consumers: CONSUMERS.filter(({ secret }) => secret === name).map(({ name, cacheSeconds, tells }) => ({
    name,
    cacheSeconds,
    ...(tells === 'probe' && { probe: name }),
  })),
}));

/** The secrets of a day: what sweeps look at them with, what happens by the minute, and what is left at the end. */
export interface Rotations {
  readonly ports: VerifySecretPorts;
  readonly script: readonly { readonly minute: number; readonly act: () => void }[];
  /** Lets consumers use their secrets until the day ends. */
  live(lengthMs: number): Promise<void>;
  /** Ends when nothing is under way any more. */
  drained(): Promise<void>;
  states(): Promise<readonly State[]>;
}

/** Puts secrets on a stage that have been there for a day. */
export function rotationsOn(stage: Stage, config: ParsedConfig): Rotations {
  const { clock, telemetry, tell, secrets: ledger } = stage;
  const chance = stage.chance('rotations');
  const world = new SimulatedSecrets(
    clock,
    () => 20 + chance.below(60),
    () => 2 * SECOND_MS + chance.below(6 * SECOND_MS),
  );
  const handlers: Promise<void>[] = [];
  const deliver = (region: string, event: object) => {
    const heard = hearSecret(
      secretEventSchema.parse({
        id: `secret-event-${handlers.length}`,
        account: ACCOUNT,
        region,
        time: new Date(clock.now()).toISOString(),
        ...event,
      }),
    );
    if (heard === undefined) return;
    const arrival = clock.sleep(SECOND_MS + chance.below(2 * SECOND_MS));
    handlers.push(arrival.then(() => verifySecretChange(ports, config, heard)));
  };
  const report = ({ region }: { region: string }, detail: LoadReport) =>
    deliver(region, { source: REPORT_SOURCE, 'detail-type': REPORT_DETAIL_TYPE, detail });
  const consumers = new SimulatedConsumers(clock, world, report, () => 200 + chance.below(800));
  const wakes = new SimulatedWakes(clock, (wake) => verifySecretWake(ports, config, wake));
  const ports: VerifySecretPorts = {
    secrets: world,
    probes: consumers,
    clock,
    telemetry,
    ledger,
    wakes,
    nudges: stage.nudges,
    random: stage.chance('delays of rotations'),
  };

  for (const name of SECRETS) world.create(FIRST, name, [SECOND, THIRD], 'version-1');
  for (const { name, secret, cacheSeconds } of CONSUMERS) {
    consumers.add({ name, secret, cacheMs: cacheSeconds * SECOND_MS });
  }

  /** Secrets Manager tells of a label that has moved, natively, and again through the trail. */
  const moved = (name: string) => {
    const arn = `arn:aws:secretsmanager:${FIRST.region}:${ACCOUNT}:secret:${name}-AbCdEf`;
    const source = 'aws.secretsmanager';
    const labelUpdated = { name, labelUpdated: 'AWSCURRENT' };
    deliver(FIRST.region, {
      source,
      'detail-type': 'Secret Label Updated',
      resources: [arn],
      detail: labelUpdated,
    });
    const call = { eventName: 'UpdateSecretVersionStage', requestParameters: { secretId: arn } };
    deliver(FIRST.region, { source, 'detail-type': 'AWS API Call via CloudTrail', detail: call });
  };
  const rotate = (name: string) => {
    world.rotate(FIRST, name, 'version-2');
    tell('rotation', name, `version-2 is AWSCURRENT in ${FIRST.region}`);
    moved(name);
  };
  const rollBack = (name: string) => {
    world.move(FIRST, name, 'version-1');
    tell('rotation', name, `back to version-1 in ${FIRST.region}`);
    moved(name);
  };
  const at = (minute: number, act: () => void) => ({ minute, act });

  return {
    ports,
    script: [
      at(31, () => rotate('prod/db')),
      at(81, () => {
        world.follow(THIRD, 'prod/payments', 'stuck');
        rotate('prod/payments');
      }),
      at(141, () => rotate('prod/search')),
      at(201, () => {
        world.follow(THIRD, 'prod/mail', 'stuck');
        rotate('prod/mail');
      }),
      at(202, () => {
        rollBack('prod/mail');
        world.heal(THIRD, 'prod/mail');
      }),
      at(271, () => rotate('prod/maps')),
    ],
    async live(lengthMs) {
      const telling = CONSUMERS.filter(({ tells }) => tells === 'reports');
      for (let passed = 0; passed < lengthMs; passed += USED_EVERY_MS) {
        for (const { name } of telling) {
          for (const place of [FIRST, SECOND, THIRD]) consumers.use(place, name, `${name}-1`);
        }
        await clock.sleep(USED_EVERY_MS);
      }
    },
    async drained() {
      await Promise.all(handlers);
      await wakes.drained();
    },
    states: () => Promise.all(SECRETS.map((name) => ledger.read(name))),
  };
}
