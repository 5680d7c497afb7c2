import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { writeRegionTemplate } from '../../lib/index.ts';
import { READ_ACTIONS } from '../../lib/permissions.ts';
import {
  actionsOf,
  HUB_ACCOUNT,
  ONE_ACCOUNT,
  OTHER_ACCOUNT,
  REGIONS,
  resourcesOf,
  statementsOf,
  synthesize,
  TWO_ACCOUNTS,
} from './synthesized.ts';

interface Parameter {
  readonly Default?: string;
}

const { app, assembly, recohere, templateOf } = synthesize(TWO_ACCOUNTS);
const [first] = recohere.regions;
if (first === undefined) throw new Error('there are stacks of regions');
const template = templateOf(first);
const FORWARD_ROLE = { 'Fn::Join': ['', [{ Ref: 'Prefix' }, '-forward-', { Ref: 'AWS::Region' }]] };
const READ_ROLE = { 'Fn::Join': ['', [{ Ref: 'Prefix' }, '-read']] };
const HUB_OR_OWN = { 'Fn::If': ['IsInHubAccount', { Ref: 'AWS::AccountId' }, { Ref: 'HubAccount' }] };

function defaultsOf(stack: Stack): Record<string, string> {
  const parameters: Record<string, Parameter> = templateOf(stack).toJSON().Parameters;
  return Object.fromEntries(Object.entries(parameters).map(([name, { Default = '' }]) => [name, Default]));
}

/** What CloudFormation makes of a condition. */
function holds(condition: unknown, values: Readonly<Record<string, string>>): boolean {
  const conditions: Record<string, unknown> = template.toJSON().Conditions;
  const [[kind, operand] = []] = Object.entries(condition as object);
  const textIn = (each: string | { Ref: string }) => (typeof each === 'string' ? each : values[each.Ref]);
  switch (kind) {
    case 'Condition':
      return holds(conditions[operand], values);
    case 'Fn::Not':
      return !holds(operand[0], values);
    case 'Fn::And':
      return operand.every((each: unknown) => holds(each, values));
    case 'Fn::Or':
      return operand.some((each: unknown) => holds(each, values));
    case 'Fn::Equals':
      return textIn(operand[0]) === textIn(operand[1]);
    default:
      throw new Error(`${kind} is not known here`);
  }
}

function makesReadRole(
  account: string,
  region: string,
  parameters: Readonly<Record<string, string>>,
): boolean {
  const role = resourcesOf(template, 'AWS::IAM::Role').find(({ Condition }) => Condition !== undefined);
  return holds(
    { Condition: role?.Condition },
    { ...parameters, 'AWS::AccountId': account, 'AWS::Region': region },
  );
}

describe('the template of a region', () => {
  it('is the same for all regions and accounts, up to the defaults of parameters', () => {
    const texts = recohere.regions.map((stack) => {
      const text = readFileSync(assembly.getStackArtifact(stack.artifactId).templateFullPath, 'utf8');
      return text.replaceAll(/"Default": "[^"]*"/g, '"Default": ""');
    });
    expect(texts).toHaveLength(8);
    expect(new Set(texts).size).toBe(1);
  });

  it('differs in defaults from account to account only, and only in what is asked of its read role', () => {
    const ofHub = { ...common(), HubAccount: HUB_ACCOUNT, ReadRoleRegion: '', ExternalId: '' };
    const ofOther = { ...ofHub, ReadRoleRegion: 'us-east-1', ExternalId: 'an-id' };
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
        ReadRoleRegion: '',
        ExternalId: '',
      });
    }
  });

  it('needs no assets and no bootstrapped account', () => {
    const { Rules, Metadata, Parameters, Outputs } = template.toJSON();
    expect({ Rules, Metadata, Outputs }).toEqual({});
    expect(Object.keys(Parameters).toSorted()).toEqual(
      ['ExternalId', 'HubAccount', 'HubRegion', 'Prefix', 'ReadRoleRegion'].toSorted(),
    );
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
  });
});

function common() {
  return { Prefix: 'copies', HubRegion: 'us-east-1' };
}

describe('the events of a region', () => {
  const [queueId] = Object.keys(template.findResources('AWS::SQS::Queue'));
  const rules = resourcesOf(template, 'AWS::Events::Rule');

  it('go from the default bus to the bus of the hub, and what cannot go to a dead-letter queue', () => {
    const [roleId] =
      Object.entries(template.findResources('AWS::IAM::Role')).find(
        ([, { Properties }]) => JSON.stringify(Properties.RoleName) === JSON.stringify(FORWARD_ROLE),
      ) ?? [];
    expect(rules).toHaveLength(5);
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
      .filter((stack) => makesReadRole(stack.account, stack.region, defaultsOf(stack)))
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
    expect(makesReadRole(account, 'us-east-1', parameters)).toBe(expected);
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

  it('reads functions, and nothing else', () => {
    const statements = statementsOf(template, READ_ROLE);
    expect(actionsOf(statements)).toEqual(READ_ACTIONS.toSorted());
    expect(statements).toHaveLength(1);
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
    expect(['', 'an-id'].map((ExternalId) => holds({ Condition: 'HasExternalId' }, { ExternalId }))).toEqual([
      false,
      true,
    ]);
  });
});
