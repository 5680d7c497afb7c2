import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { playScaleDay } from '../../bench/scale-day.ts';
import { FULL_SIZE, figuresOf, scaleTable, withTable } from '../../bench/scale-table.ts';

const SMALL = { functions: 60, regions: 6, hours: 2, deploys: 40, seed: 1 };

describe('a day of deploys, made smaller', () => {
  it('finds every deploy and every region that was left out, and takes no more than its share', async () => {
    const day = await playScaleDay(SMALL);
    const figures = figuresOf(SMALL, day);
    expect(day.deploys).toHaveLength(SMALL.deploys);
    expect(day.lostEvents).toBeGreaterThan(0);
    expect(figures.undetected).toBe(0);
    expect(figures.partial.length).toBeGreaterThan(0);
    expect(figures.found).toEqual(figures.partial);
    expect(figures.mistaken).toBe(0);
    expect(day.sweeps.filter(({ what, left }) => what !== 'all' || left > 0)).toEqual([]);
    expect(figures.meanShare).toBeGreaterThan(0);
    expect(figures.peakShare.two).toBeLessThanOrEqual(1 / 5);
    expect(day.quota.refused).toEqual({ own: 0, deploys: 0 });
    expect([day.deadLetters, day.warnings]).toEqual([0, []]);
  });

  it('is the same for the same seed, and another for another', async () => {
    const tableOf = async (seed: number) => scaleTable(SMALL, await playScaleDay({ ...SMALL, seed }));
    const [one, again, other] = [await tableOf(1), await tableOf(1), await tableOf(2)];
    expect(again).toBe(one);
    expect(other).not.toBe(one);
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
