import { DEMO_REGIONS, DEMO_START, demoWorld } from '../functions/adapters/sim/demo-world.ts';
import { SeededRandom } from '../functions/adapters/sim/seeded-random.ts';
import { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import { type Look, look } from '../functions/app/look.ts';
import { scopeOfConfig } from '../functions/app/scope.ts';
import { defineConfig, parseConfig } from '../functions/contract/config.ts';
import { EXIT, Failure } from './failure.ts';
import { renderLook, screenOf } from './render.ts';
import { reportOf } from './scan.ts';

const DEMO_CONFIG = defineConfig({
  hub: { region: 'us-east-1' },
  replicas: DEMO_REGIONS.map((region) => ({ region })),
  functions: [{ select: { name: 'payments' }, qualifier: 'live' }, { select: { name: '*' } }],
});

/** `recohere demo`: the real use case over simulated regions. */
export async function demo({ seed, json = false }: { seed: number; json?: boolean }): Promise<void> {
  const seen = await lookAtDemo(seed);
  if (json) {
    const { regions, subjects } = reportOf(seen);
    process.stdout.write(`${JSON.stringify({ seed, regions, subjects }, null, 2)}\n`);
    return;
  }
  process.stdout.write(`Three simulated regions, a day after a deploy (seed ${seed}):\n\n`);
  process.stdout.write(renderLook(seen, screenOf(process.stdout)));
  process.stdout.write(
    '\nOn your own account: npx recohere scan --no-config --regions us-east-1,eu-west-1\n',
  );
}

/** The look that the demonstration shows. */
export function lookAtDemo(seed: number): Promise<Look> {
  const parsed = parseConfig(DEMO_CONFIG);
  if (!parsed.ok) throw new Failure(EXIT.usage, parsed.mistakes.join('\n'));
  const scope = scopeOfConfig(parsed.config, {});
  const clock = new VirtualClock(DEMO_START);
  return clock.run(async () => {
    const source = await demoWorld(clock, seed);
    return look({ source, clock, random: new SeededRandom(seed, 'fingerprint key') }, scope, () => {});
  });
}
