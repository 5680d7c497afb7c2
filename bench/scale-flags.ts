import { commandNamed, SEED_MAX, wholeNumber } from './command.ts';
import { REGIONS, type ScaleSize } from './scale-day.ts';
import { FULL_SIZE, SIZE_NAMES } from './scale-table.ts';

/** At least two regions, since one may be left out, and more than the last hour; at most what memory and names have room for, and a week. */
const SIZES: Readonly<Record<keyof ScaleSize, readonly [meaning: string, min: number, max: number]>> = {
  functions: ['how many are watched', 1, 100_000],
  regions: ['how many each function is in', 2, REGIONS.length],
  hours: ['how long the day is', 2, 168],
  deploys: ['how many functions are deployed', 1, 100_000],
  seed: ['another day of the same size', 1, SEED_MAX],
};

/** Reads the arguments of `npm run scale`; what is wrong ends the process. */
export function scaleFlags(args: readonly string[]): { readonly size: ScaleSize; readonly write: boolean } {
  const command = commandNamed('scale')
    .description('play a day of deploys under the quotas of AWS, and say when each was detected')
    .option('--write', 'put what it came to into README.md; of the full size alone', false)
    .addHelpText(
      'after',
      `
Exit codes:
  0  all was detected, within our share of the quota
  1  it was not, or something went wrong: what is printed
  2  the command is wrong`,
    );
  for (const name of SIZE_NAMES) {
    const [meaning, min, max] = SIZES[name];
    command.option(`--${name} <n>`, meaning, wholeNumber(min, max), FULL_SIZE[name]);
  }
  const { write, ...size } = command.parse(args, { from: 'user' }).opts<ScaleSize & { write: boolean }>();
  const { deploys, functions } = size;
  if (deploys > functions) {
    command.error(`error: ${deploys} deploys of ${functions} functions: each is deployed once at most`);
  }
  if (write && SIZE_NAMES.some((name) => size[name] !== FULL_SIZE[name])) {
    command.error('error: --write is for the full size alone');
  }
  return { size, write };
}
