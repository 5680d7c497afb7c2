import {
  CloudFormationClient,
  DeleteStackCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
  ListStackResourcesCommand,
} from '@aws-sdk/client-cloudformation';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { awsStacks } from '../../../functions/adapters/aws/stacks.ts';
import type { Stacks } from '../../../functions/ports/stacks.ts';

const REGION = 'eu-west-1';
const NAME = 'recohere-hub';
const cloudFormation = mockClient(CloudFormationClient);

beforeEach(() => cloudFormation.reset());
afterAll(() => cloudFormation.restore());

const stackOf = (StackStatus: string, more: object = {}) => ({
  Stacks: [{ StackName: NAME, CreationTime: new Date(0), StackStatus: StackStatus as never, ...more }],
});
const resource = (LogicalResourceId: string, ResourceType: string, more: object = {}) => ({
  LogicalResourceId,
  ResourceType,
  PhysicalResourceId: `${LogicalResourceId}-id`,
  LastUpdatedTimestamp: new Date(0),
  ResourceStatus: 'CREATE_COMPLETE' as const,
  ...more,
});
const OURS = { Description: 'Recohere: hub' };
const absent = () =>
  Object.assign(new Error(`Stack with id ${NAME} does not exist`), { name: 'ValidationError' });

describe('stacks', () => {
  it('says what is in one, on all pages, and what of it is retained', async () => {
    const policies = { Ledger: 'Retain', Key: 'RetainExceptOnCreate', Log: 'Delete', Queue: undefined };
    const Resources = Object.fromEntries(
      Object.entries(policies).map(([id, DeletionPolicy]) => [id, { Type: 'x', DeletionPolicy }]),
    );
    cloudFormation
      .on(DescribeStacksCommand, { StackName: NAME })
      .resolves(stackOf('DELETE_FAILED', { ...OURS, EnableTerminationProtection: true }))
      .on(GetTemplateCommand, { StackName: NAME })
      .resolves({ TemplateBody: JSON.stringify({ Resources }) })
      .on(ListStackResourcesCommand, { StackName: NAME })
      .resolves({
        StackResourceSummaries: [
          resource('Ledger', 'AWS::DynamoDB::GlobalTable'),
          resource('Gone', 'AWS::Lambda::Function', { ResourceStatus: 'DELETE_COMPLETE' }),
        ],
        NextToken: 'more',
      })
      .on(ListStackResourcesCommand, { StackName: NAME, NextToken: 'more' })
      .resolves({
        StackResourceSummaries: [
          resource('Key', 'AWS::SecretsManager::Secret'),
          resource('Log', 'AWS::Logs::LogGroup'),
          resource('Queue', 'AWS::SQS::Queue', { PhysicalResourceId: undefined }),
        ],
      });
    expect(await awsStacks().read(REGION, NAME)).toEqual({
      status: 'DELETE_FAILED',
      isProtected: true,
      isOurs: true,
      hubAccount: undefined,
      resources: [
        { type: 'AWS::DynamoDB::GlobalTable', name: 'Ledger-id', isRetained: true },
        { type: 'AWS::SecretsManager::Secret', name: 'Key-id', isRetained: true },
        { type: 'AWS::Logs::LogGroup', name: 'Log-id', isRetained: false },
        { type: 'AWS::SQS::Queue', name: 'Queue', isRetained: false },
      ],
    });
  });

  it.each([
    {
      more: { Outputs: [{ OutputKey: 'Release', OutputValue: '0.1.0' }] },
      isOurs: false,
      reason: 'others have an output of that name too',
    },
    {
      more: { Description: 'Recohere: alarms and dashboard' },
      isOurs: true,
      reason: 'it says so',
    },
    { more: { Description: 'Shop' }, isOurs: false, reason: 'it speaks of something else' },
  ])('knows whose one is: $reason', async ({ more, isOurs }) => {
    cloudFormation
      .on(DescribeStacksCommand)
      .resolves(stackOf('CREATE_COMPLETE', more))
      .on(GetTemplateCommand)
      .resolves({ TemplateBody: '{ "Resources": {} }' })
      .on(ListStackResourcesCommand)
      .resolves({ StackResourceSummaries: [] });
    expect((await awsStacks().read(REGION, NAME))?.isOurs).toBe(isOurs);
  });

  it.each([
    { status: 'REVIEW_IN_PROGRESS', more: OURS, isOurs: true, reason: 'it was never deployed' },
    { status: 'CREATE_COMPLETE', more: {}, isOurs: false, reason: 'it is none of ours' },
  ])('looks at no template and no resources: $reason', async ({ status, more, isOurs }) => {
    cloudFormation
      .rejects(new Error('nobody asked'))
      .on(DescribeStacksCommand)
      .resolves(stackOf(status, more));
    expect(await awsStacks().read(REGION, NAME)).toMatchObject({ status, isOurs, resources: [] });
  });

  it.each([
    { value: '222222222222', hubAccount: '222222222222', reason: 'the one that it names' },
    { value: '', hubAccount: undefined, reason: 'its own' },
  ])('knows which account a region forwards to: $reason', async ({ value, hubAccount }) => {
    const Parameters = [
      { ParameterKey: 'Prefix', ParameterValue: 'recohere' },
      { ParameterKey: 'HubAccount', ParameterValue: value },
    ];
    cloudFormation.on(DescribeStacksCommand).resolves(stackOf('CREATE_COMPLETE', { Parameters }));
    expect(await awsStacks().read(REGION, NAME)).toMatchObject({ hubAccount });
  });

  it('knows whose hub the buckets are of', async () => {
    const Outputs = [
      { OutputKey: 'Release', OutputValue: '0.1.0' },
      { OutputKey: 'HubAccount', OutputValue: '222222222222' },
    ];
    cloudFormation.on(DescribeStacksCommand).resolves(stackOf('CREATE_COMPLETE', { Outputs }));
    expect(await awsStacks().read(REGION, NAME)).toMatchObject({ hubAccount: '222222222222' });
  });

  it.each([
    { statuses: ['CREATE_COMPLETE'], owner: 'StackSet-a', reason: 'it is there' },
    { statuses: ['DELETE_COMPLETE', 'DELETE_SKIPPED'], owner: undefined, reason: 'it is gone' },
    { statuses: ['DELETE_COMPLETE', 'UPDATE_COMPLETE'], owner: 'StackSet-a', reason: 'it has lost a part' },
  ])('knows the stack that has made something: $reason', async ({ statuses, owner }) => {
    cloudFormation.on(DescribeStackResourcesCommand, { PhysicalResourceId: 'a-role' }).resolves({
      StackResources: statuses.map((ResourceStatus) => ({
        ...resource('Any', 'AWS::IAM::Role', { ResourceStatus }),
        StackName: 'StackSet-a',
        Timestamp: new Date(0),
      })),
    });
    expect(await awsStacks().ownerOf(REGION, 'a-role')).toBe(owner);
  });

  it('knows that no stack has made something', async () => {
    cloudFormation.on(DescribeStackResourcesCommand).rejects(absent());
    expect(await awsStacks().ownerOf(REGION, 'a-role')).toBeUndefined();
  });

  it('knows that one is not there, and asks no more', async () => {
    cloudFormation.on(DescribeStacksCommand).rejects(absent());
    expect(await awsStacks().read(REGION, NAME)).toBeUndefined();
    expect(await awsStacks().deletion(REGION, NAME)).toBeUndefined();
    expect(cloudFormation.calls()).toHaveLength(2);
  });

  it('begins to delete one', async () => {
    cloudFormation.on(DeleteStackCommand).resolves({});
    expect(await awsStacks().remove(REGION, NAME)).toBeUndefined();
    expect(cloudFormation.commandCalls(DeleteStackCommand).map(({ args }) => args[0].input)).toEqual([
      { StackName: NAME },
    ]);
  });

  it("says in CloudFormation's words why it does not begin", async () => {
    const message = 'Role arn:role is invalid or cannot be assumed';
    cloudFormation
      .on(DeleteStackCommand)
      .rejects(Object.assign(new Error(message), { name: 'ValidationError' }));
    expect(await awsStacks().remove(REGION, NAME)).toBe(message);
  });

  it.each([
    { status: 'DELETE_IN_PROGRESS', failed: [], reasons: [], reason: 'it goes on' },
    {
      status: 'DELETE_FAILED',
      failed: ['The bucket is not empty', undefined],
      reasons: [
        'AWS::S3::Bucket R0-id: The bucket is not empty',
        'AWS::S3::Bucket R1-id: no reason is given',
      ],
      reason: 'resources could not be deleted',
    },
    { status: 'DELETE_FAILED', failed: [], reasons: ['Export in use'], reason: 'the stack itself could not' },
  ])('says how far the deletion is: $reason', async ({ status, failed, reasons }) => {
    cloudFormation
      .on(DescribeStacksCommand)
      .resolves(stackOf(status, { StackStatusReason: 'Export in use' }))
      .on(ListStackResourcesCommand)
      .resolves({
        StackResourceSummaries: [
          resource('Well', 'AWS::SQS::Queue', { ResourceStatusReason: 'fine' }),
          ...failed.map((ResourceStatusReason, number) =>
            resource(`R${number}`, 'AWS::S3::Bucket', {
              ResourceStatus: 'DELETE_FAILED',
              ResourceStatusReason,
            }),
          ),
        ],
      });
    expect(await awsStacks().deletion(REGION, NAME)).toEqual({ status, reasons });
  });

  it('takes one whose template is YAML, which the CDK does not write, for none of ours', async () => {
    cloudFormation
      .on(DescribeStacksCommand)
      .resolves(stackOf('CREATE_COMPLETE', OURS))
      .on(GetTemplateCommand)
      .resolves({ TemplateBody: 'Resources:\n  A: {}' });
    expect(await awsStacks().read(REGION, NAME)).toMatchObject({ isOurs: false, resources: [] });
  });

  it.each([
    { body: '{"Resources":[1]}', reason: 'it is no template' },
    { body: undefined, reason: 'there is none' },
  ])('refuses a template of which nobody knows what it retains: $reason', async ({ body }) => {
    cloudFormation
      .on(DescribeStacksCommand)
      .resolves(stackOf('CREATE_COMPLETE', OURS))
      .on(GetTemplateCommand)
      .resolves({ TemplateBody: body });
    await expect(awsStacks().read(REGION, NAME)).rejects.toMatchObject({
      refusal: { code: 'UNEXPECTED_ANSWER', call: 'cloudformation:GetTemplate' },
    });
  });

  it.each<{ call: string; ask: (stacks: Stacks) => Promise<unknown> }>([
    { call: 'cloudformation:DescribeStacks', ask: ({ read }) => read(REGION, NAME) },
    { call: 'cloudformation:DescribeStacks', ask: ({ deletion }) => deletion(REGION, NAME) },
    { call: 'cloudformation:DescribeStackResources', ask: ({ ownerOf }) => ownerOf(REGION, 'a-role') },
    { call: 'cloudformation:DeleteStack', ask: ({ remove }) => remove(REGION, NAME) },
  ])('names $call if it is denied', async ({ call, ask }) => {
    cloudFormation.rejects(Object.assign(new Error('not allowed'), { name: 'AccessDenied' }));
    await expect(ask(awsStacks())).rejects.toMatchObject({
      refusal: { code: 'ACCESS_DENIED', call, permission: call },
    });
  });
});
