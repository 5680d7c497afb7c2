import { describe, expect, it } from 'vitest';
import { commandText, progressText, renderAudit, renderReports, renderRuns } from '../../bin/render-run.ts';
import type { ReportedRun, ReportedStatus } from '../../functions/adapters/aws/reconcile-client.ts';
import { BACKFILL_SKIPS } from '../../functions/core/backfill.ts';
import { GROUP_SKIPS } from '../../functions/core/dedupe.ts';
import { COUNTS, ITEM_SKIPS } from '../../functions/core/run.ts';

const TERMINAL = { colors: false, width: 80 };
const PIPE = { colors: false, width: Number.POSITIVE_INFINITY };
const ESCAPE = String.fromCharCode(27);
/** As long as one can be. */
const ID = `backfill-apply-${'t'.repeat(16)}-${'k'.repeat(24)}-0a1b2c`;

const RUN: ReportedStatus = {
  id: 'dedupe-dry-orders-20260105t180000-9dfd-c7135b',
  kind: 'dedupe',
  mode: 'dry-run',
  state: 'finished',
  table: 'orders',
  scanned: 20_000,
  duplicates: 199,
  removed: 0,
  restored: 0,
  verified: 0,
  counts: {},
  skipped: {},
  problems: [],
  readUnits: 248.5,
  writeUnits: 0,
  costUsd: 248.5 * 0.125e-6,
  durationMs: 4_600,
  phase: 'gather',
  progress: { done: 1, of: 1 },
};

const shown = (run: Partial<ReportedStatus>, screen = TERMINAL) =>
  renderReports([{ ...RUN, ...run }], screen);
const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

