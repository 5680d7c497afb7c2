import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { ConfigError, Recohere } from '../../lib/index.ts';
import {
  HUB_ACCOUNT,
  newApp,
  ONE_ACCOUNT,
  OTHER_ACCOUNT,
  REGIONS,
  synthesize,
  TWO_ACCOUNTS,
} from './synthesized.ts';

function mistakesIn(config: unknown): string {
  try {
    new Recohere(newApp(), 'Recohere', { config: config as typeof ONE_ACCOUNT });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('there is no mistake');
}

describe('the stacks', () => {
  it('of two accounts with four regions each are ten', () => {
    const { assembly } = synthesize(TWO_ACCOUNTS);
    expect(assembly.stacks.map(({ stackName, environment }) => `${stackName} ${environment.name}`)).toEqual([
      `copies-hub aws://${HUB_ACCOUNT}/us-east-1`,
      `copies-monitoring aws://${HUB_ACCOUNT}/us-east-1`,
      ...[HUB_ACCOUNT, OTHER_ACCOUNT].flatMap((account) =>
        REGIONS.toSorted().map((region) => `copies-region aws://${account}/${region}`),
      ),
    ]);
  });

  it('need no account', () => {
    const { assembly } = synthesize(ONE_ACCOUNT);
    expect(new Set(assembly.stacks.map(({ environment }) => environment.account))).toEqual(
      new Set(['unknown-account']),
    );
  });

  it('do not refer to each other, and follow the hub', () => {
    const { assembly, recohere } = synthesize(TWO_ACCOUNTS);
    for (const stack of assembly.stacks) {
      expect(JSON.stringify(stack.template)).not.toMatch(/Fn::ImportValue|Fn::GetStackOutput|"Export"/);
      const before = stack.dependencies.map(({ id }) => id).filter((id) => !id.endsWith('.assets'));
      expect(before).toEqual(stack.id === recohere.hub.artifactId ? [] : [recohere.hub.artifactId]);
    }
  });
});

describe.each([
  ['one account', ONE_ACCOUNT],
  ['two accounts', TWO_ACCOUNTS],
])('the rules of others, on %s', (_name, config) => {
  it('find nothing that is not acknowledged', () => {
    const { app, assembly } = synthesize(config, { notify: { emails: ['a@example.com'] } });
    expect(new AwsSolutionsChecks(app).validateScope(app)).toEqual({ success: true, violations: [] });
    const report = JSON.parse(readFileSync(join(assembly.directory, 'validation-report.json'), 'utf8'));
    for (const { violations } of report.pluginReports) expect(violations).toEqual([]);
  });
});

describe('the rules of others', () => {
  it('are asked at all', () => {
    const app = newApp();
    new Queue(new Stack(app, 'stack'), 'queue');
    expect(new AwsSolutionsChecks(app).validateScope(app).success).toBe(false);
  });
});

describe('a config with mistakes', () => {
  it('is refused with all of them', () => {
    const text = mistakesIn({ hub: { region: 'nowhere' }, replicas: [], functions: [{ select: {} }] });
    expect(text.split('\n')).toEqual([
      'the config of Recohere cannot be deployed',
      expect.stringMatching(/^ {2}hub\.region: /),
      expect.stringMatching(/^ {2}replicas: /),
      expect.stringMatching(/^ {2}functions\[0\]\.select: /),
    ]);
  });

  it('is one without the account that others are to trust', () => {
    expect(
      mistakesIn({
        ...ONE_ACCOUNT,
        replicas: [{ region: 'us-east-1' }, { region: 'us-east-1', account: OTHER_ACCOUNT }],
      }),
    ).toContain('hub.account: is missing: write the id of the account that Recohere is deployed in');
  });

  it('is one with two external ids for one role', () => {
    const replicas = ['a', 'b'].map((externalId, position) => ({
      region: REGIONS[position],
      account: OTHER_ACCOUNT,
      externalId,
    }));
    expect(mistakesIn({ ...TWO_ACCOUNTS, replicas })).toContain(`account ${OTHER_ACCOUNT}`);
  });
});
