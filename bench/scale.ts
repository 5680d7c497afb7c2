import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { playScaleDay } from './scale-day.ts';
import { FULL_SIZE, figuresOf, scaleTable, withTable } from './scale-table.ts';

/** Of Lambda's quota, which the deploys share. */
const SHARE_MAX = 1 / 5;

const number = (fallback: number) => ({ type: 'string', default: `${fallback}` }) as const;
const { values } = parseArgs({
  options: {
    functions: number(FULL_SIZE.functions),
    regions: number(FULL_SIZE.regions),
    hours: number(FULL_SIZE.hours),
    deploys: number(FULL_SIZE.deploys),
    seed: number(FULL_SIZE.seed),
    write: { type: 'boolean', default: false },
  },
});
const size = {
  functions: Number(values.functions),
  regions: Number(values.regions),
  hours: Number(values.hours),
  deploys: Number(values.deploys),
  seed: Number(values.seed),
};

const day = await playScaleDay(size);
const table = scaleTable(size, day);
process.stdout.write(table);
const seconds = Math.round(performance.now() / 1000);
process.stderr.write(`${seconds} s, ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB at most\n`);
if (values.write) writeFileSync('README.md', withTable(readFileSync('README.md', 'utf8'), table));
const { partial, found, undetected, peakShare } = figuresOf(size, day);
const isWell = partial.length === found.length && undetected === 0 && peakShare.two <= SHARE_MAX;
if (!isWell) process.exitCode = 1;
