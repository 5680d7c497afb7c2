import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { afterAll } from 'vitest';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { Recohere, type RecohereProps } from '../../lib/index.ts';

export const HUB_ACCOUNT = '111111111111';
export const OTHER_ACCOUNT = '222222222222';
export const REGIONS = ['us-east-1', 'eu-west-1', 'eu-central-1', 'ap-southeast-2'] as const;

const folder = mkdtempSync(join(tmpdir(), 'recohere-lib-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** One account, which the config does not name. */
export const ONE_ACCOUNT: RecohereConfig = {
  hub: { region: 'us-east-1' },
  replicas: REGIONS.map((region) => ({ region })),
  functions: [{ select: { name: 'checkout-*' } }],
};

/** Two accounts with four regions each. */
export const TWO_ACCOUNTS: RecohereConfig = {
  ...ONE_ACCOUNT,
  prefix: 'copies',
  hub: { region: 'us-east-1', account: HUB_ACCOUNT },
  replicas: [
    ...REGIONS.map((region) => ({ region })),
    ...REGIONS.map((region) => ({ region, account: OTHER_ACCOUNT, externalId: 'an-id' })),
  ],
};

/** The same with secrets of both accounts, and with functions that are invoked to probe who uses them. */
export const WITH_SECRETS: RecohereConfig = {
  ...TWO_ACCOUNTS,
  secrets: [
    { name: 'prod/db', consumers: [{ name: 'checkout-api', cacheSeconds: 60, probe: 'checkout-api:live' }] },
    { name: 'prod/mail' },
    {
      name: 'prod/db',
      account: OTHER_ACCOUNT,
      consumers: [
        { name: 'billing', cacheSeconds: 60, probe: 'billing-probe' },
        { name: 'reports', cacheSeconds: 0, probe: 'billing-probe' },
      ],
    },
  ],
};

/** Two accounts with subjects that are critical. */
export const WITH_CRITICAL: RecohereConfig = {
  ...TWO_ACCOUNTS,
  functions: [{ select: { name: 'checkout-*' }, critical: true }],
};

/** A module with a transform, as a user writes it. @returns its path */
function writtenTransform(text = 'export default (item: object) => item;\n'): string {
  const path = join(mkdtempSync(join(folder, 'transform-')), 'transform.ts');
  writeFileSync(path, text);
  return path;
}

const DEDUPE = { key: 'orderId', keep: 'oldest', by: 'createdAt' } as const;

/** The same with tables of both accounts; what is in the names says what may be done with them. */
export const WITH_TABLES: RecohereConfig = {
  ...WITH_SECRETS,
  tables: [
    { name: 'deduped', dedupe: DEDUPE, apply: true, schedule: 'rate(1 day)' },
    {
      name: 'read-only',
      region: 'eu-west-1',
      dedupe: DEDUPE,
      backfill: { to: 'read-only-target', transform: writtenTransform() },
      schedule: 'cron(0 3 * * ? *)',
    },
    {
      name: 'source',
      account: OTHER_ACCOUNT,
      backfill: { to: 'filled', transform: writtenTransform() },
      apply: true,
    },
    { name: 'deduped-there', account: OTHER_ACCOUNT, region: 'eu-west-1', dedupe: DEDUPE, apply: true },
  ],
};

/** One account with one table. */
export const WITH_TABLE: RecohereConfig = {
  ...ONE_ACCOUNT,
  tables: [{ name: 'orders', dedupe: DEDUPE, apply: true, schedule: 'rate(1 day)' }],
};

/** An app as the CDK's command line runs it, which leaves its files in a folder that goes with the tests. */
export function newApp(): App {
  const { context } = JSON.parse(readFileSync('cdk.json', 'utf8'));
  return new App({
    outdir: mkdtempSync(join(folder, 'out-')),
    context: { ...context, 'aws:cdk:enable-path-metadata': true },
    analyticsReporting: true,
  });
}

export interface Synthesized {
  readonly app: App;
  readonly recohere: Recohere;
  readonly assembly: CloudAssembly;
  readonly templateOf: (stack: Stack) => Template;
}

/** The stacks of a config. */
export function synthesize(config: RecohereConfig, props: Partial<RecohereProps> = {}): Synthesized {
  const app = newApp();
  const recohere = new Recohere(app, 'Recohere', { ...props, config });
  return { app, recohere, assembly: app.synth(), templateOf: (stack) => Template.fromStack(stack) };
}

/** What the stack of a region is given, by StackSets and Terraform too. */
export function regionParameters(): string[] {
  const { recohere, templateOf } = synthesize(ONE_ACCOUNT);
  const [region = recohere.hub] = recohere.regions;
  return Object.keys(templateOf(region).toJSON().Parameters);
}

/** What a template says of each resource of a type, whatever their names. */
export function resourcesOf(template: Template, type: string): CfnResource[] {
  return Object.values(template.findResources(type)) as CfnResource[];
}

/** A resource as CloudFormation reads it. */
export interface CfnResource {
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests are about
  readonly Properties: any;
  readonly Condition?: string;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly NotResource?: unknown;
  readonly Condition?: unknown;
}

interface Policy {
  readonly PolicyDocument: { readonly Statement: readonly Statement[] };
}

/** The statements of the policies of a role, of those too that are there only if a condition holds. */
export function statementsOf(template: Template, roleName: unknown): Statement[] {
  const role = resourcesOf(template, 'AWS::IAM::Role').find(
    ({ Properties }) => JSON.stringify(Properties.RoleName) === JSON.stringify(roleName),
  );
  return role?.Properties.Policies.map((policy: Policy | { 'Fn::If': [string, Policy, unknown] }) =>
    'Fn::If' in policy ? policy['Fn::If'][1] : policy,
  ).flatMap(({ PolicyDocument }: Policy) => PolicyDocument.Statement);
}

/** All that some statements allow, in order. */
export function actionsOf(statements: readonly Statement[]): string[] {
  return [...new Set(statements.filter(isAllowing).flatMap(({ Action }) => Action))].toSorted();
}

/** What stands in the statement that allows an action, which must be one only. */
export function statementWith(statements: readonly Statement[], action: string): Statement | undefined {
  const [found, ...others] = statements
    .filter(isAllowing)
    .filter(({ Action }) => [Action].flat().includes(action));
  if (others.length > 0) throw new Error(`${action} is in several statements`);
  return found;
}

function isAllowing({ Effect }: Statement): boolean {
  return Effect === 'Allow';
}

/** The text of an ARN that is joined out of parts, in the account and region of the hub. */
export function textOf(joined: unknown): string {
  const variables: Readonly<Record<string, string>> = {
    'AWS::Partition': 'aws',
    'AWS::AccountId': HUB_ACCOUNT,
    'AWS::Region': 'us-east-1',
  };
  if (typeof joined === 'string') return joined;
  const { Ref, 'Fn::Join': join } = joined as { Ref?: string; 'Fn::Join'?: [string, unknown[]] };
  if (join) return join[1].map(textOf).join(join[0]);
  return variables[Ref ?? ''] ?? JSON.stringify(joined);
}
