import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { EVENT_PATTERNS } from '../../functions/contract/event-patterns.ts';
import { writeRegionTemplate } from '../../lib/index.ts';
import { PROBE_ACTIONS, READ_ACTIONS, SECRET_READ_ACTIONS } from '../../lib/permissions.ts';
import { evaluated, type WholeTemplate } from './evaluated.ts';
import {
  actionsOf,
  type CfnResource,
  HUB_ACCOUNT,
  ONE_ACCOUNT,
  OTHER_ACCOUNT,
  REGIONS,
  resourcesOf,
  statementsOf,
  statementWith,
  synthesize,
  TWO_ACCOUNTS,
  WITH_SECRETS,
} from './synthesized.ts';

interface Parameter {
  readonly Default?: string;
}

const { app, assembly, recohere, templateOf } = synthesize(WITH_SECRETS);
const [first] = recohere.regions;
if (first === undefined) throw new Error('there are stacks of regions');
const template = templateOf(first);
const FORWARD_ROLE = { 'Fn::Join': ['', [{ Ref: 'Prefix' }, '-forward-', { Ref: 'AWS::Region' }]] };
const READ_ROLE = { 'Fn::Join': ['', [{ Ref: 'Prefix' }, '-read']] };
const SECRET_ARN = `arn:aws:secretsmanager:*:${OTHER_ACCOUNT}:secret:prod/db`;
const PROBE_ARN = `arn:aws:lambda:*:${OTHER_ACCOUNT}:function:billing-probe`;
const HUB_OR_OWN = { 'Fn::If': ['IsInHubAccount', { Ref: 'AWS::AccountId' }, { Ref: 'HubAccount' }] };

function defaultsOf(stack: Stack): Record<string, string> {
  const parameters: Record<string, Parameter> = templateOf(stack).toJSON().Parameters;
  return Object.fromEntries(Object.entries(parameters).map(([name, { Default = '' }]) => [name, Default]));
}

/** The read role as CloudFormation makes it, if it does. */
function readRoleIn(account: string, region: string, parameters: Readonly<Record<string, string>>) {
  const deployment = { account, region, parameters: { Prefix: 'copies', ...parameters } };
  const made = evaluated(template.toJSON() as WholeTemplate, deployment);
  return Object.values(made)
    .map(({ Properties }) => Properties as CfnResource['Properties'])
    .find(({ RoleName }) => RoleName === 'copies-read');
}

