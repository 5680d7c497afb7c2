import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { ConfigError, Recohere, writeRegionTemplate } from '../../lib/index.ts';
import {
  HUB_ACCOUNT,
  newApp,
  ONE_ACCOUNT,
  OTHER_ACCOUNT,
  REGIONS,
  synthesize,
  TWO_ACCOUNTS,
  WITH_CRITICAL,
  WITH_SECRETS,
  WITH_TABLES,
} from './synthesized.ts';

function manySecrets(count: number) {
  return Array.from({ length: count }, (_none, id) => ({ name: `production/checkout/database/${id}` }));
}

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

describe('the release', () => {
  it('stands in every stack, and in the template for others', () => {
    const { assembly, recohere } = synthesize(WITH_TABLES);
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    const file = writeRegionTemplate(assembly, recohere);
    const templates = [
      ...assembly.stacks.map(({ template }) => template),
      JSON.parse(readFileSync(file, 'utf8')),
    ];
    expect(templates.length).toBeGreaterThan(10);
    for (const { Outputs } of templates) {
      expect(Outputs.Release).toEqual({ Description: 'Release of Recohere', Value: version });
    }
  });
});

describe.each([
  ['one account', ONE_ACCOUNT],
  ['two accounts', TWO_ACCOUNTS],
  ['two accounts with secrets', WITH_SECRETS],
  ['two accounts with secrets and tables', WITH_TABLES],
  [
    'critical subjects and a window of maintenance',
    { ...WITH_CRITICAL, maintenance: [{ schedule: 'cron(0 2 * * SAT)', minutes: 120 }] },
  ],
  ['one account with a table', { ...ONE_ACCOUNT, tables: WITH_TABLES.tables?.slice(0, 1) ?? [] }],
  ['one account with more secrets than can be named', { ...ONE_ACCOUNT, secrets: manySecrets(30) }],
])('the rules of others, on %s', (_name, config) => {
  it('find nothing that is not acknowledged', () => {
    const { app, assembly } = synthesize(config, {
      notify: { page: ['a@example.com'], ticket: ['b@example.com'] },
    });
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

describe('a cache that cannot meet the target of a secret', () => {
  const consumers = [{ name: 'checkout-api', cacheSeconds: 300 }];
  const secret = { name: 'prod/db', targetSeconds: 120, consumers };
  const words = '300 s of cache and 30 s of replication cannot meet the target of 120 s';

  it('is told when the stacks are made, with the numbers', () => {
    const { recohere } = synthesize({ ...ONE_ACCOUNT, secrets: [{ name: 'prod/mail' }, secret] });
    const told = Annotations.fromStack(recohere.hub).findWarning('*', Match.anyValue());
    expect(told.map(({ entry }) => entry.data)).toEqual([
      `secrets[1].consumers[0].cacheSeconds: ${words} [ack: recohere:cache-budget]`,
    ]);
  });

  it('is a mistake if the config is strict', () => {
    expect(mistakesIn({ ...ONE_ACCOUNT, secrets: [{ ...secret, strict: true }] })).toContain(
      `secrets[0].consumers[0].cacheSeconds: ${words}`,
    );
  });

  it('is told of no other', () => {
    const { recohere } = synthesize(WITH_SECRETS);
    expect(Annotations.fromStack(recohere.hub).findWarning('*', Match.anyValue())).toEqual([]);
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

  it.each([
    {
      more: { replicas: [{ region: 'us-east-1' }, { region: 'us-east-1', account: OTHER_ACCOUNT }] },
      reason: 'replicas[1] names an account',
    },
    {
      more: { hub: { region: 'us-east-1', organization: 'o-a1b2c3d4e5' } },
      reason: 'hub.organization lets in others',
    },
  ])('is one without the account of the hub, where $reason', ({ more, reason }) => {
    expect(mistakesIn({ ...ONE_ACCOUNT, ...more })).toContain(
      `hub.account: is missing: write the id of the account that Recohere is deployed in, since ${reason}`,
    );
  });

  it('is one with two external ids for one role', () => {
    const replicas = ['a', 'b'].map((externalId, position) => ({
      region: REGIONS[position],
      account: OTHER_ACCOUNT,
      externalId,
    }));
    expect(mistakesIn({ ...TWO_ACCOUNTS, replicas })).toContain(`account ${OTHER_ACCOUNT}`);
  });

  it('is one with more probes than a policy has room for', () => {
    const probed = Array.from({ length: 100 }, (_none, id) => ({
      name: `prod/db-${id}`,
      consumers: [{ name: 'api', cacheSeconds: 0, probe: `probe-of-consumer-${id}` }],
    }));
    const secrets = probed.map((secret) => ({ ...secret, account: OTHER_ACCOUNT }));
    expect(mistakesIn({ ...TWO_ACCOUNTS, secrets })).toContain(
      `secrets: account ${OTHER_ACCOUNT} has more probes than a policy has room for: let one function probe several secrets`,
    );
    const replicas = [{ region: 'us-east-1', account: OTHER_ACCOUNT, role: 'theirs' }];
    expect(() => synthesize({ ...TWO_ACCOUNTS, secrets, replicas })).not.toThrow();
    expect(mistakesIn({ ...ONE_ACCOUNT, secrets: probed })).toContain(
      'secrets: the account of the hub has more probes',
    );
  });
});
