import { describe, expect, it } from 'vitest';
import { parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';

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
          },
        ],
      },
    });
  });

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
