import { describe, expect, it } from 'vitest';
import { parseConfig, type RecohereConfig, warningsOf } from '../../functions/contract/config.ts';

const smallest: RecohereConfig = {
  hub: { region: 'us-east-1' },
  replicas: [{ region: 'us-east-1' }, { region: 'eu-west-1' }],
  functions: [{ select: { name: '*' } }],
};

function mistakesOf(written: unknown): readonly string[] {
  const result = parseConfig(written);
  return result.ok ? [] : result.mistakes;
}

describe('a config', () => {
  it('has defaults for all that is not written', () => {
    expect(parseConfig(smallest)).toEqual({
      ok: true,
      config: {
        ...smallest,
        prefix: 'recohere',
        deadlineSeconds: 300,
        maxRolloutSeconds: 3600,
        mode: 'alert',
        functions: [
          {
            select: { name: '*' },
            identity: 'name',
            names: {},
            replicas: {},
            ignore: [],
            perReplica: [],
            code: 'sha256',
            settings: true,
            alarmOn: ['env'],
            critical: false,
            targets: { exposurePercent: 1 },
          },
        ],
        secrets: [],
        tables: [],
        maintenance: [],
      },
    });
  });

  it.each([
    { schedule: 'cron(0 2 * * SAT)', isTaken: true, reason: 'a night a week' },
    { schedule: 'cron(30 1,13 1-7 JAN-MAR MON,TUE)', isTaken: true, reason: 'lists and ranges' },
    { schedule: 'at(2026-12-24T18:00)', isTaken: true, reason: 'once' },
    { schedule: 'cron(0 2 * * 6)', isTaken: false, reason: '6 is Saturday to one and Friday to another' },
    { schedule: 'cron(0 2 ? * SAT *)', isTaken: false, reason: 'six fields, as rules have' },
    { schedule: 'cron(*/30 * * * *)', isTaken: false, reason: 'steps' },
    { schedule: 'cron(banana)', isTaken: false, reason: 'no fields' },
    { schedule: 'at(yesterday)', isTaken: false, reason: 'no date' },
    { schedule: 'rate(1 day)', isTaken: false, reason: 'a rate' },
  ])('takes a window of maintenance: $isTaken, of $reason', ({ schedule, isTaken }) => {
    expect(parseConfig({ ...smallest, maintenance: [{ schedule, minutes: 60 }] }).ok).toBe(isTaken);
  });

  it.each([
    { organization: 'o-a1b2c3d4e5', mistakes: [], reason: 'an id' },
    {
      organization: 'ou-a1b2-c3d4e5f6',
      mistakes: ['hub.organization: is not the id of an organisation, such as o-a1b2c3d4e5'],
      reason: 'the id of a unit of one',
    },
  ])('names an organisation by its id: $reason', ({ organization, mistakes }) => {
    expect(mistakesOf({ ...smallest, hub: { ...smallest.hub, organization } })).toEqual(mistakes);
  });

  it('knows names of time zones', () => {
    const windowIn = (timezone: string) => ({ schedule: 'at(2026-12-24T18:00)', minutes: 60, timezone });
    expect(parseConfig({ ...smallest, maintenance: [windowIn('Europe/Berlin')] }).ok).toBe(true);
    expect(parseConfig({ ...smallest, maintenance: [windowIn('Mars/Phobos')] })).toMatchObject({
      mistakes: ['maintenance[0].timezone: is not the name of a time zone, such as Europe/Berlin'],
    });
  });

  it('may name tables alone, over which all runs are dry unless it says otherwise', () => {
    const { functions, ...rest } = smallest;
    const dedupe = { key: 'orderId', keep: 'oldest', by: 'createdAt' } as const;
    expect(parseConfig({ ...rest, tables: [{ name: 'orders', dedupe }] })).toMatchObject({
      ok: true,
      config: {
        tables: [
          {
            name: 'orders',
            dedupe: { ...dedupe, where: {} },
            apply: false,
            maxRemovals: 10_000,
            maxErrors: 100,
          },
        ],
      },
    });
  });

  it.each([
    [{ name: 'orders' }, 'tables[0]: must have dedupe, backfill or both'],
    [{ name: 'a!', dedupe: true }, 'tables[0].name: is not the name of a table'],
    [
      { name: 'orders', backfill: { to: 'orders', transform: './t.ts' } },
      'tables[0].backfill.to: is the table itself',
    ],
    [
      { name: 'orders', dedupe: { key: ['a', 'b'], keep: 'newest', by: 'b' } },
      'tables[0].dedupe.by: is part of the key, and so the same in all copies',
    ],
    [
      { name: 'orders', schedule: 'daily', backfill: { to: 'other', transform: './t.ts' } },
      'tables[0].schedule: is not rate(…) or cron(…)',
    ],
  ])('with the table %o is refused', (table, mistake) => {
    expect(mistakesOf({ ...smallest, tables: [table] })).toContain(mistake);
  });

  it('names a table twice only if it is in two places', () => {
    const backfill = { to: 'other', transform: './t.ts' };
    const twice = (region: string) => [
      { name: 'orders', backfill },
      { name: 'orders', region, backfill },
    ];
    expect(mistakesOf({ ...smallest, tables: twice('us-east-1') })).toEqual([
      'tables[1].name: is there twice',
    ]);
    expect(mistakesOf({ ...smallest, tables: twice('eu-west-1') })).toEqual([]);
  });

  it('may watch secrets alone, with defaults for all that is not written of them', () => {
    const { functions, ...rest } = smallest;
    const secrets = [{ name: 'prod/db', consumers: [{ name: 'api', cacheSeconds: 60 }] }, { name: 'b' }];
    const times = { replicationSeconds: 30, targetSeconds: 120, strict: false };
    expect(parseConfig({ ...rest, secrets })).toMatchObject({
      ok: true,
      config: {
        functions: [],
        secrets: [
          { ...secrets[0], ...times },
          { name: 'b', consumers: [], ...times },
        ],
      },
    });
  });

  const slow = { name: 'prod/db', consumers: [{ name: 'api', cacheSeconds: 300 }] };
  const words = '300 s of cache and 30 s of replication cannot meet the target of 120 s';

  it('whose caches cannot meet a target has a warning with the numbers, and a mistake if it is strict', () => {
    const warned = parseConfig({ ...smallest, secrets: [{ name: 'b' }, slow] });
    expect(warned.ok && warningsOf(warned.config)).toEqual([
      `secrets[1].consumers[0].cacheSeconds: ${words}`,
    ]);
    expect(mistakesOf({ ...smallest, secrets: [{ ...slow, strict: true }] })).toEqual([
      `secrets[0].consumers[0].cacheSeconds: ${words}`,
    ]);
  });

  it.each([
    { change: { targetSeconds: 330 }, reason: 'the target is just met' },
    { change: { replicationSeconds: 1, targetSeconds: 301 }, reason: 'replication is expected to be faster' },
    { change: { consumers: [] }, reason: 'nobody caches it' },
  ])('has no warning if $reason', ({ change }) => {
    const parsed = parseConfig({ ...smallest, secrets: [{ ...slow, ...change }] });
    expect(parsed.ok && warningsOf(parsed.config)).toEqual([]);
  });

  it.each([
    {
      secret: { name: '' },
      mistake: 'secrets[0].name: is not the name of a secret, such as prod/db, or is its ARN',
    },
    {
      secret: { name: 'arn:aws:secretsmanager:us-east-1:111111111111:secret:db-AbCdEf' },
      mistake: 'secrets[0].name: is not the name of a secret, such as prod/db, or is its ARN',
    },
    {
      secret: { name: 'b', account: '1' },
      mistake: 'secrets[0].account: is not an AWS account id of 12 digits',
    },
    {
      secret: { name: 'b', account: '333333333333' },
      mistake: 'secrets[0].account: is not an account of replicas',
    },
    {
      secret: { name: 'b', regions: ['us-west-2'] },
      mistake: 'secrets[0].regions: us-west-2 is not a region of it',
    },
    {
      secret: { name: 'b', consumers: [{ name: 'api' }] },
      mistake: 'secrets[0].consumers[0].cacheSeconds: is missing',
    },
    {
      secret: { name: 'b', consumers: [{ name: 'api', cacheSeconds: 9, probe: 'arn:aws:x' }] },
      mistake: 'secrets[0].consumers[0].probe: is not name or name:alias of a function',
    },
    {
      secret: {
        name: 'b',
        consumers: [
          { name: 'api', cacheSeconds: 9 },
          { name: 'api', cacheSeconds: 9 },
        ],
      },
      mistake: 'secrets[0].consumers[1].name: is there twice',
    },
    {
      secret: {
        name: 'b',
        regions: ['us-east-1'],
        consumers: [{ name: 'api', cacheSeconds: 9, regions: ['eu-west-1'] }],
      },
      mistake: 'secrets[0].consumers[0].regions: eu-west-1 is not a region of it',
    },
    {
      secret: {
        name: 'b',
        consumers: Array.from({ length: 51 }, (_, index) => ({ name: `api-${index}`, cacheSeconds: 9 })),
      },
      mistake: 'secrets[0].consumers: are more than 100 in all regions together',
    },
    {
      secret: { name: 'b', targetSeconds: 0 },
      mistake: 'secrets[0].targetSeconds: Too small: expected number to be >=1',
    },
  ])('with one mistake in a secret has one line: $mistake', ({ secret, mistake }) => {
    expect(mistakesOf({ ...smallest, secrets: [secret] })).toEqual([mistake]);
  });

  it('names a secret twice only if it is in two accounts', () => {
    const replicas = [...smallest.replicas, { region: 'us-east-1', account: '222222222222' }];
    const twice = (account?: string) => [{ name: 'b' }, { name: 'b', ...(account && { account }) }];
    expect(mistakesOf({ ...smallest, replicas, secrets: twice() })).toEqual([
      'secrets[1].name: is there twice',
    ]);
    expect(mistakesOf({ ...smallest, replicas, secrets: twice('222222222222') })).toEqual([]);
  });

  it.each([{}, { functions: [] }, { functions: [], secrets: [], tables: [] }])(
    'that watches nothing is refused',
    (change) => {
      const { functions, ...rest } = smallest;
      expect(mistakesOf({ ...rest, ...change })).toEqual([
        'config: watches nothing; name functions, secrets or tables',
      ]);
    },
  );

  it.each([
    { change: { hub: {} }, mistake: 'hub.region: is missing' },
    {
      change: { hub: { region: 'narnia' } },
      mistake: 'hub.region: is not the code of an AWS region, such as eu-west-1',
    },
    { change: { replicas: [] }, mistake: 'replicas: Too small: expected array to have >=1 items' },
    {
      change: { replicas: [{ region: 'eu-west-1', account: 111111111111 }] },
      mistake: 'replicas[0].account: must be text: put the account id in quotes',
    },
    {
      change: { replicas: [{ region: 'eu-west-1', account: '1' }] },
      mistake: 'replicas[0].account: is not an AWS account id of 12 digits',
    },
    {
      change: { replicas: [{ region: 'eu-west-1' }, { region: 'eu-west-1' }] },
      mistake: 'replicas[1]: is there twice',
    },
    {
      change: {
        hub: { region: 'us-east-1', account: '111111111111' },
        replicas: [{ region: 'eu-west-1' }, { region: 'eu-west-1', account: '111111111111' }],
      },
      mistake: 'replicas[1]: is there twice',
    },
    { change: { primary: { region: 'us-west-2' } }, mistake: 'primary: is not one of replicas' },
    { change: { regions: [] }, mistake: 'config: Unrecognized key: "regions"' },
    {
      change: { functions: [{ select: {} }] },
      mistake: 'functions[0].select: must name at least one of name, stack, tags',
    },
    {
      change: { functions: [{ select: { name: '*' }, identity: 'arn' }] },
      mistake: "functions[0].identity: must be 'name', 'stack+logicalId' or { tag: '…' }",
    },
    {
      change: { functions: [{ select: { name: '*' }, code: {} }] },
      mistake: "functions[0].code: must be 'sha256', 'off', { tag: '…' } or { variable: '…' }",
    },
    {
      change: { functions: [{ select: { name: '*' }, replicas: { api: ['us-west-2'] } }] },
      mistake: 'functions[0].replicas.api: us-west-2 is not a region of replicas',
    },
    {
      change: { maxRolloutSeconds: 10 },
      mistake: 'maxRolloutSeconds: must not be less than deadlineSeconds',
    },
    {
      change: { functions: [{ select: { name: '*' }, alarmOn: ['env', 'traffic'] }] },
      mistake: 'functions[0].alarmOn[1]: Invalid option: expected one of "env"|"code"|"settings"',
    },
    { change: { mode: 'quiet' }, mistake: 'mode: Invalid option: expected one of "alert"|"learn"' },
    {
      change: { prefix: 'Recohere!' },
      mistake: 'prefix: must be 1 to 32 of a-z, 0-9 and -, and begin with a letter',
    },
  ])('with one mistake has one line: $mistake', ({ change, mistake }) => {
    expect(mistakesOf({ ...smallest, ...change })).toEqual([mistake]);
  });

  it('with several mistakes lists them all', () => {
    const group = { select: { name: 'a:b' }, replicas: { api: ['us-west-2'] } };
    expect(
      mistakesOf({ hub: 3, replicas: [{ regoin: 'x' }], functions: [{}, group], deadlineSeconds: 'x' }),
    ).toEqual([
      'hub: is not of the type object',
      'replicas[0].region: is missing',
      'replicas[0]: Unrecognized key: "regoin"',
      'functions[0].select: is missing',
      'functions[1].select.name: is not the name of a function, nor a pattern of one',
      'deadlineSeconds: is not of the type number',
    ]);
  });

  it('with mistakes within settings and between them lists both', () => {
    const group = {
      select: { name: 'a' },
      replicas: { api: ['us-west-2', 'narnia'] },
      deadlineSeconds: 9999,
    };
    expect(mistakesOf({ ...smallest, functions: [group], mode: 'quiet' })).toEqual([
      'functions[0].replicas.api[1]: is not the code of an AWS region, such as eu-west-1',
      'mode: Invalid option: expected one of "alert"|"learn"',
      'functions[0].replicas.api: us-west-2 is not a region of replicas',
      'functions[0].deadlineSeconds: must not be more than maxRolloutSeconds',
    ]);
  });

  it.each([
    { change: { hub: 3, primary: { region: 'us-east-1' } }, reason: 'a hub that is none' },
    { change: { replicas: 'all', primary: { region: 'us-east-1' } }, reason: 'replicas that are none' },
    {
      change: { replicas: [{ region: 'us-east-1' }, { region: 'us-east-1', account: 7 }] },
      reason: 'an account that is none',
    },
    { change: { deadlineSeconds: 'long', maxRolloutSeconds: 1 }, reason: 'a deadline that is none' },
  ])('with $reason has no second mistake that follows from it', ({ change }) => {
    expect(mistakesOf({ ...smallest, ...change })).toHaveLength(1);
  });

  it.each([
    { select: { tags: {} }, mistake: 'functions[0].select.tags: must name a tag' },
    {
      select: { stack: ' ' },
      mistake: 'functions[0].select.stack: is not the name of a stack, nor a pattern of one',
    },
    {
      select: { stack: '!b*' },
      mistake: 'functions[0].select.stack: is not the name of a stack, nor a pattern of one',
    },
  ])('cannot select by $select', ({ select, mistake }) => {
    expect(mistakesOf({ ...smallest, functions: [{ select }] })).toEqual([mistake]);
  });

  it('cannot turn patterns of keys round', () => {
    const functions = [{ select: { name: 'a' }, ignore: ['!A'], perReplica: [' '] }];
    expect(mistakesOf({ ...smallest, functions })).toHaveLength(2);
  });

  it.each([null, undefined, 3, 'text', []])('that is %j is refused', (written) => {
    expect(mistakesOf(written)).toHaveLength(1);
  });

  it('that is wrong is never quoted', () => {
    const mistakes = mistakesOf({
      hub: { region: 'hunter2' },
      mode: 'hunter2',
      prefix: 'hunter2!',
      functions: 'hunter2',
    });
    expect(mistakes.join()).not.toContain('hunter2');
  });

  it.each(['us-east-1', 'ap-southeast-2', 'us-gov-west-1', 'cn-north-1', 'eusc-de-east-1', 'us-isob-east-1'])(
    'may name the region %s',
    (region) => {
      expect(mistakesOf({ ...smallest, hub: { region } })).toEqual([]);
    },
  );
});
