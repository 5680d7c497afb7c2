import { SeededRandom } from '../functions/adapters/sim/seeded-random.ts';
import { SimulatedRegions } from '../functions/adapters/sim/simulated-regions.ts';
import { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import { scopeOfAccount } from '../functions/app/account-scope.ts';
import { look } from '../functions/app/look.ts';
import { type Place, placeId } from '../functions/core/place.ts';
import type { Clock } from '../functions/ports/clock.ts';
import { type FunctionSource, PAGE_SIZE } from '../functions/ports/function-source.ts';
import type { Measured } from './measure.ts';

const REGIONS = 20;
const FUNCTIONS = 1000;
/** Functions of each region that were deployed again just before the scan. */
const MOVED = 30;
const SEED = 1;

/**
 * Calls a second that Lambda's control plane takes in one region.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
const QUOTA_PER_SECOND = 15;
/** A fifth of the quota, as calls a second: the pace that the time of a scan is held against. */
const SHARE_PER_SECOND = 3;

/**
 * One look at many functions in simulated regions, counted where calls leave for AWS:
 * - `calls`: those of the worst region, as a multiple of pages + functions that moved.
 * - `quotaShare`: the most that began in any second of any region, as a share of the quota.
 * - `time`: virtual time, as a multiple of what the busiest region needs at a fifth of the quota.
 */
export async function measureScan(): Promise<Measured> {
  const clock = new VirtualClock(Date.UTC(2026, 0, 5, 9));
  return clock.run(async () => {
    const places: Place[] = Array.from({ length: REGIONS }, (_, id) => ({ region: `eu-west-${id + 1}` }));
    const { source, startsOf } = recorded(await deployedWorld(clock, places), clock);
    const scope = scopeOfAccount({ regions: places.map(({ region }) => region) }, []);
    const began = clock.now();
    const { subjects } = await look(
      { source, clock, random: new SeededRandom(SEED, 'key') },
      scope,
      () => {},
    );
    const tookMs = clock.now() - began;
    const agreed = subjects.filter(({ verdict }) => verdict === 'agreed').length;
    if (agreed !== FUNCTIONS) throw new Error(`${agreed} of ${FUNCTIONS} equal functions agreed`);

    const starts = places.map(startsOf);
    const mostCalls = Math.max(...starts.map(({ length }) => length));
    const leastTimeMs = (mostCalls / SHARE_PER_SECOND) * 1000;
    return {
      values: {
        calls: mostCalls / (FUNCTIONS / PAGE_SIZE + MOVED),
        quotaShare: Math.max(...starts.map(mostInOneSecond)) / QUOTA_PER_SECOND,
        time: tookMs / leastTimeMs,
        virtualSeconds: tookMs / 1000,
      },
      aims: { calls: 1.05, quotaShare: 0.2, time: 1.1 },
    };
  });
}

/** Equal functions everywhere, a day old, but for some that were deployed two minutes ago. */
async function deployedWorld(clock: Clock, places: readonly Place[]): Promise<FunctionSource> {
  const latency = new SeededRandom(SEED, 'latency');
  const world = new SimulatedRegions(clock, () => 40 + latency.below(201));
  for (const place of places) {
    for (let id = 0; id < FUNCTIONS; id++) {
      world.deploy(place, `function-${id}`, { environment: { TABLE: `orders-${place.region}-${id}` } });
    }
  }
  await clock.sleep(24 * 3600_000);
  for (const place of places) {
    for (let moved = 0; moved < MOVED; moved++) {
      world.deploy(place, `function-${moved * Math.floor(FUNCTIONS / MOVED)}`, {});
    }
  }
  await clock.sleep(120_000);
  return world;
}

/** Notes when each call of each place begins, in order. */
function recorded(source: FunctionSource, clock: Clock) {
  const starts = new Map<string, number[]>();
  const startsOf = (place: Place): readonly number[] => starts.get(placeId(place)) ?? [];
  const note = (place: Place) => starts.set(placeId(place), [...startsOf(place), clock.now()]);
  const noting: FunctionSource = {
    ownAccount: (place) => source.ownAccount(place),
    list(place, from) {
      note(place);
      return source.list(place, from);
    },
    read(place, name, version) {
      note(place);
      return source.read(place, name, version);
    },
    alias(place, name, alias) {
      note(place);
      return source.alias(place, name, alias);
    },
    tagged(place, filters, from) {
      note(place);
      return source.tagged(place, filters, from);
    },
  };
  return { source: noting, startsOf };
}

/** The most starts in any second, which ends just before the same millisecond of the next. */
function mostInOneSecond(starts: readonly number[]): number {
  return Math.max(
    ...starts.map((start) => starts.filter((other) => other >= start && other < start + 1000).length),
  );
}
