import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type PlayedDay, playScaleDay } from '../../bench/scale-day.ts';
import { scaleFlags } from '../../bench/scale-flags.ts';
import { FULL_SIZE, figuresOf, scaleTable, withTable, wrongOf } from '../../bench/scale-table.ts';
import { endingAs } from './ending-as.ts';

const SMALL = { functions: 60, regions: 6, hours: 2, deploys: 40, seed: 1 };

describe('a day of deploys, made smaller', () => {
  it('finds every deploy and every region that was left out, and takes no more than its share', async () => {
    const day = await playScaleDay(SMALL);
    const figures = figuresOf(SMALL, day);
    expect(day.deploys).toHaveLength(SMALL.deploys);
    expect(day.lostEvents).toBeGreaterThan(0);
    expect(figures.partial.length).toBeGreaterThan(0);
    expect(figures.found).toEqual(figures.partial);
    expect(day.sweeps.length).toBeGreaterThan(0);
    expect(figures.meanShare).toBeGreaterThan(0);
    expect(wrongOf(SMALL, day)).toEqual([]);
  });

  it('is the same for the same seed, and another for another', async () => {
    const tableOf = async (seed: number) => scaleTable(SMALL, await playScaleDay({ ...SMALL, seed }));
    const [one, again, other] = [await tableOf(1), await tableOf(1), await tableOf(2)];
    expect(again).toBe(one);
    expect(other).not.toBe(one);
  });
});

describe('what is wrong in a day', () => {
  const unseen = { subject: 'cart', left: undefined, firstAt: 0, isTold: true, lastAt: 1 };
  const deploy = { ...unseen, detectedAt: 1 };
  const size = { ...SMALL, deploys: 1 };
  const well: PlayedDay = {
    deploys: [deploy],
    events: 6,
    lostEvents: 0,
    sweeps: [{ what: 'functions', left: 0, ahead: 0, ms: 1 }],
    quota: {
      peak: { one: 1, two: 1 },
      calls: { own: 1, deploys: 1 },
      refused: { own: 0, deploys: 0 },
    },
    waitsMs: [],
    deadLetters: 0,
    warnings: [],
  };
  const { quota } = well;

  it.each<{ reason: string; changed: Partial<PlayedDay>; wrong: string[] }>([
    { reason: 'nothing', changed: {}, wrong: [] },
    { reason: 'nobody has deployed', changed: { deploys: [] }, wrong: ['0 deploys instead of 1'] },
    {
      reason: 'a deploy was seen by nobody',
      changed: { deploys: [unseen] },
      wrong: ['1 deploys not detected'],
    },
    {
      reason: 'a region was left out, and nobody said so',
      changed: { deploys: [{ ...deploy, left: 'eu-west-1' }] },
      wrong: ['1 partial deploys not found'],
    },
    {
      reason: 'a deploy to all regions was called partial',
      changed: { deploys: [{ ...deploy, overdueAt: 2 }] },
      wrong: ['1 others taken for one'],
    },
    {
      reason: 'calls were refused, ours and those of the deploys',
      changed: { quota: { ...quota, refused: { own: 1, deploys: 2 } } },
      wrong: ['3 calls refused'],
    },
    {
      reason: 'we called seven times in two seconds',
      changed: { quota: { ...quota, peak: { one: 4, two: 7 } } },
      wrong: ['more calls in two seconds than our share'],
    },
    {
      reason: 'a sweep had no time for all, and one did not begin',
      changed: {
        sweeps: [
          { what: 'functions', left: 1, ahead: 0, ms: 1 },
          { what: 'busy', left: 0, ahead: 0, ms: 1 },
        ],
      },
      wrong: ['2 sweeps that did not look at all'],
    },
    { reason: 'a message was given up', changed: { deadLetters: 1 }, wrong: ['1 dead letters'] },
    { reason: 'somebody was warned', changed: { warnings: ['slow'] }, wrong: ['1 warnings'] },
  ])('is told: $reason', ({ changed, wrong }) => {
    expect(wrongOf(size, { ...well, ...changed })).toEqual(wrong);
  });
});

describe('the arguments of a day', () => {
  const sized = ['--functions', '60', '--regions', '6', '--hours', '2', '--deploys', '40'];

  it.each([
    { reason: 'the full size', args: [], flags: { size: FULL_SIZE, write: false } },
    { reason: 'the full size, written', args: ['--write'], flags: { size: FULL_SIZE, write: true } },
    { reason: 'a small size', args: sized, flags: { size: SMALL, write: false } },
  ])('are taken: $reason', ({ args, flags }) => {
    expect(scaleFlags(args)).toEqual(flags);
  });

  it.each([
    { reason: 'no number of functions', args: ['--functions', 'abc'] },
    { reason: 'no number of deploys', args: ['--deploys', 'x'] },
    { reason: 'no deploys', args: ['--deploys', '0'] },
    { reason: 'more deploys than functions', args: ['--functions', '10', '--deploys', '11'] },
    { reason: 'more regions than there are', args: ['--regions', '31'] },
    { reason: 'no other region that could be left out', args: ['--regions', '1'] },
    { reason: 'no time to deploy', args: ['--hours', '1'] },
    { reason: 'a part of an hour', args: ['--hours', '2.5'] },
    { reason: 'a seed that cannot be counted', args: ['--seed', '1e400'] },
    { reason: 'a small size, written', args: [...sized, '--write'] },
    { reason: 'another seed, written', args: ['--seed', '2', '--write'] },
    { reason: 'an option that is not there', args: ['--function', '10'] },
  ])('are refused: $reason', ({ args }) => {
    const { code, lines } = endingAs(() => scaleFlags(args));
    expect(code).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^error: /);
  });
});

describe('the README', () => {
  it('shows the day in its full size, and how to play it', () => {
    const readme = readFileSync('README.md', 'utf8');
    const { functions, regions, hours, deploys, seed } = FULL_SIZE;
    expect(readme).not.toBe(withTable(readme, ''));
    expect(readme).toContain(
      `| ${functions.toLocaleString('en-US')} functions in ${regions} regions, for ${hours} hours |`,
    );
    expect(readme).toContain(`| ${deploys.toLocaleString('en-US')}, each to one region`);
    expect(readme).toContain(`npm run scale -- --seed ${seed}`);
  });
});
