import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedSweepLedger } from '../../functions/adapters/sim/sweep-ledger.ts';
import { type OverviewPorts, overview, wholeOverview } from '../../functions/app/overview.ts';
import { parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { FORMAT, type SubjectKind } from '../../functions/contract/ledger.ts';
import type { RunProgress, SweepStatus } from '../../functions/contract/overview.ts';
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
    knows('prod/db', { agreed: { roots: ROOTS, at: 5 } }, 'secret');
    const status = { startedAt: 1, endedAt: 2, expected: 4, read: 2, left: 0 };
    const swept = (unread: SweepStatus['unread'], unreadSubjects: string[], unreadSubjectsLeft = 0) => {
      ports = { ...ports, sweeps: new SimulatedSweepLedger() };
      return ports.sweeps.swap({
        version: 1,
        status: { ...status, unread, unreadSubjects, unreadSubjectsLeft },
      });
    };
    await swept([{ replica: AP, refusal }], ['job']);
    const verdicts = async () =>
      (await all()).subjects.map(({ subject, verdict }) => `${subject} ${verdict}`);
    expect(await verdicts()).toEqual([
      'api agreed',
      'job unobservable',
      'mail agreed',
      'us-only agreed',
      'prod/db agreed',
    ]);
    await swept([{ replica: AP, refusal, isWhole: true }], []);
    expect(await verdicts()).toEqual([
      'api unobservable',
      'job unobservable',
      'mail unobservable',
      'us-only agreed',
      'prod/db agreed', // that no function could be read says nothing of secrets
    ]);
    knows('late', { open: openOf() });
    await swept([], ['job'], 1);
    expect(await verdicts()).toEqual([
      'api unobservable',
      'job unobservable',
      'late converging',
      'mail unobservable',
      'us-only unobservable',
      'prod/db unobservable',
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

  it('that are past are the last one of each, where so many subjects are asked for that each would be a query', async () => {
    const first = closedOf('f-000', 4, NOW - 2 * DAY);
    const last = closedOf('f-000', 5, NOW - DAY);
    await ledgers.function.record(first);
    let queries = 0;
    ledgers.function.inject('history', () => queries++);
    const pastOf = async (count: number) => {
      for (let id = 0; id < count; id++) {
        const subject = `f-${String(id).padStart(3, '0')}`;
        knows(subject, { last: { ...last, subject } });
      }
      queries = 0;
      const { episodes } = await all();
      return episodes.filter(({ subject }) => subject === 'f-000').map(({ id }) => Number(id));
    };
    expect([await pastOf(200), queries]).toEqual([[5, 4], 200]);
    expect([await pastOf(201), queries]).toEqual([[5], 0]);
  });

  it('are named by their deploy, if somebody named one, and counted from their first change', async () => {
    const call = { id: 'call-1', source: 'aws.lambda', at: CAUSE.at - 500 };
    knows('api', { open: openOf({ cause: call, deploy: CAUSE }) });
    expect((await all()).episodes[0]?.cause).toEqual({ ...CAUSE, at: call.at });
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

describe('the history of a subject', () => {
  it('is all of four weeks, however much was deployed, with the findings of the newest', async () => {
    const findings = [differs(EU)];
    for (let number = 1; number <= 150; number++) {
      const closedAt = NOW - 40 * DAY + (number * 40 * DAY) / 150;
      await ledgers.function.record({ ...closedOf('api', number, closedAt), findings });
    }
    knows('api', { last: closedOf('api', 150, NOW), agreed: { roots: ROOTS, at: 1 } });
    const { episodes, isBrief } = await all();
    expect([episodes.length, isBrief]).toEqual([106, false]);
    expect(episodes.filter((episode) => episode.findings.length > 0)).toHaveLength(20);
    const named = await overview(ports, configOf(), { subjects: ['api'] });
    expect(named.episodes).toHaveLength(20);
  });

  it('is the last episode alone where there are very many subjects, and says so', async () => {
    for (let id = 0; id < 201; id++) {
      const name = `api-${id}`;
      for (const number of [1, 2]) await ledgers.function.record(closedOf(name, number, NOW - DAY));
      knows(name, { last: closedOf(name, 2, NOW - DAY), agreed: { roots: ROOTS, at: 1 } });
    }
    expect(await all()).toMatchObject({ isBrief: true, episodes: { length: 201 } });
  });

  it('does not make a page larger than an answer may be', async () => {
    const long = {
      ...differs(EU),
      keys: Array.from({ length: 50 }, (_, id) => `KEY_${id}`.padEnd(100, '-')),
    };
    for (let id = 0; id < 60; id++) {
      const name = `api-${String(id).padStart(2, '0')}`;
      for (let number = 1; number <= 20; number++) {
        const episode = { ...closedOf(name, number, NOW - DAY), findings: [long] };
        await ledgers.function.record(episode);
        knows(name, { last: episode, agreed: { roots: ROOTS, at: 1 } });
      }
    }
    const sizes: number[] = [];
    const whole = await wholeOverview(async (after) => {
      const page = await overview(ports, configOf(), { after });
      sizes.push(JSON.stringify(page).length);
      return page;
    });
    expect(sizes.length).toBeGreaterThan(2);
    expect(Math.max(...sizes)).toBeLessThan(2_200_000);
    expect(whole.subjects).toHaveLength(60);
    expect(whole.episodes).toHaveLength(1_200);
    const subjects = whole.subjects.map(({ subject }) => subject);
    for (const unpaged of [await all(), await overview(ports, configOf(), { subjects })]) {
      expect(unpaged).toMatchObject({ subjects: { length: 60 }, episodes: { length: 1_200 } });
      expect(unpaged).not.toHaveProperty('next');
    }
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

  it('that have no end are a failure', async () => {
    knows('api', {});
    const page = { ...(await overview(ports, configOf(), {})), next: 'function api' };
    await expect(wholeOverview(async () => page)).rejects.toMatchObject({ code: 'UNENDING_PAGES' });
  });

  it('go on among secrets where they ended there', async () => {
    for (const name of ['api', 'zip']) knows(name, {});
    for (let id = 0; id < 130; id++) knows(`prod/${String(id).padStart(3, '0')}`, {}, 'secret');
    const first = await overview(ports, configOf(), {});
    expect(first.next).toBe('secret prod/097');
    const second = await overview(ports, configOf(), { after: first.next });
    expect(second.subjects.map(({ subject }) => subject).slice(0, 2)).toEqual(['prod/098', 'prod/099']);
    expect(second.subjects.map(({ kind }) => kind)).not.toContain('function');
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
