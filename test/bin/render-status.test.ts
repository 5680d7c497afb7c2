import { describe, expect, it } from 'vitest';
import { renderDiff, renderStatus, renderVerdicts } from '../../bin/render-status.ts';
import { exitCodeOfStatus } from '../../bin/status.ts';
import type { Overview, SweepStatus } from '../../functions/contract/overview.ts';
import { anEpisode, aSubject, EMPTY, HOSTILE, manySubjects, NOW, SAMPLE } from '../app/sample-overview.ts';

const TERMINAL = { colors: false, width: 80 };
const PIPE = { colors: false, width: Number.POSITIVE_INFINITY };
const MINUTE = 60_000;

const SWEEP: SweepStatus = {
  startedAt: NOW - MINUTE,
  endedAt: NOW - MINUTE,
  expected: 10,
  read: 10,
  left: 0,
  unread: [],
  unreadSubjects: [],
  unreadSubjectsLeft: 0,
};
const DENIED = { code: 'ACCESS_DENIED', permission: 'lambda:ListFunctions' } as const;
const AGREED: Overview = { ...EMPTY, subjects: [aSubject('cart')], sweep: SWEEP };
const DIFFERENT = {
  replica: 'eu-west-1',
  facet: 'env',
  kind: 'different',
  keys: ['DB_HOST'],
  reference: 'us-east-1',
} as const;

const only = (subject: string): Overview => ({
  ...SAMPLE,
  subjects: SAMPLE.subjects.filter((status) => status.subject === subject),
});
const widest = (text: string) => Math.max(...text.split('\n').map(({ length }) => length));

describe('the status', () => {
  it('has what does not agree, the worst first, and counts the rest', () => {
    const shown = renderStatus(SAMPLE, TERMINAL);
    expect(shown).toContain('recohere 0.1.0 · 36 subjects in 5 regions: 29 agreed, 1 converging, 5');
    expect(
      [...shown.matchAll(/^(\S+) +(diverged|converging|unobservable|agreed) +(.*)$/gm)].map((row) =>
        row.slice(1),
      ),
    ).toEqual([
      ['checkout-api', 'diverged', '41m    critical'],
      ['prod/payments', 'diverged', '22m    critical'],
      ['loyalty-points', 'diverged', '9d     learnt'],
      ['inventory-sync', 'diverged', '3h     silenced'],
      ['search-indexer', 'diverged', '17m'],
      ['fraud-score', 'converging', '48s    critical'],
      ['customer-export', 'unobservable', '2h'],
    ]);
    expect(shown).toContain('checkout-api · eu-central-1 · env FEATURE_X missing');
    expect(shown).toContain('inventory-sync · silenced until 2026-11-21 16:05 UTC: warehouse moves');
    expect(shown).toContain('Of these, 2 only learnt and 1 silenced');
    expect(shown).toContain('The last sweep ended 3m ago and read 168 of 172 replicas (97.6 %).');
    expect(shown).toMatch(/^past deadline +40 %, 4 of 10 +< 0.5 % +missed$/m);
    expect(widest(shown)).toBeLessThanOrEqual(80);
  });

  it('of what agrees is short', () => {
    const shown = renderStatus(AGREED, TERMINAL);
    expect(shown).toMatch(
      /^recohere 0.1.0 · 1 subject in 5 regions: 1 agreed.\n\nThe last sweep ended 1m ago and read 10 of 10 replicas \(100 %\).\n\nLAST 28 DAYS/,
    );
  });

  it.each<{ sweep: SweepStatus | null; words: RegExp; reason: string }>([
    { sweep: null, words: /^No sweep has come to its end yet\.$/m, reason: 'before the first' },
    {
      sweep: { ...SWEEP, endedAt: NOW - 16 * MINUTE },
      words: /ended 16m ago.*\nIt is too old: .*alarm-heartbeat/m,
      reason: 'three turns were missed',
    },
    {
      sweep: { ...SWEEP, left: 1 },
      words: /^It had no time for 1 subject,/m,
      reason: 'time was up',
    },
    {
      sweep: { ...SWEEP, read: 0, expected: 0 },
      words: /and read 0 of 0 replicas\.$/m,
      reason: 'nothing was to be read, which is no share of anything',
    },
    {
      sweep: { ...SWEEP, unread: [{ replica: 'eu-west-1', refusal: DENIED, isWhole: true }] },
      words: /^not readable · eu-west-1 · access denied: missing permission lambda:ListFunctions$/m,
      reason: 'a region could not be read',
    },
    {
      sweep: { ...SWEEP, unreadSubjects: ['cart'], unreadSubjectsLeft: 0 },
      words: /^Not read in all replicas: cart\.$/m,
      reason: 'a subject could not be read',
    },
  ])('says of the sweep: $reason', ({ sweep, words }) => {
    expect(renderStatus({ ...AGREED, sweep }, PIPE)).toMatch(words);
  });

  it('says once what is so of a whole region, and of the rest with each subject', () => {
    const unread = {
      replica: 'eu-west-1',
      facet: 'replica',
      kind: 'unobservable',
      keys: [],
      refusal: DENIED,
    } as const;
    const subjects = ['cart', 'payments'].map((name) =>
      aSubject(name, { verdict: 'unobservable', openSince: NOW, findings: [unread] }),
    );
    const shown = (isWhole: boolean) =>
      renderStatus(
        {
          ...AGREED,
          subjects,
          sweep: { ...SWEEP, unread: [{ replica: 'eu-west-1', refusal: DENIED, isWhole }] },
        },
        PIPE,
      );
    expect(shown(true).match(/access denied/g)).toHaveLength(1);
    expect(shown(false).match(/· eu-west-1 · not readable: access denied/g)).toHaveLength(2);
  });

  it('shows a hundred subjects and counts ten thousand', () => {
    const shown = renderStatus(manySubjects(10_000, 3, 10_000), TERMINAL);
    expect(shown.match(/^service-/gm)).toHaveLength(100);
    expect(shown).toContain('… and 9,900 more subjects');
  });

  it.each([
    { screen: TERMINAL, reason: 'a terminal' },
    { screen: PIPE, reason: 'a file, which somebody shows later' },
  ])('shows names that were made to deceive, and obeys none of them: $reason', ({ screen }) => {
    for (const subject of HOSTILE.subjects) {
      const shown = renderStatus(HOSTILE, screen) + renderDiff({ ...HOSTILE, subjects: [subject] }, screen);
      expect(shown).toContain('<script>alert(1)</script>');
      expect(shown).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    }
  });
});

