import { describe, expect, it } from 'vitest';
import { findRegions, scopeOfAccount } from '../../functions/app/account-scope.ts';
import { scopeOfConfig, scopeOfSubjects } from '../../functions/app/scope.ts';
import { parseConfig } from '../../functions/contract/config.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { configScope } from './simulated.ts';

describe('the scope of a config', () => {
  it('reaches other accounts by a role whose name follows from the config', () => {
    const { places, primary } = configScope({
      prefix: 'acme',
      hub: { region: 'us-east-1', account: '111111111111' },
      replicas: [
        { region: 'us-east-1' },
        { region: 'eu-west-1', account: '111111111111' },
        { region: 'eu-west-1', account: '222222222222' },
        { region: 'cn-north-1', account: '333333333333', role: 'reader', externalId: 'x' },
        { region: 'us-gov-west-1', account: '444444444444' },
      ],
      primary: { region: 'us-east-1', account: '111111111111' },
    });
    expect(places).toEqual([
      { region: 'us-east-1', account: '111111111111' },
      { region: 'eu-west-1', account: '111111111111' },
      {
        region: 'eu-west-1',
        account: '222222222222',
        access: { roleArn: 'arn:aws:iam::222222222222:role/acme-read' },
      },
      {
        region: 'cn-north-1',
        account: '333333333333',
        access: { roleArn: 'arn:aws-cn:iam::333333333333:role/reader', externalId: 'x' },
      },
      {
        region: 'us-gov-west-1',
        account: '444444444444',
        access: { roleArn: 'arn:aws-us-gov:iam::444444444444:role/acme-read' },
      },
    ]);
    expect(primary).toEqual({ region: 'us-east-1', account: '111111111111' });
  });

  it('is narrowed to regions, in the order of the flag', () => {
    expect(configScope({}, { regions: ['us-west-2', 'eu-west-1'] }).places).toEqual([
      { region: 'us-west-2' },
      { region: 'eu-west-1' },
    ]);
  });
});

describe('the scope of subjects', () => {
  const parsed = parseConfig({
    hub: { region: 'us-east-1' },
    replicas: [{ region: 'us-east-1' }],
    functions: [{ select: { name: 'a*' } }, { select: { name: 'b*' } }],
  });
  if (!parsed.ok) throw new Error(parsed.mistakes.join());
  const { config } = parsed;

  it('selects each of them in each group', () => {
    expect(scopeOfSubjects(config, ['api']).groups.map(({ select }) => select)).toEqual([
      [{ name: 'a*' }, {}, { name: 'api' }],
      [{ name: 'b*' }, {}, { name: 'api' }],
    ]);
  });

  it.each([
    { subjects: Array.from({ length: 11 }, (_, i) => `f-${i}`), reason: 'they are many' },
    { subjects: ['api', 'api (functions[1])'], reason: 'one shares its name with one of a group before' },
  ])('is that of the config where $reason', ({ subjects }) => {
    expect(scopeOfSubjects(config, subjects)).toEqual(scopeOfConfig(config, {}));
  });
});

describe('the scope without a config', () => {
  it.each([
    { narrowing: {}, expected: 'where-seen', reason: 'nobody said where copies should be' },
    { narrowing: { name: 'a' }, expected: 'where-seen', reason: 'nobody said where copies should be' },
    { narrowing: { regions: ['eu-west-1'] }, expected: 'if-copied', reason: 'regions were named' },
    {
      narrowing: { regions: ['eu-west-1'], stack: 's' },
      expected: 'everywhere',
      reason: 'functions were named too',
    },
  ])('expects copies $expected, since $reason', ({ narrowing, expected }) => {
    expect(scopeOfAccount(narrowing, ['us-east-1', 'eu-west-1'])).toMatchObject({
      expected,
      pairByStack: true,
    });
  });
});

describe('the enabled regions', () => {
  it('are found, refused, or the search fails for a defect', async () => {
    const source = (answer: () => string[]) => ({ enabled: async () => answer() });
    const throwing = (error: Error) =>
      source(() => {
        throw error;
      });
    const refusal = { code: 'ACCESS_DENIED', call: 'account:ListRegions' } as const;
    expect(await findRegions(source(() => ['eu-west-1']))).toEqual({ regions: ['eu-west-1'] });
    expect(await findRegions(throwing(new RefusedError(refusal)))).toEqual({ refusal });
    await expect(findRegions(throwing(new TypeError('a defect')))).rejects.toThrow('a defect');
  });
});
