import { describe, expect, it } from 'vitest';
import { claimCosts, costOf, exportCosts, ourCosts, runCostsText } from './run-costs.ts';

describe('what a dedupe costs, as calculated', () => {
  it.each([100_000_000, 1_000_000_000])(
    'is an eighth of a claim for each item at most, and less than an export, at %d items',
    (items) => {
      expect(costOf(ourCosts(items))).toBeLessThan(claimCosts(items) / 8);
      expect(costOf(ourCosts(items))).toBeLessThan(exportCosts(items));
    },
  );

  it('grows as the table does', () => {
    const ratio = costOf(ourCosts(1_000_000_000)) / costOf(ourCosts(100_000_000));
    expect(ratio).toBeGreaterThan(8);
    expect(ratio).toBeLessThan(12);
  });

  it('is told with its prices', () => {
    expect(runCostsText()).toContain('0.125 for 1,000,000 read units');
  });
});
