import { describe, expect, it } from 'vitest';
import { type ParsedConfig, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { SCENARIOS, type Scenario } from '../../functions/contract/names.ts';
import { type Rehearsed, rehearse } from '../../rehearsal/game-day.ts';

const OTHER = '222222222222';

const SHOP: RecohereConfig = {
  hub: { region: 'us-east-1' },
  replicas: [{ region: 'us-east-1' }, { region: 'eu-west-1' }, { region: 'ap-southeast-2' }],
  functions: [{ select: { name: 'checkout-*' }, perReplica: ['DB_HOST'], ignore: ['BUILD_*'] }],
  secrets: [
    {
      name: 'prod/db',
      consumers: [
        { name: 'checkout', cacheSeconds: 60 },
        { name: 'orders', cacheSeconds: 60, probe: 'orders' },
      ],
    },
    { name: 'prod/mail' },
  ],
  tables: [
    {
      name: 'orders',
      apply: true,
      dedupe: {
        key: ['shop', 'order'],
        keep: 'newest',
        by: 'at',
        where: { type: 'order', order: { beginsWith: 'A-' } },
      },
    },
    { name: 'events', dedupe: { key: 'event', keep: 'oldest', by: 'at' } },
  ],
};

/** With all that a config may say of functions and secrets. */
const MUCH: RecohereConfig = {
  hub: { region: 'us-east-1', account: '333333333333' },
  replicas: [
    { region: 'us-east-1' },
    { region: 'eu-west-1' },
    { region: 'eu-west-1', account: OTHER },
    { region: 'ap-southeast-2', account: OTHER },
  ],
  primary: { region: 'eu-west-1' },
  deadlineSeconds: 120,
  functions: [
    { select: { name: 'pay-*' }, critical: true, qualifier: 'live', deadlineSeconds: 60 },
    {
      select: { stack: 'Shop-*' },
      identity: 'stack+logicalId',
      perReplica: ['DB_*'],
      ignore: ['RELEASE'],
      deadlineSeconds: 900,
    },
    {
      select: { tags: { team: 'x' } },
      identity: { tag: 'service' },
      code: { tag: 'build' },
      alarmOn: ['code'],
    },
    {
      select: { name: 'few-*' },
      replicas: { 'few-*': ['us-east-1', 'ap-southeast-2'] },
      names: { 'few-odd': 'few-one' },
      code: { variable: 'BUILD' },
    },
    { select: { name: 'off-*' }, code: 'off', ignore: ['*'], mode: 'learn' },
  ],
  secrets: [
    {
      name: 'prod/db',
      regions: ['us-east-1', 'eu-west-1'],
      consumers: [
        { name: 'api', cacheSeconds: 30, probe: 'api:live' },
        { name: 'web', cacheSeconds: 60, regions: ['eu-west-1'] },
      ],
    },
    { name: 'prod/mail', account: OTHER, consumers: [{ name: 'web', cacheSeconds: 600 }], critical: true },
    { name: 'alone', regions: ['us-east-1'] },
  ],
  tables: [
    { name: 'dry', region: 'eu-west-1', account: OTHER, dedupe: { key: 'k', keep: 'oldest', by: 'w' } },
  ],
};

function parsed(config: RecohereConfig): ParsedConfig {
  const result = parseConfig(config);
  if (!result.ok) throw new Error(result.mistakes.join('\n'));
  return result.config;
}

async function played(config: RecohereConfig, scenario: Scenario, seed = 1): Promise<Rehearsed> {
  return (await rehearse(parsed(config), scenario, seed)).rehearsed;
}

/** Alarms that somebody was told of. */
function toldAlarms({ alarms }: Rehearsed): Set<string> {
  return new Set(alarms.flatMap(({ name, notifiedMs }) => (notifiedMs === null ? [] : [name])));
}

describe('a game day', () => {
  it.each(
    [1, 2].flatMap((seed) =>
      SCENARIOS.filter((scenario) => seed === 1 || scenario !== 'lost-events').flatMap((scenario) => [
        { of: 'a shop', config: SHOP, scenario, seed },
        { of: 'much', config: MUCH, scenario, seed },
      ]),
    ),
  )(
    'of $of, $scenario, seed $seed: everything is seen, and nothing is violated',
    async ({ config, scenario, seed }) => {
      const { skipped, detection, incidents, checked, violations } = await played(config, scenario, seed);
      expect(violations).toEqual([]);
      expect(skipped).toBeNull();
      expect(checked).not.toEqual([]);
      expect([detection.left, detection.within]).toEqual([0, detection.count]);
      for (const { seenAfterMs } of incidents) expect(seenAfterMs).not.toBeNull();
    },
  );

  it.each<{ scenario: Scenario; reason: string; incidents: readonly string[]; alarms: readonly string[] }>([
    {
      scenario: 'bad-deploy',
      reason: 'what stays different is drift',
      incidents: ['left out', 'wrong value', 'left out'],
      alarms: ['drift'],
    },
    {
      scenario: 'stuck-replica',
      reason: 'who is behind is told by its own alarm',
      incidents: ['replica stuck', 'old version kept by orders'],
      alarms: ['stuck-replica', 'stale-consumer'],
    },
    {
      scenario: 'region-outage',
      reason: 'what cannot be read is told after an hour',
      incidents: ['out of reach', 'out of reach', 'out of reach'],
      alarms: ['incomplete'],
    },
  ])('$scenario: $reason', async ({ scenario, incidents, alarms }) => {
    const rehearsed = await played(SHOP, scenario);
    expect(rehearsed.incidents.map(({ what }) => what)).toEqual(incidents);
    for (const alarm of alarms) expect(toldAlarms(rehearsed)).toContain(alarm);
    for (const name of ['heartbeat', 'errors', 'dead-letters'])
      expect(toldAlarms(rehearsed)).not.toContain(name);
    expect(rehearsed.notices.length).toBeGreaterThan(0);
  });

  it('tells of what is left different after the deadline, and not before', async () => {
    const { incidents, deadlinesMs } = await played(SHOP, 'bad-deploy');
    expect(deadlinesMs).toEqual([300_000]);
    for (const { noticedAfterMs } of incidents) expect(noticedAfterMs).toBeGreaterThan(300_000);
  });

  it('counts agreement from the repair, and how long copies were mixed from the deploy', async () => {
    const { incidents, convergence, exposure } = await played(SHOP, 'bad-deploy');
    const [left, wrong, never] = incidents;
    expect(convergence.p99Ms).toBeLessThan(60_000);
    expect([convergence.within, convergence.count, convergence.left]).toEqual([5, 5, 1]);
    expect(left?.closedAfterMs).toBeGreaterThanOrEqual(left?.endedAfterMs ?? Number.NaN);
    expect(wrong?.closedAfterMs).toBeGreaterThanOrEqual(wrong?.endedAfterMs ?? Number.NaN);
    expect([never?.endedAfterMs, never?.closedAfterMs]).toEqual([null, null]);
    expect([exposure.count, exposure.left]).toEqual([5, 1]);
    expect(exposure.p99Ms).toBeGreaterThan(99 * 60_000); // what is open, until the end
  });

  const backfill = { to: 'orders-v2', transform: './orders-v2.ts', version: 'v' };
  const dedupe = { key: 'k', keep: 'oldest', by: 'w' } as const;
  it.each<{
    reason: string;
    config: Partial<RecohereConfig>;
    scenario: Scenario;
    leftOut: readonly string[];
  }>([
    {
      reason: 'one region',
      config: { replicas: [{ region: 'us-east-1' }] },
      scenario: 'stuck-replica',
      leftOut: [
        'no replica stays behind: each secret is in one region alone',
        'the pause that exposure-fast asks for when it begins',
      ],
    },
    {
      reason: 'no consumer',
      config: { secrets: [{ name: 'prod/mail' }] },
      scenario: 'stuck-replica',
      leftOut: [
        'no consumer keeps an old version: the config names none',
        'the pause that exposure-fast asks for when it begins',
      ],
    },
    {
      reason: 'nothing that burns, and nothing that is in the way',
      config: { mode: 'learn' },
      scenario: 'stuck-replica',
      leftOut: [],
    },
    {
      reason: 'a window of maintenance',
      config: { mode: 'learn', maintenance: [{ schedule: 'cron(0 2 * * SAT)', minutes: 120 }] },
      scenario: 'bad-deploy',
      leftOut: ['1 window of maintenance: what would be held back is told at once'],
    },
    {
      reason: 'tables that no run may change, and backfills',
      config: {
        tables: [
          { name: 'events', dedupe },
          { name: 'orders', apply: true, dedupe, backfill },
        ],
      },
      scenario: 'duplicate-writes',
      leftOut: [
        'apply and undo of events: the config lets no run change it',
        'undo of the backfill of orders: what it wrote cannot be taken back',
        'transform of orders: a backfill copies',
      ],
    },
    {
      reason: 'more tables than there is time for',
      config: {
        tables: Array.from({ length: 23 }, (_, n) => ({ name: `orders-${n}`, apply: true, dedupe })),
      },
      scenario: 'duplicate-writes',
      leftOut: ['3 of 23 tables: so many take too long'],
    },
  ])('with $reason says what of $scenario is not played', async ({ config, scenario, leftOut }) => {
    const rehearsed = await played({ ...SHOP, ...config }, scenario);
    expect(rehearsed.leftOut).toEqual(leftOut);
    expect(rehearsed.checked).not.toEqual([]);
  });

  it('plays as many groups and secrets as there is time for, and says how many it leaves out', async () => {
    const accounts = Array.from({ length: 30 }, (_, n) => String(222222222222 + n));
    const wide: RecohereConfig = {
      hub: { region: 'us-east-1', account: OTHER },
      replicas: accounts.flatMap((account) => [
        { region: 'us-east-1', account },
        { region: 'eu-west-1', account },
      ]),
      functions: Array.from({ length: 12 }, (_, n) => ({ select: { name: `group-${n}-*` } })),
      secrets: Array.from({ length: 11 }, (_, n) => ({ name: `secret-${n}` })),
    };
    const { subjects, leftOut, violations } = await played(wide, 'stuck-replica');
    expect(subjects).toBe(10 + 10);
    expect(leftOut.slice(0, 2)).toEqual([
      '2 of 12 groups of functions: so many copies would take too long',
      '1 of 11 secrets: so many copies would take too long',
    ]);
    expect(violations).toEqual([]);
  });

  it('sees by sweeps what no event told, within the target', async () => {
    const { events, eventsLost, detection, calls, invocations, usd } = await played(SHOP, 'lost-events');
    expect(eventsLost / events).toBeGreaterThan(0.1);
    expect(detection.p95Ms).toBeGreaterThan(30_000); // else no event that mattered was lost
    expect(detection.p99Ms).toBeLessThanOrEqual(detection.targetsMs[0] ?? 0);
    expect(invocations.sweep).toBe(24 * 12);
    expect(calls['lambda:ListFunctions']).toBe(24 * 12 * 3);
    expect(usd).toBeGreaterThan(0);
    expect(usd).toBeLessThan(0.1);
  });

  it('removes copies and puts them back where the config lets it', async () => {
    const { runs, refusals, checked } = await played(SHOP, 'duplicate-writes');
    expect(checked).toEqual([14, 15, 16, 17]);
    expect(refusals).toEqual([{ table: 'orders', kind: 'dedupe', found: 120 }]);
    expect(
      runs.map(({ table, mode, state, duplicates, removed, restored }) => [
        table,
        mode,
        state,
        duplicates,
        removed,
        restored,
      ]),
    ).toEqual([
      ['orders', 'dry-run', 'finished', 120, 0, 0],
      ['orders', 'apply', 'finished', 0, 120, 0],
      ['orders', 'undo', 'finished', 0, 0, 120],
      ['events', 'dry-run', 'finished', 120, 0, 0],
    ]);
  });

  it('fills gaps of another table, with newer items over older ones', async () => {
    const { runs, refusals, checked, violations } = await played(
      { ...SHOP, tables: [{ name: 'orders', apply: true, backfill }] },
      'duplicate-writes',
    );
    expect(violations).toEqual([]);
    expect(refusals).toEqual([{ table: 'orders', kind: 'backfill', found: 120 }]);
    expect(checked).toEqual([16, 17]); // nobody looks for what was written over
    expect(runs.map(({ mode, counts }) => [mode, counts.missing, counts.older, counts.written])).toEqual([
      ['dry-run', 60, 60, undefined],
      ['apply', undefined, undefined, 120],
    ]);
  });

  it('keeps tables of one name apart, and checks of dry runs what they found', async () => {
    const tables = [
      { name: 'orders', dedupe },
      { name: 'orders', region: 'eu-west-1', dedupe },
      { name: 'orders', account: OTHER, dedupe },
    ];
    const hub = { region: 'us-east-1', account: '333333333333' };
    const { runs, checked } = await played({ ...SHOP, hub, tables }, 'duplicate-writes');
    expect(runs.map(({ duplicates }) => duplicates)).toEqual([120, 120, 120]);
    expect(checked).toEqual([16, 17]);
  });

  it('knows by its tags what is critical, though a later group that is only learnt selects every name', async () => {
    const functions: RecohereConfig['functions'] = [
      { select: { tags: { team: 'pay' } }, critical: true },
      { select: { name: '*' }, mode: 'learn' },
    ];
    const { notices, violations } = await played({ ...SHOP, functions }, 'bad-deploy');
    expect(violations).toEqual([]);
    expect(notices.map(({ what }) => what)).toContain('page');
  });

  it('alarms nobody of what is only learnt', async () => {
    const rehearsed = await played({ ...SHOP, mode: 'learn' }, 'bad-deploy');
    expect(rehearsed.learnt).toBe(rehearsed.subjects);
    expect(rehearsed.detection.left).toBe(0);
    expect([rehearsed.alarms, rehearsed.notices]).toEqual([[], []]);
  });

  it.each<{ reason: string; config: Partial<RecohereConfig>; scenario: Scenario; says: string }>([
    { reason: 'no function', config: { functions: [] }, scenario: 'bad-deploy', says: 'watches no function' },
    {
      reason: 'no function twice',
      config: { replicas: [{ region: 'us-east-1' }] },
      scenario: 'lost-events',
      says: 'two copies',
    },
    {
      reason: 'nothing that is compared',
      config: { functions: [{ select: { name: 'shop' }, code: 'off', ignore: ['*'], settings: false }] },
      scenario: 'bad-deploy',
      says: 'compares nothing in which copies of a function could differ',
    },
    {
      reason: 'one region in two accounts',
      config: { replicas: [{ region: 'us-east-1' }, { region: 'us-east-1', account: OTHER }] },
      scenario: 'region-outage',
      says: 'both in a region and outside of it',
    },
    { reason: 'no secret', config: { secrets: [] }, scenario: 'stuck-replica', says: 'watches no secret' },
    {
      reason: 'one region and no consumer',
      config: { replicas: [{ region: 'us-east-1' }], secrets: [{ name: 'prod/mail' }] },
      scenario: 'stuck-replica',
      says: 'no secret of the config has a replica or a consumer',
    },
    { reason: 'no table', config: { tables: [] }, scenario: 'duplicate-writes', says: 'has no table' },
  ])('with $reason has nothing to show for $scenario', async ({ config, scenario, says }) => {
    const { skipped } = await played({ ...SHOP, ...config }, scenario);
    expect(skipped).toContain(says);
  });

  it('is the same for the same seed, and another one for another', async () => {
    const [one, again, other] = [
      await played(SHOP, 'bad-deploy', 7),
      await played(SHOP, 'bad-deploy', 7),
      await played(SHOP, 'bad-deploy', 8),
    ];
    expect(JSON.stringify(again)).toBe(JSON.stringify(one));
    expect(JSON.stringify(other)).not.toBe(JSON.stringify(one));
  });
});
