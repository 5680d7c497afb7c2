import { describe, expect, it } from 'vitest';
import { QUARANTINE, SPILLS } from '../../functions/contract/deployment.ts';
import { ConfigError } from '../../lib/index.ts';
import {
  actionsOf,
  HUB_ACCOUNT,
  OTHER_ACCOUNT,
  resourcesOf,
  statementsOf,
  synthesize,
  textOf,
  WITH_TABLE,
  WITH_TABLES,
} from './synthesized.ts';

const { assembly, recohere, templateOf } = synthesize(WITH_TABLES);

function mistakesIn(config: typeof WITH_TABLES): string {
  try {
    synthesize(config);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('there is no mistake');
}

describe('the stacks with what is beside tables', () => {
  it('are one for each account and region with a table, whether or not there are copies', () => {
    const places = recohere.data.map(({ stackName, account, region }) => `${stackName} ${account}/${region}`);
    expect(places).toEqual([
      `copies-data ${HUB_ACCOUNT}/us-east-1`,
      `copies-data ${HUB_ACCOUNT}/eu-west-1`,
      `copies-data ${OTHER_ACCOUNT}/us-east-1`,
      `copies-data ${OTHER_ACCOUNT}/eu-west-1`,
    ]);
  });

  it('follow the hub, and refer to no other stack', () => {
    for (const stack of recohere.data) {
      const { template, dependencies } = assembly.getStackArtifact(stack.artifactId);
      expect(JSON.stringify(template)).not.toMatch(/Fn::ImportValue|Fn::GetStackOutput|"Export"/);
      const before = dependencies.map(({ id }) => id).filter((id) => !id.endsWith('.assets'));
      expect(before).toEqual([recohere.hub.artifactId]);
    }
  });

  it("say which account's hub they are of", () => {
    for (const stack of recohere.data) {
      templateOf(stack).hasOutput('HubAccount', { Value: HUB_ACCOUNT });
    }
  });

  it('need no account', () => {
    const one = synthesize(WITH_TABLE);
    const [stack] = one.recohere.data;
    if (stack === undefined) throw new Error('there is a table');
    one.templateOf(stack).hasOutput('HubAccount', { Value: { Ref: 'AWS::AccountId' } });
    const [bucket] = resourcesOf(one.templateOf(stack), 'AWS::S3::Bucket');
    expect(bucket?.Properties.BucketName).toEqual({
      'Fn::Join': ['', ['recohere-', { Ref: 'AWS::AccountId' }, '-us-east-1']],
    });
  });
});

describe('the bucket', () => {
  it.each(recohere.data.map((stack) => [stack.artifactId, stack] as const))('of %s', (_id, stack) => {
    const template = templateOf(stack);
    const [bucket, ...others] = resourcesOf(template, 'AWS::S3::Bucket');
    expect(others).toEqual([]);
    expect(bucket?.Properties).toMatchObject({
      BucketName: `copies-${stack.account}-${stack.region}`,
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      LifecycleConfiguration: {
        Rules: [
          { Status: 'Enabled', Prefix: QUARANTINE.prefix, ExpirationInDays: QUARANTINE.days },
          { Status: 'Enabled', Prefix: SPILLS.prefix, ExpirationInDays: SPILLS.days },
          { Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
        ],
      },
    });
    expect(bucket?.Properties).not.toHaveProperty('VersioningConfiguration'); // what is forgotten is to be gone
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: [
          { Effect: 'Deny', Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        ],
      },
    });
  });

  it('goes with its stack, and nothing that is in it does: CloudFormation deletes none that is not empty', () => {
    for (const stack of recohere.data) {
      const template = templateOf(stack);
      template.hasResource('AWS::S3::Bucket', { DeletionPolicy: 'Delete' });
      expect(Object.keys(template.findResources('Custom::S3AutoDeleteObjects'))).toEqual([]);
    }
  });
});

describe('the role of an account', () => {
  const made = recohere.data.filter((stack) => statementsOf(templateOf(stack), 'copies-data'));

  it('is made once, and never in that of the hub', () => {
    expect(made.map(({ account, region }) => `${account}/${region}`)).toEqual([`${OTHER_ACCOUNT}/us-east-1`]);
  });

  it('is assumed by who works on runs in the hub', () => {
    const [role] = made.flatMap((stack) => resourcesOf(templateOf(stack), 'AWS::IAM::Role'));
    const [statement, ...others] = role?.Properties.AssumeRolePolicyDocument.Statement ?? [];
    expect(others).toEqual([]);
    expect(statement).toMatchObject({ Effect: 'Allow', Action: 'sts:AssumeRole' });
    expect(textOf(statement.Principal.AWS)).toBe(`arn:aws:iam::${HUB_ACCOUNT}:root`);
    expect(textOf(statement.Condition.ArnLike['aws:PrincipalArn'])).toBe(
      `arn:aws:iam::${HUB_ACCOUNT}:role/copies-reconcile*`,
    );
  });

  it('may do what runs do, in all its regions', () => {
    const statements = made.flatMap((stack) => statementsOf(templateOf(stack), 'copies-data'));
    expect(actionsOf(statements)).toEqual([
      'dynamodb:BatchGetItem',
      'dynamodb:DeleteItem',
      'dynamodb:DescribeContinuousBackups',
      'dynamodb:DescribeTable',
      'dynamodb:PutItem',
      'dynamodb:Scan',
      's3:DeleteObject',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
    ]);
  });
});

describe('a config with tables', () => {
  it('must name the account of the hub if a table names one', () => {
    const { hub, replicas, tables, ...rest } = WITH_TABLES;
    expect(
      mistakesIn({
        ...rest,
        secrets: [],
        hub: { region: 'us-east-1' },
        replicas: [{ region: 'us-east-1' }],
        tables: tables?.slice(2) ?? [],
      }),
    ).toContain(
      'hub.account: is missing: write the id of the account that Recohere is deployed in, since tables[0] names an account',
    );
  });

  it('may name no more tables than a policy has room for', () => {
    const tables = (count: number) =>
      Array.from({ length: count }, (_none, id) => ({
        name: `production-checkout-${id}`,
        dedupe: { key: 'orderId', keep: 'oldest', by: 'createdAt' } as const,
        apply: true,
      }));
    expect(mistakesIn({ ...WITH_TABLE, tables: tables(100) })).toContain(
      'tables: the account of the hub has more tables than a policy has room for',
    );
    const { recohere: own, templateOf: ownTemplateOf } = synthesize({ ...WITH_TABLES, tables: tables(28) });
    for (const part of ['reconcile', 'reconcile-worker']) {
      const policy = JSON.stringify(statementsOf(ownTemplateOf(own.hub), `copies-${part}`));
      // as IAM counts: with texts in the place of intrinsic functions
      const text = policy
        .replaceAll(/\{"Fn::Join":\["",\[(.*?)\]\]\}/g, '"$1"')
        .replaceAll(/\{"Ref":"[^"]*"\}/g, 'x'.repeat(12));
      expect(text.length).toBeLessThan(10_240);
    }
  });
});
