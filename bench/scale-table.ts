import { markdownTable } from '../test/lib/markdown-table.ts';
import type { PlayedDay, PlayedDeploy, ScaleSize } from './scale-day.ts';
import { QUOTA } from './scale-ground.ts';

/** The size that the README speaks of. */
export const FULL_SIZE: ScaleSize = { functions: 10_000, regions: 30, hours: 24, deploys: 2_000, seed: 1 };

/** What a size consists of. */
export const SIZE_NAMES = ['functions', 'regions', 'hours', 'deploys', 'seed'] as const;

/** Of Lambda's quota, which the deploys share. */
const SHARE_MAX = 1 / 5;

/** What a day came to. Shares are of Lambda's quota in a region, from 0 to 1. */
export interface ScaleFigures {
  /** Deploys that left a region out, and those of them that were called partial. */
  readonly partial: readonly PlayedDeploy[];
  readonly found: readonly PlayedDeploy[];
  /** Others that were called partial. */
  readonly mistaken: number;
  readonly undetected: number;
  /** Sweeps that did not look at all functions. */
  readonly unfinished: number;
  readonly meanShare: number;
  readonly peakShare: { readonly one: number; readonly two: number };
}

export function figuresOf(
  { regions, hours }: ScaleSize,
  { deploys, sweeps, quota: { calls, peak } }: PlayedDay,
): ScaleFigures {
  const partial = deploys.filter(({ left }) => left !== undefined);
  const isFound = ({ overdueAt }: PlayedDeploy) => overdueAt !== undefined;
  return {
    partial,
    found: partial.filter(isFound),
    mistaken: deploys.filter(({ left }) => left === undefined).filter(isFound).length,
    undetected: deploys.filter(({ detectedAt }) => detectedAt === undefined).length,
    unfinished: sweeps.filter(({ what, left }) => left > 0 || (what !== 'all' && what !== 'functions'))
      .length,
    meanShare: calls.own / (regions * hours * 3600 * QUOTA),
    peakShare: { one: peak.one / QUOTA, two: peak.two / (2 * QUOTA) },
  };
}

/** What should not have been in a day, a few words each; none if all is well. */
export function wrongOf(size: ScaleSize, day: PlayedDay): readonly string[] {
  const { partial, found, mistaken, undetected, unfinished, peakShare } = figuresOf(size, day);
  const { own, deploys } = day.quota.refused;
  const wrong: Readonly<Record<string, boolean>> = {
    [`${day.deploys.length} deploys instead of ${size.deploys}`]: day.deploys.length !== size.deploys,
    [`${undetected} deploys not detected`]: undetected > 0,
    [`${partial.length - found.length} partial deploys not found`]: found.length < partial.length,
    [`${mistaken} others taken for one`]: mistaken > 0,
    [`${own + deploys} calls refused`]: own + deploys > 0,
    'more calls in two seconds than our share': !(peakShare.two <= SHARE_MAX),
    [`${unfinished} sweeps that did not look at all`]: unfinished > 0,
    [`${day.deadLetters} dead letters`]: day.deadLetters > 0,
    [`${day.warnings.length} warnings`]: day.warnings.length > 0,
  };
  return Object.keys(wrong).filter((words) => wrong[words]);
}

/** The table of the README. */
export function scaleTable(size: ScaleSize, day: PlayedDay): string {
  const { deploys, events, lostEvents, sweeps, quota, waitsMs } = day;
  const { partial, found, mistaken, undetected, unfinished, meanShare, peakShare } = figuresOf(size, day);
  const detectedMs = (isTold: boolean) =>
    deploys
      .filter((deploy) => deploy.isTold === isTold)
      .flatMap(({ detectedAt, firstAt }) => (detectedAt === undefined ? [] : [detectedAt - firstAt]));
  const foundMs = found.flatMap(({ overdueAt, lastAt }) =>
    overdueAt === undefined ? [] : [overdueAt - lastAt],
  );
  const options = SIZE_NAMES.filter((name) => size[name] !== FULL_SIZE[name] || name === 'seed').map(
    (name) => `--${name} ${size[name]}`,
  );
  return markdownTable(
    ['', ''],
    [
      ['watched', `${count(size.functions)} functions in ${size.regions} regions, for ${size.hours} hours`],
      ['deploys', `${count(deploys.length)}, each to one region, then to a third, then to the rest`],
      ['events', `${count(events)}, of which ${count(lostEvents)} were lost`],
      [
        'time to detect a deploy whose first event came',
        `${percentilesOf(detectedMs(true))}; ${undetected} were not detected`,
      ],
      ['… whose first event was lost', percentilesOf(detectedMs(false))],
      [
        'deploys that left a region out',
        `${partial.length}, of which ${found.length} were found; ${mistaken} others were taken for one`,
      ],
      ['from their last change, with a deadline of 5 minutes', percentilesOf(foundMs)],
      ['messages waited for', `${percentilesOf(waitsMs)}, ${count(waitsMs.length)} of them`],
      [
        'sweeps',
        `${sweeps.length}, of which ${sweeps.length - unfinished} looked at all; ${percentilesOf(sweeps.map(({ ms }) => ms))}`,
      ],
      [
        "share of Lambda's quota in a region",
        `mean ${percent(meanShare)}; at most ${percent(peakShare.two)} in any two seconds, ${percent(peakShare.one)} in any one`,
      ],
      ['calls refused', `${quota.refused.own} of ours, ${quota.refused.deploys} of the deploys`],
      ['command', `\`npm run scale -- ${options.join(' ')}\``],
    ],
  );
}

/** The README with the table in its block. */
export function withTable(readme: string, table: string): string {
  return readme.replace(
    /(<!-- scale -->\n).*?(<!-- \/scale -->)/s,
    (_all, begin, end) => `${begin}${table}${end}`,
  );
}

function percentilesOf(timesMs: readonly number[]): string {
  if (timesMs.length === 0) return 'none';
  const sorted = timesMs.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.ceil(share * sorted.length) - 1] ?? 0) / 1000);
  return `p50 ${at(0.5)} s, p95 ${at(0.95)} s, p99 ${at(0.99)} s`;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
