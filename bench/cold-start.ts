import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import bundles from '../rolldown.config.ts';
import { type Measured, median } from './measure.ts';

const ROUNDS = 25;
const WARM_UPS = 2;

/** Takes the time of one import in a process of its own, whose start is not counted. */
const IMPORT =
  'const t = performance.now(); await import(process.argv[1]); console.log(performance.now() - t);';

/**
 * What a cold start of verify-deploy pays for its code:
 * - `ratio`: the import of its bundle, compared with that of a bundle which holds its SDK clients alone.
 * - `kilobytes`: the size of its bundle, in thousands of bytes.
 */
export async function measureColdStart(): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'recohere-bench-'));
  try {
    const own = join(folder, 'own.mjs');
    const clients = join(folder, 'clients.mjs');
    await bundle('functions/verify-deploy/handler.ts', own);
    await bundle('bench/sdk-clients.ts', clients);
    const ratios: number[] = [];
    const millis: number[] = [];
    for (let round = -WARM_UPS; round < ROUNDS; round++) {
      const clientsMillis = importMillis(clients);
      const ownMillis = importMillis(own);
      if (round < 0) continue;
      ratios.push(ownMillis / clientsMillis);
      millis.push(ownMillis);
    }
    return {
      values: { ratio: median(ratios), millis: median(millis), kilobytes: statSync(own).size / 1000 },
      aims: { ratio: 1.25, kilobytes: 500 },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** As the deployed functions are bundled. */
async function bundle(input: string, file: string): Promise<void> {
  const [options] = bundles;
  if (options === undefined) throw new Error('no function is bundled');
  const built = await rolldown({ ...options, input });
  await built.write({ ...options.output, file });
  await built.close();
}

function importMillis(file: string): number {
  const args = ['--input-type=module', '--eval', IMPORT, pathToFileURL(file).href];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}