describe('a report', () => {
  it('has counts, units, cost and the prices that say so', () => {
    expect(shown({ counts: { groups: 190 } })).toBe(`dry-run of dedupe · orders · finished in 5s
dedupe-dry-orders-20260105t180000-9dfd-c7135b

COUNT        ITEMS
scanned     20,000  were read
groups         190  sets of copies were found
duplicates     199  are copies that an apply would remove

248.5 read and 0 write units: less than 0.0001 USD

Costs are those of on-demand tables by the list prices of us-east-1: 0.125 USD
  for a million read units, 0.625 USD for a million write units.
`);
  });

  it('shows what was asked for, though it is 0', () => {
    expect(shown({ duplicates: 0 })).toMatch(/^duplicates +0 /m);
    expect(shown({ mode: 'undo' })).toMatch(/^restored +0 /m);
    expect(shown({ kind: 'backfill' })).toMatch(/^missing +0 /m);
  });

  it.each([
    { costUsd: 0, words: '0.00 USD' },
    { costUsd: 0.00001, words: 'less than 0.0001 USD' },
    { costUsd: 0.0234, words: '0.0234 USD' },
    { costUsd: 12.345, words: '12.35 USD' },
  ])('says that $costUsd is $words', ({ costUsd, words }) => {
    expect(shown({ costUsd })).toContain(`write units: ${words}\n`);
  });

  it('names the first items that were left alone, and how many more there are', () => {
    const problems = Array.from({ length: 100 }, (_, at) => ({
      reason: 'GONE',
      key: `${at}`.padStart(32, '0'),
    }));
    const text = shown({ skipped: { GONE: 1_200 }, problems });
    expect(text).toMatch(/^GONE +1,200 {2}it is not there any more$/m);
    expect(text.match(/^GONE {4}0\d+$/gm)).toHaveLength(10);
    expect(text).toContain('\n… and 1,190 more\n');
    const keys = problems.map(({ reason }) => ({ reason, key: '{"id":{"S":"x"}}' }));
    expect(shown({ skipped: { GONE: 100 }, problems, keys })).toContain('\nREASON  KEY\n');
    expect(shown({ skipped: { GONE: 100 }, problems: [] })).not.toContain('REASON');
  });

  it('says why a run failed, and not when, which nobody knows', () => {
    const text = (code: string, permission?: string) =>
      shown({ state: 'failed', failure: { code, permission } });
    expect(text('ACCESS_DENIED', 'dynamodb:Scan')).toContain('orders · failed\n');
    expect(text('ACCESS_DENIED', 'dynamodb:Scan')).toContain(
      'access denied: missing permission dynamodb:Scan',
    );
    expect(text('TOO_MANY_ERRORS')).toContain('more items than maxErrors (TOO_MANY_ERRORS)');
    expect(text('SOMETHING_NEW')).toContain('failed · SOMETHING_NEW\n');
  });

  it('shows nothing that a terminal would obey, of names of what is counted either', () => {
    const odd = `${ESCAPE}[31mred`;
    const told = {
      id: odd,
      failure: { code: odd },
      counts: { [odd]: 1 },
      problems: [{ reason: odd, key: odd }],
    };
    const screens = renderRuns([{ ...RUN, ...told }], TERMINAL);
    const audit = { run: odd, proofs: 0, items: 0, isQuarantineRead: false, isRootSame: null, breaks: [] };
    for (const text of [shown({ ...told, skipped: { [odd]: 1 } }), screens, renderAudit(audit, TERMINAL)]) {
      expect(text).toContain(' [31mred');
      expect(text).not.toContain(ESCAPE);
    }
  });

  it('estimates the whole by a sample', () => {
    const estimate = {
      share: 0.005,
      items: 2_000_000,
      readUnits: 1_000,
      costUsd: 0.000125,
      duplicates: { likely: 1_000, least: 10, most: 5_000 },
    };
    expect(shown({ estimate }, PIPE)).toContain(
      '0.5 % of the table was read. The whole is thought to have 2,000,000 items, 1,000 copies (10 to 5,000 with 95 %), 1,000 read units, 0.0001 USD.',
    );
  });

  it('has words for all that is counted, and for every reason to leave an item alone', () => {
    const all = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 1]));
    const text = shown({
      counts: all(COUNTS),
      skipped: all([...GROUP_SKIPS, ...BACKFILL_SKIPS, ...ITEM_SKIPS]),
    });
    for (const name of [...COUNTS, ...GROUP_SKIPS, ...BACKFILL_SKIPS, ...ITEM_SKIPS]) {
      expect(text).toMatch(new RegExp(`^${name} +\\S+ {2}\\w`, 'm'));
    }
    expect(shown({ counts: { novelty: 7 } })).toMatch(/^novelty +7$/m);
  });

  it('fits into 80 columns, and has no colour unless asked', () => {
    const estimate = {
      share: 0.01,
      items: 5e9,
      readUnits: 1e12,
      costUsd: 1e5,
      duplicates: { likely: 1e9, least: 1e8, most: 1e10 },
    };
    const skipped = Object.fromEntries(
      [...GROUP_SKIPS, ...BACKFILL_SKIPS, ...ITEM_SKIPS].map((name) => [name, 5e9]),
    );
    const problems = [{ reason: 'VERSION_UNUSABLE', key: 'f'.repeat(32) }];
    const counts = Object.fromEntries(COUNTS.map((name) => [name, 5e9]));
    const text = shown({ id: ID, estimate, skipped, problems, counts, failure: { code: 'SPILL_LOST' } });
    expect(widest(text)).toBeLessThanOrEqual(80);
    expect(text).not.toContain(ESCAPE);
    expect(shown({}, { colors: true, width: 80 })).toContain(ESCAPE);
  });
});