describe('the exit code of a status', () => {
  const learnt = aSubject('cart', { verdict: 'diverged', mode: 'learn' });
  const silenced = aSubject('cart', { verdict: 'converging', silence: { until: NOW + 1, reason: 'x' } });
  it.each<{ known: Partial<Overview>; code: number; reason: string }>([
    { known: {}, code: 0, reason: 'all agreed' },
    { known: { subjects: [learnt] }, code: 1, reason: 'a verdict is a fact, whether or not it alarms' },
    { known: { subjects: [silenced] }, code: 1, reason: 'likewise if somebody has silenced it' },
    { known: { subjects: [learnt], sweep: null }, code: 1, reason: 'a difference before what is not known' },
    {
      known: { subjects: [aSubject('cart', { verdict: 'unobservable' })] },
      code: 3,
      reason: 'it was not read',
    },
    { known: { sweep: null }, code: 3, reason: 'nobody has looked at all' },
    { known: { sweep: { ...SWEEP, endedAt: NOW - 15 * MINUTE } }, code: 0, reason: 'late, and not too late' },
    { known: { sweep: { ...SWEEP, endedAt: NOW - 15 * MINUTE - 1 } }, code: 3, reason: 'it is too old' },
    {
      known: { sweep: { ...SWEEP, unread: [{ replica: 'eu-west-1', refusal: DENIED }] } },
      code: 3,
      reason: 'a region could not be read',
    },
    { known: { sweep: { ...SWEEP, expected: 1_000 } }, code: 3, reason: 'most was not read' },
    { known: { sweep: { ...SWEEP, left: 1 } }, code: 3, reason: 'there was no time for all' },
    {
      known: { subjects: [learnt], sweep: { ...SWEEP, expected: 1_000, left: 990 } },
      code: 1,
      reason: 'a difference before what was not read',
    },
    { known: { subjects: [] }, code: 2, reason: 'nothing is watched' },
  ])('is $code: $reason', ({ known, code }) => {
    expect(exitCodeOfStatus({ ...AGREED, ...known })).toBe(code);
  });
});