describe('the template of a region', () => {
  it('is the same for all regions of an account, and for all accounts up to defaults and ARNs', () => {
    const textsOf = (account: string) =>
      recohere.regions
        .filter((stack) => stack.account === account)
        .map((stack) => readFileSync(assembly.getStackArtifact(stack.artifactId).templateFullPath, 'utf8'));
    for (const account of [HUB_ACCOUNT, OTHER_ACCOUNT]) {
      expect(textsOf(account)).toHaveLength(4);
      expect(new Set(textsOf(account)).size).toBe(1);
    }
    const without = synthesize({ ...WITH_SECRETS, secrets: [] });
    const texts = without.recohere.regions.map((stack) => {
      const { templateFullPath } = without.assembly.getStackArtifact(stack.artifactId);
      return readFileSync(templateFullPath, 'utf8').replaceAll(/"Default": "[^"]*"/g, '"Default": ""');
    });
    expect(new Set(texts).size).toBe(1);
  });

  it('has the ARNs themselves where the CDK deploys it, since of a parameter it would keep what was there before', () => {
    const other = recohere.regions.find((stack) => stack.account === OTHER_ACCOUNT) as Stack;
    const statements = statementsOf(templateOf(other), READ_ROLE);
    expect(statementWith(statements, 'secretsmanager:DescribeSecret')?.Resource).toEqual([
      SECRET_ARN,
      `${SECRET_ARN}-??????`,
    ]);
    expect(statementWith(statements, 'lambda:InvokeFunction')?.Resource).toBe(PROBE_ARN);
    expect(Object.keys(templateOf(other).toJSON().Parameters)).not.toContain('SecretArns');
  });

  it('differs in defaults from account to account only, and only in what is asked of its read role', () => {
    const ofHub = { ...common(), HubAccount: HUB_ACCOUNT };
    const { SecretArns, ProbeArns, ...named } = ofHub;
    const ofOther = { ...named, ReadRoleRegion: 'us-east-1', ExternalId: 'an-id' };
    for (const stack of recohere.regions) {
      expect(defaultsOf(stack)).toEqual(stack.account === HUB_ACCOUNT ? ofHub : ofOther);
    }
  });

  it('leaves out the account of the hub if the config does', () => {
    const one = synthesize(ONE_ACCOUNT);
    for (const stack of one.recohere.regions) {
      expect(defaultsOf(stack)).toEqual({
        ...common(),
        Prefix: 'recohere',
        HubAccount: '',
      });
    }
  });

  it('needs no assets and no bootstrapped account', () => {
    const { Rules, Metadata, Parameters } = template.toJSON();
    expect({ Rules, Metadata }).toEqual({});
    expect(Object.keys(Parameters).toSorted()).toEqual([
      'ExternalId',
      'HubAccount',
      'HubRegion',
      'Prefix',
      'ProbeArns',
      'ReadRoleRegion',
      'SecretArns',
    ]);
    for (const stack of recohere.regions) {
      const file = join(assembly.directory, `${stack.artifactId}.assets.json`);
      const { files, dockerImages } = JSON.parse(readFileSync(file, 'utf8'));
      expect(Object.values(files)).toEqual([
        expect.objectContaining({ source: { path: stack.templateFile, packaging: 'file' } }),
      ]);
      expect(dockerImages).toEqual({});
    }
    expect(JSON.stringify(template.toJSON())).not.toContain('aws:cdk');
  });

  it('names neither accounts nor regions but in parameters', () => {
    const { Parameters, ...rest } = template.toJSON();
    for (const name of [...REGIONS, HUB_ACCOUNT, OTHER_ACCOUNT])
      expect(JSON.stringify(rest)).not.toContain(name);
    expect(Parameters.HubAccount.AllowedPattern).toBe('^(\\d{12})?$');
  });

  it('is written for StackSets and Terraform, with the defaults of another account', () => {
    const file = writeRegionTemplate(assembly, recohere);
    expect(file).toBe(join(app.outdir, 'templates/recohere-region.json'));
    const { Parameters, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
    const { Parameters: own, ...expected } = template.toJSON();
    expect(rest).toEqual(expected);
    expect(Object.keys(Parameters)).toEqual(Object.keys(own));
    expect(Parameters.ExternalId.Default).toBe('an-id');
    expect([Parameters.SecretArns.Default, Parameters.ProbeArns.Default]).toEqual(['', '']);
  });
});

function common() {
  const none = { ReadRoleRegion: '', ExternalId: '', SecretArns: '', ProbeArns: '' };
  return { Prefix: 'copies', HubRegion: 'us-east-1', ...none };
}

describe('the events of a region', () => {
  const [queueId] = Object.keys(template.findResources('AWS::SQS::Queue'));
  const rules = resourcesOf(template, 'AWS::Events::Rule');

  it('go from the default bus to the bus of the hub, and what cannot go to a dead-letter queue', () => {
    const [roleId] =
      Object.entries(template.findResources('AWS::IAM::Role')).find(
        ([, { Properties }]) => JSON.stringify(Properties.RoleName) === JSON.stringify(FORWARD_ROLE),
      ) ?? [];
    expect(rules).toHaveLength(Object.keys(EVENT_PATTERNS).length);
    for (const { Properties } of rules) {
      expect(Properties.EventBusName).toBeUndefined();
      expect(Properties.State).toBe('ENABLED');
      expect(Properties.Targets).toEqual([
        {
          Id: expect.any(String),
          Arn: busArn(),
          RoleArn: { 'Fn::GetAtt': [roleId, 'Arn'] },
          DeadLetterConfig: { Arn: { 'Fn::GetAtt': [queueId, 'Arn'] } },
        },
      ]);
    }
  });

  it('are put there by a role that can do nothing else', () => {
    expect(statementsOf(template, FORWARD_ROLE)).toEqual([
      { Effect: 'Allow', Action: 'events:PutEvents', Resource: busArn() },
    ]);
  });

  it('are not lost: the dead-letter queue is encrypted, takes only TLS, and letters of these rules', () => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      SqsManagedSseEnabled: true,
      MessageRetentionPeriod: 14 * 24 * 3600,
    });
    const ruleIds = Object.keys(template.findResources('AWS::Events::Rule'));
    template.hasResourceProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: {
        Statement: [
          { Effect: 'Deny', Action: 'sqs:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
          {
            Effect: 'Allow',
            Action: 'sqs:SendMessage',
            Principal: { Service: 'events.amazonaws.com' },
            Condition: {
              ArnEquals: { 'aws:SourceArn': ruleIds.map((id) => ({ 'Fn::GetAtt': [id, 'Arn'] })) },
            },
          },
        ],
      },
    });
  });

  function busArn() {
    const parts = ['arn:', { Ref: 'AWS::Partition' }, ':events:', { Ref: 'HubRegion' }, ':', HUB_OR_OWN];
    return { 'Fn::Join': ['', [...parts, ':event-bus/', { Ref: 'Prefix' }]] };
  }
});