describe('a list of runs', () => {
  const run = (change: Partial<ReportedRun>): ReportedRun => ({ ...RUN, ...change });

  it('has one in a line, with what became of it', () => {
    const text = renderRuns(
      [
        run({ mode: 'undo', restored: 5, state: 'running' }),
        run({ mode: 'apply', removed: 1_000 }),
        run({ mode: 'apply', kind: 'backfill', counts: { written: 7 } }),
        run({ kind: 'backfill', duplicates: 0, counts: { missing: 2, older: 1 } }),
        run({ state: 'failed', failure: { code: 'SPILL_LOST' } }),
      ],
      TERMINAL,
    );
    expect(text.split('\n').map((line) => line.split(/ {2,}/).slice(1).join(' '))).toEqual([
      'STATE RESULT',
      'running 5 put back',
      'finished 1,000 removed',
      'finished 7 written',
      'finished 3 found',
      'failed SPILL_LOST',
      '',
    ]);
    expect(widest(text)).toBeLessThanOrEqual(80);
  });

  it('has one in two lines where an id is too long, which is never cut', () => {
    expect(renderRuns([run({ id: ID })], TERMINAL)).toBe(`${ID}\n  finished 199 found\n`);
    expect(renderRuns([run({ id: ID })], PIPE)).toContain(`${ID}  finished  199 found\n`);
  });

  it('may be empty', () => {
    expect(renderRuns([], TERMINAL)).toBe('There are no runs yet.\n');
  });
});

describe('an audit', () => {
  const audit = { run: ID, proofs: 4, items: 199, isQuarantineRead: true, isRootSame: true, breaks: [] };

  it('says that all is well', () => {
    expect(renderAudit(audit, PIPE)).toBe(`4 proofs of 199 items in the chains of ${ID}
No link is missing, and none was changed.
The root is the one that the run ended with.
What is quarantined was compared with its proofs.
`);
  });

  it('says where a chain is broken', () => {
    const breaks = [{ phase: 'apply', index: 3, number: 7, why: 'a proof was changed' }];
    const text = renderAudit({ ...audit, breaks, isRootSame: false, isQuarantineRead: false }, TERMINAL);
    expect(text).toContain('apply  3      7      a proof was changed\n');
    expect(text).toContain('The root is not the one');
    expect(text).not.toContain('No link is missing');
    expect(widest(text)).toBeLessThanOrEqual(80);
  });

  it('says that there is no root yet', () => {
    expect(renderAudit({ ...audit, isRootSame: null }, PIPE)).toContain('The run has not ended');
  });
});

describe('the words beside the bar', () => {
  const run = (change: Partial<ReportedStatus>): ReportedStatus => ({ ...RUN, state: 'running', ...change });

  it.each([
    {
      run: { phase: 'scatter', progress: { done: 12_300, of: 20_000 } },
      perSecond: 1_234.5,
      words: 'reading 12,300/20,000 · 1,235/s · 249 read units · 6s left',
      reason: 'a scan goes on',
    },
    {
      run: { phase: 'scatter', progress: { done: 20_001, of: 20_001 } },
      perSecond: 100,
      words: 'reading 20,001 · 100/s · 249 read units',
      reason: 'there is more than was thought',
    },
    {
      run: { phase: 'apply', mode: 'apply', progress: { done: 0, of: 199 }, writeUnits: 12 },
      perSecond: 0,
      words: 'applying 0/199 · 249 read, 12 write units',
      reason: 'nothing is known of its speed',
    },
    {
      run: { state: 'cancelling' },
      perSecond: 0,
      words: 'cancelling · 249 read units',
      reason: 'a run is being cancelled',
    },
  ] as const)('are right when $reason', ({ run: change, perSecond, words }) => {
    expect(progressText(run(change as Partial<ReportedStatus>), perSecond)).toBe(words);
  });
});

describe('a command', () => {
  it('is one line where it fits, and can be copied where it does not', () => {
    const parts = ['recohere reconcile orders --dedupe --apply', `--plan ${ID}`, '--count 199'];
    expect(commandText(parts, PIPE)).toBe(`  ${parts.join(' ')}`);
    expect(commandText(parts, TERMINAL)).toBe(
      `  recohere reconcile orders --dedupe --apply \\\n    --plan ${ID} \\\n    --count 199`,
    );
    expect(widest(commandText(parts, TERMINAL))).toBeLessThanOrEqual(82); // the longest id that there is
  });
});
