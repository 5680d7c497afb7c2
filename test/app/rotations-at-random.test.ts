import { describe, expect, it } from 'vitest';
import { itemOfState, stateOfItem } from '../../functions/adapters/aws/ledger-item.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import type { ClosedEpisode } from '../../functions/core/episode.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { placeId } from '../../functions/core/place.ts';
import { DB, HOUR, MINUTE, SECOND, system } from './secret-system.ts';
import { AP, EU, PLACES, US } from './simulated.ts';

/** Each is a day of its own; a failing one is repeated by its number. */
const SEEDS = Array.from({ length: 12 }, (_, index) => index + 1);
const STEPS = 25;
const CONSUMER = 'checkout-api';
const PROCESSES = ['p1', 'p2'];

/** What was in each place, as the world knows it. */
interface Truth {
  readonly at: number;
  readonly versions: readonly (string | undefined)[];
}

/**
 * Lets labels move, replicas lag, get stuck, lie, fail and heal, events get lost, late and repeated, reads be refused, and consumers
 * report and answer as they like, while sweeps go on.
 * @returns what the deployed system said that was not so
 */
async function play(seed: number, isProbed: boolean): Promise<string[]> {
  const random = new SeededRandom(seed, 'rotations', String(isProbed));
  const chance = (percent: number) => random.below(100) < percent;
  const wrong: string[] = [];
  const cacheSeconds = random.pick([0, 10, 60, 300]);
  const consumers = chance(30) ? [] : [{ name: CONSUMER, cacheSeconds, ...(isProbed && { probe: 'probe' }) }];
  const { clock, world, ledger, run, told, sweep, drained, ...own } = system(
    [{ name: DB, consumers }],
    {},
    (place) => place,
    {
      lagMs: () => 500 + random.below(20 * SECOND),
      callMs: () => 10 + random.below(400),
      probeMs: () => 50 + random.below(14 * SECOND),
    },
  );
  own.consumers.add({ name: CONSUMER, secret: DB, cacheMs: cacheSeconds * SECOND });
  const denied = new Set<string>();
  world.inject('describe', ({ region }) => {
    if (denied.has(region)) throw new RefusedError({ code: chance(50) ? 'THROTTLED' : 'ACCESS_DENIED' });
  });

  const truth: Truth[] = [];
  const remember = () =>
    truth.push({ at: clock.now(), versions: PLACES.map((place) => world.valueOf(place, DB)) });
  const judge = (closed: ClosedEpisode) => {
    const { outcome, rotation, closedAt, cause } = closed;
    for (const { hop, replica, state, at } of rotation?.hops ?? []) {
      if ((state === 'agreed') !== (at !== null)) wrong.push(`hop ${hop} ${replica} is ${state} at ${at}`);
      if (outcome === 'forward' && at !== null && at < cause.at)
        wrong.push(`hop ${hop} ${replica} was before its cause`);
    }
    const times = [closed.timeToDetectMs, closed.convergenceMs, closed.exposureMs, closed.resolutionMs];
    if (times.some((ms) => ms < 0)) wrong.push(`times of ${outcome}: ${times}`);
    const isSo = truth.some(
      ({ at, versions }) => at >= closedAt - 1 && versions.every((each) => each === rotation?.versionId),
    );
    if (!isSo && (outcome === 'forward' || outcome === 'rolled-back'))
      wrong.push(`${outcome} to ${rotation?.versionId}`);
  };
  const { swap } = ledger;
  ledger.swap = async (next) => {
    const before = await ledger.read(DB);
    const isWritten = await swap.call(ledger, next);
    remember();
    if (!isWritten) return false;
    if (JSON.stringify({ ...before, version: next.version }) === JSON.stringify(next))
      wrong.push('a write of nothing new');
    stateOfItem(itemOfState('secret', next, 'swap'));
    if (next.last && next.last.id !== before.last?.id) judge(next.last);
    return true;
  };

  let isOver = false;
  const every = async (ms: number, act: () => unknown) => {
    for (; !isOver; await clock.sleep(ms)) await act();
  };
  const events: Promise<void>[] = [];
  const tell = () => {
    const at = clock.now();
    const copies = chance(15) ? 0 : 1 + random.below(3);
    for (let copy = 0; copy < copies; copy++) {
      const late = random.below(chance(20) ? 10 * MINUTE : 3 * SECOND);
      events.push(clock.sleep(late).then(() => told(DB, at)));
    }
  };
  const versions = ['v1'];
  const acts: readonly (() => void)[] = [
    () => {
      versions.push(`v${versions.length + 1}`);
      world.rotate(US, DB, versions.at(-1) ?? '');
      tell();
    },
    () => {
      world.move(US, DB, random.pick(versions));
      tell();
    },
    () =>
      world.follow(
        random.pick([EU, AP]),
        DB,
        random.pick(['stuck', 'failed', 'lying', 'overtaking'] as const),
      ),
    () => world.heal(random.pick([EU, AP]), DB),
    () => denied.add(random.pick(PLACES).region),
    () => denied.clear(),
    () =>
      own.consumers.behave(
        random.pick(PLACES),
        'probe',
        random.pick(['loads', 'fails', 'is silent', { claims: 'never' }]),
      ),
    tell,
  ];
  await run(async () => {
    const living = [
      every(100, remember),
      every(5 * MINUTE, sweep),
      every(10 * SECOND, () => {
        for (const place of PLACES) {
          for (const process of PROCESSES) if (chance(50)) own.consumers.use(place, CONSUMER, process);
        }
      }),
    ];
    for (let step = 0; step < STEPS; step++) {
      random.pick(acts)();
      await clock.sleep(random.below(chance(50) ? 20 * SECOND : 8 * MINUTE));
    }
    denied.clear();
    await clock.sleep(66 * MINUTE); // a sweep over all has been since
    const isDiverged = new Set(PLACES.map((place) => world.valueOf(place, DB))).size > 1;
    if (isDiverged && !(await ledger.read(DB)).open) wrong.push('a divergence was missed');

    for (const place of [EU, AP]) world.heal(place, DB);
    for (const place of PLACES) own.consumers.behave(place, 'probe', 'loads');
    await clock.sleep(2 * HOUR);
    const { open, agreed } = await ledger.read(DB);
    if (open) wrong.push(`an episode never closed: ${JSON.stringify(open.findings)}`);
    const current = `v1:${world.valueOf(US, DB)}`;
    if (PLACES.some((place) => agreed?.roots[placeId(place)]?.version !== current))
      wrong.push('agreed on another version');
    isOver = true;
    await Promise.all([...living, ...events]);
    await drained();
  });
  return wrong;
}

describe('rotations at random', () => {
  it.each(SEEDS)('are never called what they are not, and none is missed (seed %i)', async (seed) => {
    expect(await play(seed, false)).toEqual([]);
    expect(await play(seed, true)).toEqual([]);
  });
});
