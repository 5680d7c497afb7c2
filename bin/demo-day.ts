import { DEMO_REGIONS } from '../functions/adapters/sim/demo-world.ts';
import { OWN_ACCOUNT, SimulatedRegions } from '../functions/adapters/sim/simulated-regions.ts';
import { SimulatedWakes } from '../functions/adapters/sim/wakes.ts';
import { hear } from '../functions/app/hear.ts';
import { sweep } from '../functions/app/sweep.ts';
import { installationKey, type VerifyPorts, verifyChange, verifyWake } from '../functions/app/verify.ts';
import type { ParsedConfig } from '../functions/contract/config.ts';
import { deployEventSchema } from '../functions/contract/events.ts';
import { resourceEvent } from '../rehearsal/events.ts';
import { rotationsOn } from './demo-rotations.ts';
import { type Played, playStory, type Stage, type State } from './demo-stage.ts';

/** Monday, when the functions of the day have long been deployed and nothing is open. */
const MORNING = Date.UTC(2026, 0, 5, 9);
const MINUTE_MS = 60_000;
const SWEEP_EVERY_MS = 5 * MINUTE_MS;
const LENGTH_MS = 7 * 60 * MINUTE_MS;

/**
 * Plays a working day of deploys and rotations over simulated regions. The seed chooses delays, and the order in which repeated events come.
 */
export function playDay(seed: number, config: ParsedConfig): Promise<Played> {
  const story = { name: 'day', seed, startAt: MORNING - 24 * 60 * MINUTE_MS, config };
  return playStory(story, (stage) => play(stage, config));
}

async function play(stage: Stage, config: ParsedConfig): Promise<readonly State[]> {
  const { clock, telemetry, tell, functions: ledger, nudges, turns, sweeps } = stage;
  const latency = stage.chance('latency');
  const chance = stage.chance('delivery');
  const world = new SimulatedRegions(clock, () => 40 + latency.below(200));
  const wakes = new SimulatedWakes(clock, (wake) => verifyWake(ports, config, wake));
  const ports: VerifyPorts = {
    source: world,
    clock,
    ledger,
    wakes,
    nudges,
    telemetry,
    random: stage.chance('delays'),
    key: installationKey('demo', stage.chance('key').bytes(32)),
  };

  const handlers: Promise<unknown>[] = [];
  /** CloudFormation tells of one function, some seconds later, perhaps several times, in any order. */
  const event = (subject: string, region: string, copies: number) => {
    const id = `event-${handlers.length}`;
    const json = resourceEvent({ id, region, account: OWN_ACCOUNT, at: clock.now() }, subject);
    const heard = hear(deployEventSchema.parse(json));
    for (let copy = 0; heard && copy < copies; copy++) {
      const arrival = clock.sleep(1000 + chance.below(4000));
      handlers.push(arrival.then(() => verifyChange(ports, config, heard.change, heard.concern)));
    }
  };
  const deploy = (subject: string, region: string, environment: Record<string, string>, copies = 1) => {
    world.deploy({ region }, subject, { environment, updateMs: 2000 });
    tell(
      copies > 0 ? 'deploy' : 'by hand',
      subject,
      copies === 1 ? region : `${region}, ${eventsText(copies)}`,
    );
    event(subject, region, copies);
  };

  for (const region of DEMO_REGIONS) {
    for (const subject of SUBJECTS) world.deploy({ region }, subject, { environment: release(1) });
  }
  const rotations = rotationsOn(stage, config);
  await clock.sleep(24 * 60 * MINUTE_MS);
  const deploys = scriptOf(deploy, (subject, region) => {
    tell('event', subject, `${region}, and nothing moved`);
    event(subject, region, 1);
  });
  const script = [...deploys, ...rotations.script];
  const living = rotations.live(LENGTH_MS);
  for (let elapsed = 0; elapsed <= LENGTH_MS; elapsed += MINUTE_MS) {
    if (elapsed % SWEEP_EVERY_MS === 0) {
      const all = { ...ports, rotation: rotations.ports, turns, sweeps };
      const overAt = clock.now() + SWEEP_EVERY_MS;
      handlers.push(sweep(all, config, { until: overAt, overAt, readUntil: () => {} }));
    }
    for (const { minute, act } of script) if (minute * MINUTE_MS === elapsed) act();
    await clock.sleep(MINUTE_MS);
  }
  await Promise.all([living, ...handlers]);
  await Promise.all([wakes.drained(), rotations.drained()]);
  const states = await Promise.all(SUBJECTS.map((subject) => ledger.read(subject)));
  return [...states, ...(await rotations.states())];
}

const SUBJECTS = [
  'catalog',
  'checkout-api',
  'inventory-sync',
  'orders-worker',
  'payments',
  'pricing',
  'search-indexer',
];

type Deploy = (subject: string, region: string, environment: Record<string, string>, copies?: number) => void;

function release(number: number): Record<string, string> {
  return { RELEASE: `build-${number}` };
}

/** What happens, by the minute since the morning; each subject shows one case. */
function scriptOf(deploy: Deploy, touch: (subject: string, region: string) => void) {
  const [first, second, third] = DEMO_REGIONS;
  const at = (minute: number, act: () => void) => ({ minute, act });
  return [
    // in waves over three regions, every event five times and in any order
    at(11, () => deploy('checkout-api', first, release(2), 5)),
    at(13, () => deploy('checkout-api', second, release(2), 5)),
    at(16, () => deploy('checkout-api', third, release(2), 5)),
    // never reaches the third region
    at(62, () => deploy('inventory-sync', first, release(2))),
    at(63, () => deploy('inventory-sync', second, release(2))),
    // rolled back
    at(121, () => deploy('payments', first, release(2))),
    at(123, () => deploy('payments', first, release(1))),
    // an event of a stack that moved nothing
    at(182, () => touch('orders-worker', first)),
    // a pipeline that goes back and forth
    ...[0, 2, 4, 6].flatMap((minute, turn) => [
      at(242 + minute, () => deploy('pricing', first, release(2 - (turn % 2)))),
      at(243 + minute, () => {
        deploy('pricing', second, release(2 - (turn % 2)));
        deploy('pricing', third, release(2 - (turn % 2)));
      }),
    ]),
    // by hand, and the event is lost; put right later
    at(301, () => deploy('search-indexer', second, release(0), 0)),
    at(318, () => deploy('search-indexer', second, release(1))),
  ];
}

function eventsText(copies: number): string {
  return copies === 0 ? 'and the event is lost' : `told ${copies} times`;
}
