import { describe, expect, it } from 'vitest';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedNudges } from '../../functions/adapters/sim/nudges.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { SimulatedTelemetry } from '../../functions/adapters/sim/telemetry.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { SimulatedWakes } from '../../functions/adapters/sim/wakes.ts';
import { hear } from '../../functions/app/hear.ts';
import { type VerifyPorts, verifyChange, verifyWake } from '../../functions/app/verify.ts';
import { parseConfig } from '../../functions/contract/config.ts';
import { deployEventSchema } from '../../functions/contract/events.ts';
import { fingerprintKey } from '../../functions/core/fingerprint.ts';
import type { Place } from '../../functions/core/place.ts';
import { everywhere, PLACES, sweepNow, withoutSecrets } from './simulated.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 0, 5);
const SWEEP_EVERY = 5 * MINUTE;
const FUNCTIONS = Array.from({ length: 20 }, (_, id) => `function-${id}`);
/** Each function is deployed at most so often, so that each move can be told from the next. */
const DEPLOY_EVERY = 40 * MINUTE;
const LOST_PERCENT = 20;
/** CloudTrail's; those of CloudFormation come at once. */
const DELAY_MAX = 10 * MINUTE;

/** A time in which a function was not the same everywhere for longer than its deadline. */
interface Drift {
  readonly subject: string;
  readonly from: number;
  readonly to: number;
}

const NAMES = { account: '111111111111', source: 'aws.cloudformation' } as const;

/** A day of deploys, some of which leave a region out until the next one; a fifth of all events never comes. */
async function playDay(seed: number) {
  const clock = new VirtualClock(START);
  const chance = new SeededRandom(seed, 'day');
  const world = new SimulatedRegions(clock, () => 20 + chance.below(200));
  const ledger = new SimulatedLedger();
  const telemetry = new SimulatedTelemetry();
  const parsed = parseConfig({
    hub: { region: 'us-east-1' },
    replicas: PLACES,
    functions: [{ select: { name: '*' } }],
  });
  if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
  const { config } = parsed;
  const wakes = new SimulatedWakes(clock, (wake) => verifyWake(ports, config, wake));
  const ports: VerifyPorts = {
    source: world,
    clock,
    ledger,
    wakes,
    nudges: new SimulatedNudges(),
    telemetry,
    random: new SeededRandom(seed, 'delays'),
    key: fingerprintKey('k1', new Uint8Array(32).fill(7)),
  };
  const dropped: string[] = [];
  const drifts: Drift[] = [];
  const handlers: Promise<void>[] = [];
  let events = 0;

  const tell = (place: Place, subject: string, status: string) => {
    events++;
    if (chance.below(100) < LOST_PERCENT) {
      dropped.push(`${subject} ${place.region}`);
      return;
    }
    const heard = hear(
      deployEventSchema.parse({
        ...NAMES,
        id: `event-${events}`,
        region: place.region,
        time: new Date(clock.now()).toISOString(),
        'detail-type': 'CloudFormation Resource Status Change',
        detail: {
          'stack-id': `arn:aws:cloudformation:${place.region}:111111111111:stack/${subject}/1`,
          'logical-resource-id': 'Function',
          'physical-resource-id': subject,
          'resource-type': 'AWS::Lambda::Function',
          'status-details': { status },
        },
      }),
    );
    if (heard === undefined) throw new Error(`${status} tells of nothing`);
    const copies = chance.below(10) === 0 ? 3 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const delay = chance.below(5) === 0 ? chance.below(DELAY_MAX) : SECOND + chance.below(5 * SECOND);
      handlers.push(clock.sleep(delay).then(() => verifyChange(ports, config, heard.change, heard.concern)));
    }
  };
  const deploy = (place: Place, subject: string, release: number) => {
    world.deploy(place, subject, { environment: { RELEASE: `${release}` }, updateMs: 2 * SECOND });
    tell(place, subject, 'UPDATE_COMPLETE');
  };
  const live = async (subject: string) => {
    let behind: { readonly from: number; readonly place: Place; readonly isGone: boolean } | undefined;
    let release = 1;
    await clock.sleep(chance.below(DEPLOY_EVERY));
    while (clock.now() < START + 46 * HOUR || behind) {
      const from = clock.now();
      const left = PLACES[chance.below(PLACES.length)] as Place;
      const what = chance.below(10);
      if (behind) {
        const { place } = behind;
        // nobody need tell that what was gone is back as it was
        if (behind.isGone) world.deploy(place, subject, { environment: { RELEASE: `${release}` } });
        else deploy(place, subject, release);
        drifts.push({ subject, from: behind.from, to: clock.now() });
        behind = undefined;
      } else if (what === 0) {
        world.remove(left, subject);
        tell(left, subject, 'DELETE_COMPLETE');
        behind = { from, place: left, isGone: true };
      } else if (what < 9) {
        release++;
        const isPartial = what < 4;
        for (const place of PLACES.filter((each) => !isPartial || each !== left)) {
          deploy(place, subject, release);
          await clock.sleep(chance.below(90 * SECOND));
        }
        if (isPartial) behind = { from, place: left, isGone: false };
      }
      await clock.sleep(DEPLOY_EVERY + chance.below(20 * MINUTE));
    }
  };

  await clock.run(async () => {
    everywhere((place) => {
      for (const name of FUNCTIONS) world.deploy(place, name, { environment: { RELEASE: '1' } });
    });
    await clock.sleep(24 * HOUR);
    const end = START + 49 * HOUR;
    const sweeping = (async () => {
      const all = withoutSecrets(ports);
      for (; clock.now() < end; await clock.sleep(SWEEP_EVERY - (clock.now() % SWEEP_EVERY))) {
        await sweepNow(all, config);
      }
    })();
    await Promise.all([sweeping, ...FUNCTIONS.map(live)]);
    await Promise.all(handlers);
    await wakes.drained();
  });
  const lost = telemetry.samples
    .filter(({ metric, value }) => metric === 'LostEventCount' && value > 0)
    .map(({ properties }) => `${properties.subject} ${properties.replica}`);
  const heard = telemetry.samples.filter(
    ({ metric, properties }) => metric === 'LostEventCount' && properties.lastEvent,
  );
  return { ledger, dropped, lost, drifts, events, heard: heard.length };
}

describe('a day in which a fifth of all events is lost', () => {
  it.each([1, 2, 3, 4, 5])(
    'finds every drift, and counts just the events that were lost (seed %i)',
    async (seed) => {
      const { ledger, dropped, lost, drifts, events, heard } = await playDay(seed);
      expect(lost.toSorted()).toEqual(dropped.toSorted());
      expect(dropped.length).toBeGreaterThan(events / 10);
      expect(heard).toBeGreaterThan(0); // with the last event that did come
      expect(drifts.length).toBeGreaterThan(50);
      for (const { subject, from, to } of drifts) {
        const episodes = await ledger.history(subject, 100);
        const found = episodes.filter(
          ({ closedAt, exposureMs, wasOverdue }) =>
            wasOverdue && closedAt >= to && closedAt - exposureMs <= from + SWEEP_EVERY + MINUTE,
        );
        expect(found, `${subject} from ${new Date(from).toISOString()}`).not.toEqual([]);
      }
      for (const subject of FUNCTIONS) expect((await ledger.read(subject)).open).toBeUndefined();
    },
  );
});
