import { DEMO_REGIONS, DEMO_START, demoWorld } from '../functions/adapters/sim/demo-world.ts';
import { SeededRandom } from '../functions/adapters/sim/seeded-random.ts';
import { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import { type Look, look } from '../functions/app/look.ts';
import { scopeOfConfig } from '../functions/app/scope.ts';
import {
  defineConfig,
  type ParsedConfig,
  parseConfig,
  type RecohereConfig,
} from '../functions/contract/config.ts';
import { playDay } from './demo-day.ts';
import { DEMO_TABLES, type PlayedOrders, playOrders, renderOrders } from './demo-orders.ts';
import { DEMO_SECRETS } from './demo-rotations.ts';
import { episodesOf, type Played } from './demo-stage.ts';
import { EXIT, Failure } from './failure.ts';
import { plural, renderLook, screenOf } from './render.ts';
import { renderDay } from './render-day.ts';
import { REPORT_FILE, writePage } from './report.ts';
import { reportOf } from './scan.ts';

const DEMO_CONFIG = defineConfig({
  hub: { region: 'us-east-1' },
  replicas: DEMO_REGIONS.map((region) => ({ region })),
  functions: [{ select: { name: 'payments' }, qualifier: 'live' }, { select: { name: '*' } }],
});

/**
 * `recohere demo`: the real use cases over simulated regions, first a look, then a day of deploys and rotations; and then over a table
 * that was written twice.
 */
export async function demo({ seed, json = false }: { seed: number; json?: boolean }): Promise<void> {
  const seen = await lookAtDemo(seed);
  const day = await playDemoDay(seed);
  const orders = await playDemoOrders(seed);
  const known = { ...day.overview, runs: orders.progress };
  if (json) {
    const { regions, subjects } = reportOf(seen);
    const { metrics } = day;
    const document = { seed, regions, subjects, episodes: episodesOf(day), metrics, runs: orders.runs };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    return;
  }
  const screen = screenOf(process.stdout);
  process.stdout.write(`Three simulated regions, a day after a deploy (seed ${seed}):\n\n`);
  process.stdout.write(renderLook(seen, screen));
  process.stdout.write('\nA working day of deploys and rotations, watched by their events:\n\n');
  process.stdout.write(renderDay(day, screen));
  process.stdout.write(
    `\nA table of ${plural(orders.items, 'order')}, some of them written twice, on a local server:\n\n`,
  );
  process.stdout.write(renderOrders(orders, screen));
  process.stdout.write(`\nThe same day as a picture: ${await writePage(REPORT_FILE, known)}\n`);
  process.stdout.write(
    '\nOn your own account:\n  npx recohere scan --no-config --regions us-east-1,eu-west-1\n',
  );
}

/** All that the demonstration watches. */
export function demoConfig(): ParsedConfig {
  return parsed({ ...DEMO_CONFIG, secrets: DEMO_SECRETS, tables: DEMO_TABLES });
}

/** The day that the demonstration plays. */
export function playDemoDay(seed: number): Promise<Played> {
  return playDay(
    seed,
    parsed({ ...DEMO_CONFIG, functions: [{ select: { name: '*' } }], secrets: DEMO_SECRETS }),
  );
}

/** The table whose copies the demonstration removes and puts back. */
export function playDemoOrders(seed: number): Promise<PlayedOrders> {
  return playOrders(seed, parsed({ ...DEMO_CONFIG, tables: DEMO_TABLES }));
}

/** The look that the demonstration shows. */
export function lookAtDemo(seed: number): Promise<Look> {
  const scope = scopeOfConfig(parsed(DEMO_CONFIG), {});
  const clock = new VirtualClock(DEMO_START);
  return clock.run(async () => {
    const source = await demoWorld(clock, seed);
    return look({ source, clock, random: new SeededRandom(seed, 'fingerprint key') }, scope, () => {});
  });
}

function parsed(config: RecohereConfig): ParsedConfig {
  const result = parseConfig(config);
  if (!result.ok) throw new Failure(EXIT.usage, result.mistakes.join('\n'));
  return result.config;
}