describe('the read role', () => {
  it('is made once in an account, and never in that of the hub', () => {
    const made = recohere.regions
      .filter((stack) => readRoleIn(stack.account, stack.region, defaultsOf(stack)))
      .map(({ account, region }) => `${account}/${region}`);
    expect(made).toEqual([`${OTHER_ACCOUNT}/us-east-1`]);
  });

  it.each([
    ['the hub is in the account of the stack, named', HUB_ACCOUNT, HUB_ACCOUNT, 'us-east-1', false],
    ['the hub is in the account of the stack, not named', HUB_ACCOUNT, '', 'us-east-1', false],
    ['it is another region', OTHER_ACCOUNT, HUB_ACCOUNT, 'eu-west-1', false],
    ['no region is to make it', OTHER_ACCOUNT, HUB_ACCOUNT, '', false],
    ['it is the region, and another account', OTHER_ACCOUNT, HUB_ACCOUNT, 'us-east-1', true],
  ])('by the parameters alone: %s', (_reason, account, hubAccount, readRoleRegion, expected) => {
    const parameters = { HubAccount: hubAccount, ReadRoleRegion: readRoleRegion };
    expect(readRoleIn(account, 'us-east-1', parameters) !== undefined).toBe(expected);
  });

  it('is not made where the config names a role of the user', () => {
    const { recohere: own } = synthesize({
      ...TWO_ACCOUNTS,
      replicas: [
        { region: 'us-east-1' },
        { region: 'eu-west-1', account: OTHER_ACCOUNT, role: 'theirs', externalId: 'their-id' },
        { region: 'eu-central-1', account: OTHER_ACCOUNT },
      ],
    });
    expect(own.regions.map((stack) => defaultsOf(stack).ReadRoleRegion)).toEqual([
      '',
      'eu-central-1',
      'eu-central-1',
    ]);
    expect(own.regions.map((stack) => defaultsOf(stack).ExternalId)).toEqual(['', '', '']);
  });

  it('reads functions and the secrets that are named, invokes their probes, and is denied values', () => {
    const statements = statementsOf(template, READ_ROLE);
    expect(actionsOf(statements)).toEqual(
      [...READ_ACTIONS, ...SECRET_READ_ACTIONS, ...PROBE_ACTIONS].toSorted(),
    );
    expect(statementWith(statements, 'secretsmanager:DescribeSecret')?.Resource).toEqual({
      Ref: 'SecretArns',
    });
    expect(statementWith(statements, 'lambda:InvokeFunction')?.Resource).toEqual({ Ref: 'ProbeArns' });
    expect(statements.filter(({ Effect }) => Effect === 'Deny')).toEqual([
      {
        Effect: 'Deny',
        Action: ['secretsmanager:BatchGetSecretValue', 'secretsmanager:GetSecretValue'],
        Resource: '*',
      },
    ]);
    expect(statements).toHaveLength(4);
  });

  it.each([
    ['nothing is named', '', '', ['read']],
    ['a secret is named', SECRET_ARN, '', ['read', 'secrets']],
    ['a probe is named', '', PROBE_ARN, ['read', 'probes']],
    ['both are named', SECRET_ARN, PROBE_ARN, ['read', 'secrets', 'probes']],
  ])('has policies for what is given alone: %s', (_reason, SecretArns, ProbeArns, expected) => {
    const parameters = { ...defaultsOf(first), ReadRoleRegion: 'us-east-1', SecretArns, ProbeArns };
    const { Policies } = readRoleIn(OTHER_ACCOUNT, 'us-east-1', parameters);
    const names = Policies.map(({ PolicyName }: { PolicyName: string }) => PolicyName);
    expect(names).toEqual(expected);
  });

  it.each([
    ['SecretArns', SECRET_ARN, true],
    ['SecretArns', '', true],
    ['SecretArns', '*', false],
    ['SecretArns', PROBE_ARN, false],
    ['ProbeArns', `${PROBE_ARN}:live`, true],
    ['ProbeArns', '', true],
    ['ProbeArns', '*', false],
    ['ProbeArns', SECRET_ARN, false],
  ])('takes only ARNs for %s: %s', (name, value, expected) => {
    const { AllowedPattern, Type } = template.toJSON().Parameters[name];
    expect(Type).toBe('CommaDelimitedList');
    expect(new RegExp(AllowedPattern).test(value)).toBe(expected);
  });

  it('has ARNs of the partition of its regions', () => {
    const { recohere: chinese } = synthesize({
      ...WITH_SECRETS,
      hub: { region: 'cn-north-1', account: HUB_ACCOUNT },
      replicas: [{ region: 'cn-north-1' }, { region: 'cn-north-1', account: OTHER_ACCOUNT }],
    });
    const other = chinese.regions.find((stack) => stack.account === OTHER_ACCOUNT) as Stack;
    const statements = statementsOf(templateOf(other), READ_ROLE);
    expect(statementWith(statements, 'secretsmanager:DescribeSecret')?.Resource).toContain(
      `arn:aws-cn:secretsmanager:*:${OTHER_ACCOUNT}:secret:prod/db`,
    );
    expect(statementWith(statements, 'lambda:InvokeFunction')?.Resource).toBe(
      `arn:aws-cn:lambda:*:${OTHER_ACCOUNT}:function:billing-probe`,
    );
  });

  it('is assumed by roles of the hub that bear its prefix, with the external id if there is one', () => {
    const hub = ['arn:', { Ref: 'AWS::Partition' }, ':iam::', { Ref: 'HubAccount' }];
    template.hasResourceProperties('AWS::IAM::Role', {
      RoleName: READ_ROLE,
      AssumeRolePolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Action: 'sts:AssumeRole',
            Principal: { AWS: { 'Fn::Join': ['', [...hub, ':root']] } },
            Condition: {
              ArnLike: {
                'aws:PrincipalArn': { 'Fn::Join': ['', [...hub, ':role/', { Ref: 'Prefix' }, '-*']] },
              },
              StringEquals: {
                'Fn::If': [
                  'HasExternalId',
                  { 'sts:ExternalId': { Ref: 'ExternalId' } },
                  { Ref: 'AWS::NoValue' },
                ],
              },
            },
          },
        ],
      },
    });
    const conditionWith = (ExternalId: string) => {
      const role = readRoleIn(OTHER_ACCOUNT, 'us-east-1', {
        ...defaultsOf(first),
        ReadRoleRegion: 'us-east-1',
        ExternalId,
      });
      return role.AssumeRolePolicyDocument.Statement[0].Condition.StringEquals;
    };
    expect(conditionWith('an-id')).toEqual({ 'sts:ExternalId': 'an-id' });
    expect(conditionWith('')).toBeUndefined();
  });
});
