import { type Stack, Token } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { partMadeBy, type StackKind } from '../../functions/app/deployed-places.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { evaluated, type WholeTemplate } from './evaluated.ts';
import {
  type CfnResource,
  HUB_ACCOUNT,
  ONE_ACCOUNT,
  synthesize,
  WITH_CRITICAL,
  WITH_TABLES,
} from './synthesized.ts';

/** The type of the part, and the property that is its physical id. */
const PARTS: Readonly<Record<StackKind, readonly [type: string, named: string]>> = {
  hub: ['AWS::Lambda::Function', 'FunctionName'],
  monitoring: ['AWS::CloudWatch::Alarm', 'AlarmName'],
  region: ['AWS::IAM::Role', 'RoleName'],
  data: ['AWS::S3::Bucket', 'BucketName'],
};

describe.each<{ reason: string; config: RecohereConfig; stacks: number }>([
  { reason: 'functions that are only learnt', config: { ...ONE_ACCOUNT, mode: 'learn' }, stacks: 6 },
  {
    reason: 'two accounts with tables, secrets and critical functions',
    config: { ...WITH_TABLES, functions: WITH_CRITICAL.functions },
    stacks: 14,
  },
])('the part by which a stack is known, of $reason', ({ config, stacks }) => {
  const { recohere, templateOf } = synthesize(config);
  const made: readonly (readonly [StackKind, Stack])[] = [
    ['hub', recohere.hub],
    ['monitoring', recohere.monitoring],
    ...recohere.regions.map((stack) => ['region', stack] as const),
    ...recohere.data.map((stack) => ['data', stack] as const),
  ];

  it.each(made)('is once in one of %s', (kind, stack) => {
    const { region } = stack;
    const account = Token.isUnresolved(stack.account) ? HUB_ACCOUNT : stack.account;
    const [type, named] = PARTS[kind];
    const resources = Object.values(
      evaluated(templateOf(stack).toJSON() as WholeTemplate, { account, region }),
    );
    const part = partMadeBy(kind, config.prefix ?? 'recohere', account, region);
    const found = resources.filter((each) => (each.Properties as CfnResource['Properties'])[named] === part);
    expect(found.map(({ Type }) => Type)).toEqual([type]);
  });

  it('is looked for in all stacks', () => {
    expect(made).toHaveLength(stacks);
  });
});