describe('a difference', () => {
  it('is a table of keys and replicas, with the episode and how far each replica came', () => {
    expect(renderDiff(only('checkout-api'), { ...TERMINAL, width: 100 })).toBe(`\
checkout-api · function · diverged · since 2026-11-21 13:24 UTC (41m) · critical

KEY                     us-east-1  us-west-2  eu-west-1  eu-central-1  ap-southeast-2
env PAYMENT_TIMEOUT_MS  reference  ok         differs    ok            ok
env FEATURE_EXPRESS     reference  ok         missing    ok            ok
env FEATURE_X           reference  ok         missing    missing       ok
code CodeSha256         reference  ok         differs    ok            ok

Episode checkout-api-2520000: open, its deadline has passed
Cause: told by recohere.deploy checkout-2026-11-21.3, 2026-11-21 13:23 UTC, first seen 4s later

REPLICA         MOVED
us-east-1       2026-11-21 13:24 UTC  1m after
us-west-2       2026-11-21 13:25 UTC  2m after
eu-west-1       -
eu-central-1    -
ap-southeast-2  2026-11-21 13:28 UTC  5m after
`);
  });

  it('is told in sentences where a table has no room', () => {
    const shown = renderDiff(only('checkout-api'), TERMINAL);
    expect(shown).not.toContain('KEY  ');
    expect(shown).toContain('checkout-api · eu-west-1 · env PAYMENT_TIMEOUT_MS differs from us-east-1;');
    expect(widest(shown)).toBeLessThanOrEqual(80);
  });

  it('says nothing of keys that could not be read', () => {
    const findings = [
      DIFFERENT,
      { replica: 'us-west-2', facet: 'env', kind: 'unobservable', keys: [], refusal: DENIED },
      { replica: 'eu-central-1', facet: 'code', kind: 'unobservable', keys: [], refusal: DENIED },
      { replica: 'ap-southeast-2', facet: 'replica', kind: 'missing', keys: [] },
    ] as const;
    const status = aSubject('cart', { verdict: 'diverged', openSince: NOW, findings, findingsLeft: 1 });
    const shown = renderDiff({ ...AGREED, subjects: [status] }, PIPE);
    expect(shown).toMatch(/^env DB_HOST +reference +\? +differs +ok +\?$/m);
    expect(shown).toContain('cart · ap-southeast-2 · function missing');
    expect(shown).toContain('… and 1 more finding\n');
  });

  it('of what agrees has its last episodes', () => {
    const episodes = [
      anEpisode('cart', 5 * MINUTE, { reached: [] }),
      anEpisode('cart', 20 * MINUTE, { outcome: 'forward', evidence: 'probed' }),
      anEpisode('payments', 30 * MINUTE),
      anEpisode('cart', 40 * MINUTE, { kind: 'secret' }),
      ...Array.from({ length: 12 }, (_, position) =>
        anEpisode('cart', (60 + position) * MINUTE, {
          outcome: 'rolled-back',
          convergenceMs: null,
          cause: { id: 'seen', source: 'look', at: NOW - (60 + position) * MINUTE },
        }),
      ),
    ];
    const shown = renderDiff({ ...AGREED, episodes }, PIPE);
    expect(shown).toContain('All replicas agree.');
    expect(shown).toContain('Episode cart-300000: forward, ended 2026-11-21 14:02 UTC');
    expect(shown).not.toContain('REACHED');
    expect(shown).toMatch(/^2026-11-21 13:45 +forward, probed +2m +aws.cloudformation deploy-1200000$/m);
    expect(shown.match(/^2026.* +rolled-back +- +look$/gm)).toHaveLength(9);
    expect(shown).toContain('… and 3 more episodes within 28 days');
    expect(shown).not.toContain('cart-2400000');
  });

  it('says who told nothing, and that nothing ever happened', () => {
    expect(renderDiff(only('search-indexer'), PIPE)).toContain(
      'Cause: nobody told, a look saw it, 2026-11-21 13:47 UTC, first seen 1m later',
    );
    const cause = { id: 'request-1', source: 'manual', at: NOW - MINUTE };
    const byHand = { ...AGREED, episodes: [anEpisode('cart', MINUTE, { cause })] };
    expect(renderDiff(byHand, PIPE)).toContain('Cause: nobody told, a look by hand saw it, 2026-11-21');
    expect(renderDiff(AGREED, PIPE)).toContain('No episode within 28 days.');
  });
});

describe('verdicts', () => {
  it('have those that agree too', () => {
    const subjects = [
      aSubject('cart'),
      aSubject('payments', { verdict: 'diverged', openSince: NOW - MINUTE, findings: [DIFFERENT] }),
    ];
    expect(renderVerdicts({ ...AGREED, subjects }, TERMINAL)).toBe(`\
SUBJECT   VERDICT   SINCE
payments  diverged  1m
  payments · eu-west-1 · env DB_HOST differs from us-east-1
cart      agreed    -
`);
  });
});
