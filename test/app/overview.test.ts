import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedSweepLedger } from '../../functions/adapters/sim/sweep-ledger.ts';
import { type OverviewPorts, overview, wholeOverview } from '../../functions/app/overview.ts';
import { parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { FORMAT, type SubjectKind } from '../../functions/contract/ledger.ts';
import type { RunProgress } from '../../functions/contract/overview.ts';
import type { Finding } from '../../functions/contract/report.ts';
import type { ClosedEpisode, Episode, SubjectState } from '../../functions/core/episode.ts';
import { type PlaceId, placeId } from '../../functions/core/place.ts';
import { PLACES } from './simulated.ts';

const NOW = Date.UTC(2026, 0, 30);
const DAY = 86_400_000;
const [US, EU, AP] = PLACES.map(placeId) as [PlaceId, PlaceId, PlaceId];
const ROOTS = { [US]: { env: 'v1.k:a' }, [EU]: { env: 'v1.k:a' }, [AP]: { env: 'v1.k:a' } };
const CAUSE = { id: 'shop', source: 'aws.cloudformation', at: NOW - 60_000 };
const RUN: RunProgress = {
  id: 'dedupe-dry-orders-1',
  kind: 'dedupe',
  mode: 'dry-run',
  state: 'running',
  table: 'orders',
  progress: { done: 1, of: 4 },
  startedAt: NOW,
  durationMs: 5,
  costUsd: 0,
  counts: {},
};

const differs = (replica: string): Finding => ({
  replica,
  facet: 'env',
  kind: 'different',
  keys: ['A'],
  reference: US,
});
const unread: Finding = {
  replica: AP,
  facet: 'replica',
  kind: 'unobservable',
  keys: [],
  refusal: { code: 'ACCESS_DENIED' },
};

function openOf(given: Partial<Episode> = {}): Episode {
  return {
    id: '0000000007',
    cause: CAUSE,
    since: CAUSE.at,
    lastChangeAt: CAUSE.at,
    lastMovedAt: CAUSE.at,
    firstSeenAt: CAUSE.at + 1000,
    lastSeenAt: NOW - 5000,
    looks: 1,
    isOverdue: false,
    roots: ROOTS,
    findings: [differs(EU)],
    reached: { [US]: CAUSE.at + 1000 },
    ...given,
  };
}

function closedOf(subject: string, number: number, closedAt: number): ClosedEpisode {
  return {
    id: String(number).padStart(10, '0'),
    subject,
    cause: { ...CAUSE, at: closedAt - 5000 },
    outcome: 'forward',
    wasOverdue: false,
    timeToDetectMs: 1000,
    convergenceMs: 4000,
    exposureMs: 5000,
    resolutionMs: 2000,
    closedAt,
    findings: [],
  };
}

const ledgers: Record<SubjectKind, SimulatedLedger> = {} as never;
let ports: OverviewPorts & { sweeps: SimulatedSweepLedger };

beforeEach(() => {
  ledgers.function = new SimulatedLedger();
  ledgers.secret = new SimulatedLedger();
  const clock = { now: () => NOW, sleep: async () => {} };
  ports = {
    clock,
    ledgers,
    sweeps: new SimulatedSweepLedger(),
    runs: async (limit) => [RUN].slice(0, limit),
  };
});

function knows(subject: string, given: Partial<SubjectState>, kind: SubjectKind = 'function'): void {
  ledgers[kind].plant({ format: FORMAT, state: { subject, version: 3, wake: 0, ...given } });
}

function configOf(given: Partial<RecohereConfig> = {}) {
  const parsed = parseConfig({
    hub: { region: 'us-east-1' },
    replicas: PLACES,
    functions: [{ select: { name: '*' } }, { select: { name: 'x' }, critical: true, mode: 'learn' }],
    secrets: [{ name: 'prod/db', targetSeconds: 90 }],
    ...given,
  });
  if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
  return parsed.config;
}

const all = (config = configOf()) => overview(ports, config, { limit: Number.POSITIVE_INFINITY });

describe('a verdict', () => {
  it.each<{ reason: string; state: Partial<SubjectState>; verdict: string }>([
    { reason: 'replicas agreed', state: { agreed: { roots: ROOTS, at: 5 } }, verdict: 'agreed' },
    { reason: 'nothing was ever read', state: {}, verdict: 'unobservable' },
    { reason: 'replicas differ', state: { open: openOf() }, verdict: 'converging' },
    { reason: 'they differ for too long', state: { open: openOf({ isOverdue: true }) }, verdict: 'diverged' },
    {
      reason: 'nothing is known but that something cannot be read',
      state: { open: openOf({ isOverdue: true, findings: [unread] }) },
      verdict: 'unobservable',
    },
    {
      reason: 'something differs and something cannot be read',
      state: { open: openOf({ isOverdue: true, findings: [differs(EU), unread] }) },
      verdict: 'diverged',
    },
  ])('is $verdict when $reason', async ({ state, verdict }) => {
    knows('api', state);
    expect((await all()).subjects).toMatchObject([{ subject: 'api', verdict }]);
  });

  it('is not agreed of what the last sweep could not read', async () => {
    for (const name of ['api', 'job', 'mail']) knows(name, { agreed: { roots: ROOTS, at: 5 } });
    knows('us-only', { agreed: { roots: { [US]: {} }, at: 5 } });
    const refusal = { code: 'ACCESS_DENIED' } as const;
    const status = { startedAt: 1, endedAt: 2, expected: 4, read: 2, left: 0 };
    const swept = (unreadReplicas: readonly object[], unreadSubjects: string[]) =>
      ports.sweeps.swap({
        version: 1,
        status: { ...status, unread: unreadReplicas as never, unreadSubjects },
      });
    await swept([{ replica: AP, refusal }], ['job']);
    const verdicts = async () =>
      (await all()).subjects.map(({ subject, verdict }) => `${subject} ${verdict}`);
    expect(await verdicts()).toEqual(['api agreed', 'job unobservable', 'mail agreed', 'us-only agreed']);
    ports.sweeps = new SimulatedSweepLedger();
    ports = { ...ports };
    await swept([{ replica: AP, refusal, isWhole: true }], []);
    expect(await verdicts()).toEqual([
      'api unobservable',
      'job unobservable',
      'mail unobservable',
      'us-only agreed',
    ]);
  });
});

describe('a subject', () => {
  it('says what the config says of it, by the group it was last seen in', async () => {
    knows('api', {
      agreed: { roots: ROOTS, at: 5 },
      group: 'functions[1]',
      silence: { until: NOW + 1, reason: 'r' },
    });
    knows('job', {
      agreed: { roots: ROOTS, at: 5 },
      group: 'functions[9]',
      silence: { until: NOW, reason: 'over' },
    });
    knows('prod/db', { agreed: { roots: ROOTS, at: 5 } }, 'secret');
    expect((await all()).subjects).toMatchObject([
      {
        subject: 'api',
        critical: true,
        mode: 'learn',
        silence: { reason: 'r' },
        targets: { convergenceMs: 60_000, exposurePercent: 1 },
      },
      { subject: 'job', critical: false, mode: 'alert', silence: null, targets: { convergenceMs: 300_000 } },
      { subject: 'prod/db', kind: 'secret', targets: { convergenceMs: 90_000 } },
    ]);
  });

  it('is where it is known or expected, in the order of the config', async () => {
    const open = openOf({ roots: { [AP]: {}, [EU]: {} }, findings: [differs(US), differs('sa-east-1')] });
    knows('api', { open });
    expect((await all()).subjects[0]?.replicas).toEqual([US, EU, AP, 'sa-east-1']);
  });

  it('has ten findings at most, and says how many are left out', async () => {
    const findings = Array.from({ length: 25 }, (_, id) => ({ ...differs(EU), keys: [`K${id}`] }));
    knows('api', { open: openOf({ findings }) });
    const [api] = (await all()).subjects;
    expect([api?.findings.length, api?.findingsLeft]).toEqual([10, 15]);
  });

  it('that is gone is left out, and still answers to its name', async () => {
    knows('api', { retiredAt: 5, last: closedOf('api', 1, NOW - 1) });
    expect((await all()).subjects).toEqual([]);
    expect((await overview(ports, configOf(), { subjects: ['api'] })).subjects).toMatchObject([
      { subject: 'api', verdict: 'unobservable' },
    ]);
  });

  it('that nobody knows is refused', async () => {
    await expect(overview(ports, configOf(), { subjects: ['apy'] })).rejects.toMatchObject({
      code: 'UNKNOWN_SUBJECT',
    });
  });

  it('is found by the name of a secret, whatever account that is in', async () => {
    const config = configOf({
      hub: { region: 'us-east-1', account: '111111111111' },
      replicas: [...PLACES, { region: 'us-east-1', account: '222222222222' }],
      secrets: [{ name: 'prod/db', account: '222222222222' }],
    });
    knows('222222222222:prod/db', { agreed: { roots: {}, at: 5 } }, 'secret');
    const { subjects } = await overview(ports, config, { subjects: ['prod/db'] });
    expect(subjects).toMatchObject([{ subject: '222222222222:prod/db', kind: 'secret' }]);
  });
});

describe('episodes', () => {
  it('are those that are open and those of four weeks, the newest first, each once', async () => {
    const last = closedOf('api', 5, NOW - DAY);
    for (const [number, days] of [
      [1, 60],
      [2, 27],
      [3, 2],
    ] as const) {
      await ledgers.function.record(closedOf('api', number, NOW - days * DAY));
    }
    knows('api', { open: openOf(), last }); // whoever closed the last one died before it was in history
    knows('job', { last: closedOf('job', 9, NOW - 3 * DAY), agreed: { roots: ROOTS, at: 1 } });
    await ledgers.function.record(closedOf('job', 9, NOW - 3 * DAY));
    const { episodes } = await all();
    expect(episodes.map(({ subject, id, outcome }) => `${subject} ${Number(id)} ${outcome}`)).toEqual([
      'api 7 open',
      'api 5 forward',
      'api 3 forward',
      'job 9 forward',
      'api 2 forward',
    ]);
    expect(episodes[0]).toMatchObject({
      firstSeenAt: CAUSE.at + 1000,
      endedAt: null,
      reached: [{ replica: US, at: CAUSE.at + 1000 }],
      evidence: null,
    });
    expect(episodes[1]).toMatchObject({
      endedAt: NOW - DAY,
      firstSeenAt: NOW - DAY - 4000,
      convergenceMs: 4000,
    });
  });

  it('of a secret have the moments of its hops, and the grade of its evidence', async () => {
    const rotation = {
      versionId: 'v2',
      isMove: true,
      hops: [
        { hop: 1, replica: US, state: 'agreed', evidence: 'described', at: 10 },
        { hop: 2, replica: EU, state: 'stuck', evidence: null, at: null },
        { hop: 3, replica: US, consumer: 'api', state: 'agreed', evidence: 'probed', at: 30 },
      ],
    } as const;
    knows('prod/db', { open: openOf({ rotation, findings: [] }) }, 'secret');
    expect((await all()).episodes).toMatchObject([
      { kind: 'secret', evidence: 'probed', reached: [{ replica: US, at: 10 }] },
    ]);
  });
});

describe('pages', () => {
  it('have a hundred subjects each, functions before secrets, and make a whole', async () => {
    for (let id = 0; id < 230; id++) knows(`function ${String(id).padStart(3, '0')}`, { open: openOf() });
    for (let id = 0; id < 40; id++)
      knows(`prod/${String(id).padStart(3, '0')}`, { open: openOf() }, 'secret');
    const asked: (string | undefined)[] = [];
    const whole = await wholeOverview((after) => {
      asked.push(after);
      return overview(ports, configOf(), { after });
    });
    expect(asked).toEqual([undefined, 'function function 099', 'function function 199']);
    expect(whole.subjects).toEqual((await all()).subjects);
    expect(whole.subjects).toHaveLength(270);
    expect(whole.episodes).toHaveLength(270);
    expect(whole).not.toHaveProperty('next');
  });

  it('go on among secrets where they ended there', async () => {
    for (let id = 0; id < 130; id++) knows(`prod/${String(id).padStart(3, '0')}`, {}, 'secret');
    const first = await overview(ports, configOf(), {});
    expect(first.next).toBe('secret prod/099');
    const second = await overview(ports, configOf(), { after: first.next });
    expect(second.subjects.map(({ subject }) => subject).slice(0, 2)).toEqual(['prod/100', 'prod/101']);
    expect(second.next).toBeUndefined();
  });
});

it('runs are said once, of a config with tables', async () => {
  const tables = [{ name: 'orders', dedupe: { key: 'a', keep: 'oldest', by: 'b' } as const }];
  expect((await all()).runs).toEqual([]);
  expect((await all(configOf({ tables }))).runs).toEqual([RUN]);
  knows('api', {});
  expect((await overview(ports, configOf({ tables }), { subjects: ['api'] })).runs).toEqual([]);
});
