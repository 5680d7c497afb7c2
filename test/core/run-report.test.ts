import { describe, expect, it } from 'vitest';
import { NOTHING, type Run, type Tally } from '../../functions/core/run.ts';
import { reportOf } from '../../functions/core/run-report.ts';

const RUN: Run = {
  id: 'r1',
  mode: 'dry-run',
  table: { name: 'orders', region: 'us-east-1' },
  rule: { kind: 'dedupe', key: ['order'], keep: 'oldest', by: 'at', where: {} },
  version: 1,
  state: 'finished',
  phase: 'gather',
  layout: {
    segments: 4,
    totalSegments: 4,
    partitions: 1,
    concurrency: 4,
    readUnitsPerSecond: 1,
    writeUnitsPerSecond: 1,
    maxErrors: 1,
  },
  attempt: 1,
  salt: 'salt',
  startedAt: 1_000,
  keys: ['id'],
  expected: 0,
};
const tally = (counts: Tally['counts'], more: Partial<Tally> = {}): Tally => ({
  ...NOTHING,
  ...more,
  counts,
});

describe('the report of a run', () => {
  it('has zeros for what was not counted', () => {
    expect(reportOf(RUN, 3_000)).toMatchObject({
      scanned: 0,
      duplicates: 0,
      removed: 0,
      restored: 0,
      verified: 0,
      counts: {},
      skipped: {},
      problems: [],
      costUsd: 0,
      durationMs: 2_000,
    });
  });

  it('has what was counted, and what it cost at list prices', () => {
    const counted = tally({ scanned: 10, groups: 2 }, { readUnits: 8_000_000, writeUnits: 1_600_000 });
    const run: Run = {
      ...RUN,
      endedAt: 1_500,
      of: 'r0',
      proofRoot: 'root',
      failure: { code: 'NO_SUCH_TABLE' },
      problems: [{ reason: 'BY_MISSING', key: 'k' }],
      tally: counted,
    };
    expect(reportOf(run, 9_000)).toMatchObject({
      of: 'r0',
      scanned: 10,
      counts: { groups: 2 },
      costUsd: 2,
      durationMs: 500,
      proofRoot: 'root',
      failure: { code: 'NO_SUCH_TABLE' },
      problems: [{ reason: 'BY_MISSING', key: 'k' }],
    });
  });

  it('of a sample says what the whole is thought to have', () => {
    const sample: Run = { ...RUN, layout: { ...RUN.layout, totalSegments: 40 } };
    const { estimate } = reportOf(sample, 0, tally({ scanned: 100, duplicates: 9 }, { readUnits: 5 }));
    expect(estimate).toMatchObject({ share: 0.1, items: 1_000, readUnits: 50, duplicates: { likely: 900 } });
    // the exact bounds of a Poisson count of 9 are 4.115 and 17.085
    expect(estimate?.duplicates?.least).toBeGreaterThan(405);
    expect(estimate?.duplicates?.least).toBeLessThan(418);
    expect(estimate?.duplicates?.most).toBeGreaterThan(1_700);
    expect(estimate?.duplicates?.most).toBeLessThan(1_720);
  });

  it('of a sample without any duplicate bounds what may be there', () => {
    const sample: Run = { ...RUN, layout: { ...RUN.layout, totalSegments: 40 } };
    const { duplicates } = reportOf(sample, 0).estimate ?? {};
    expect(duplicates).toMatchObject({ likely: 0, least: 0 });
    expect(duplicates?.most).toBeGreaterThan(360);
  });

  it('of a sample of a backfill estimates no duplicates', () => {
    const rule = { kind: 'backfill', to: 'orders-v2' } as const;
    const sample: Run = { ...RUN, rule, layout: { ...RUN.layout, totalSegments: 8 } };
    expect(reportOf(sample, 0).estimate).not.toHaveProperty('duplicates');
  });
});
