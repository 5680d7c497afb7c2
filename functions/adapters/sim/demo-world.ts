import type { Place } from '../../core/place.ts';
import { SeededRandom } from './seeded-random.ts';
import { type SimulatedFunction, SimulatedRegions } from './simulated-regions.ts';
import type { VirtualClock } from './virtual-clock.ts';

export const DEMO_REGIONS = ['us-east-1', 'eu-west-1', 'ap-southeast-2'] as const;

/** Monday morning, when the regions of the demonstration are first deployed to. */
export const DEMO_START = Date.UTC(2026, 0, 5, 9);

const DAY_MS = 24 * 3600_000;
const SETTINGS = {
  Architectures: 'arm64',
  Handler: 'index.handler',
  MemorySize: '256',
  Runtime: 'nodejs24.x',
  Timeout: '10',
};

/**
 * Three regions a day after a deploy, with the cases that matter: each function shows one. The seed chooses which region
 * is the odd one of each case, and how long calls take.
 */
export async function demoWorld(clock: VirtualClock, seed: number): Promise<SimulatedRegions> {
  const places: Place[] = DEMO_REGIONS.map((region) => ({ region }));
  const odd = (subject: string) => new SeededRandom(seed, 'odd region', subject).pick(places);
  const latency = new SeededRandom(seed, 'latency');
  const world = new SimulatedRegions(clock, () => 40 + latency.below(200));

  const deploy = (name: string, change: (place: Place) => SimulatedFunction) => {
    for (const place of places)
      world.deploy(place, name, { settings: SETTINGS, code: `${name}-1`, ...change(place) });
  };
  const everywhere = (environment: Record<string, string>) => () => ({ environment });

  deploy('cart', everywhere({ CURRENCY: 'euro', MAX_ITEMS: 'fifty' }));

  const slow = odd('checkout-api');
  deploy('checkout-api', (place) => ({
    environment: { LOG_LEVEL: 'verbose', PAYMENT_TIMEOUT: place === slow ? 'PT30S' : 'PT3S' },
  }));

  const behind = odd('inventory-sync');
  deploy('inventory-sync', (place) => ({
    environment: { BATCH: 'small', ...(place !== behind && { FEATURE_RESERVE: 'enabled' }) },
  }));

  deploy('orders-worker', ({ region }) => ({
    environment: {
      TABLE_ARN: `arn:aws:dynamodb:${region}:111111111111:table/orders`,
      QUEUE_URL: `https://sqs.${region}.amazonaws.com/111111111111/orders`,
    },
  }));

  deploy('session-store', everywhere({ PRIMARY_REGION: 'us-east-1', TTL: 'PT15M' }));

  const lagging = odd('payments');
  deploy('payments', everywhere({ RATE_LIMIT: '100/min' }));
  for (const place of places) {
    const version = world.publish(place, 'payments');
    world.point(place, 'payments', 'live', { version, weighted: false });
  }
  for (const place of places) {
    world.deploy(place, 'payments', { code: 'payments-2', environment: { RATE_LIMIT: '250/min' } });
    const version = world.publish(place, 'payments');
    if (place !== lagging) world.point(place, 'payments', 'live', { version, weighted: false });
  }

  const locked = odd('invoice-mailer');
  deploy('invoice-mailer', (place) => ({
    environment: { SENDER: 'billing@example.com' },
    undecryptable: place === locked,
  }));

  deploy('search-indexer', everywhere({ SHARDS: 'four' }));
  world.remove(odd('search-indexer'), 'search-indexer');

  deploy('pricing', everywhere({ RATES: 'spring' }));
  await clock.sleep(DAY_MS);
  world.deploy(odd('pricing'), 'pricing', { environment: { RATES: 'summer' }, updateMs: 60_000 });
  await clock.sleep(5_000);
  return world;
}
