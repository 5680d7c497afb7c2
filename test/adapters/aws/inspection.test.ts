import {
  CloudFormationClient,
  DescribeStacksCommand,
  ListStackResourcesCommand,
} from '@aws-sdk/client-cloudformation';
import {
  DescribeRuleCommand,
  EventBridgeClient,
  ResourceNotFoundException,
} from '@aws-sdk/client-eventbridge';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  ResourceNotFoundException as NoSuchFunction,
} from '@aws-sdk/client-lambda';
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  QueueDoesNotExist,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { awsInspection } from '../../../functions/adapters/aws/inspection.ts';

const REGION = 'eu-west-1';
const SECRET = 'hunter2';
const cloudFormation = mockClient(CloudFormationClient);
const events = mockClient(EventBridgeClient);
const lambda = mockClient(LambdaClient);
const sqs = mockClient(SQSClient);
const sts = mockClient(STSClient);
const all = [cloudFormation, events, lambda, sqs, sts];

beforeEach(() => {
  for (const mock of all) mock.reset();
});
afterAll(() => {
  for (const mock of all) mock.restore();
});

const denied = () => Object.assign(new Error(`${SECRET} is not allowed`), { name: 'AccessDenied' });
const absent = { message: SECRET, $metadata: {} };
const stackOf = (StackStatus: string, Outputs?: { OutputKey: string; OutputValue: string }[]) => ({
  Stacks: [
    { StackName: 'recohere-hub', CreationTime: new Date(0), StackStatus: StackStatus as never, Outputs },
  ],
});

describe('an inspection', () => {
  it('knows whose credentials these are', async () => {
    sts.on(GetCallerIdentityCommand).resolves({ Account: '111111111111' });
    expect(await awsInspection().account(REGION)).toBe('111111111111');
  });

  it('reads how a stack is, and of which release', async () => {
    const outputs = [
      { OutputKey: 'Other', OutputValue: 'x' },
      { OutputKey: 'Release', OutputValue: '0.1.0' },
    ];
    cloudFormation
      .on(DescribeStacksCommand, { StackName: 'recohere-hub' })
      .resolves(stackOf('UPDATE_COMPLETE', outputs))
      .on(DescribeStacksCommand, { StackName: 'recohere-region' })
      .resolves(stackOf('CREATE_COMPLETE'));
    const { stack } = awsInspection();
    expect(await stack(REGION, 'recohere-hub')).toEqual({ status: 'UPDATE_COMPLETE', release: '0.1.0' });
    expect(await stack(REGION, 'recohere-region')).toEqual({ status: 'CREATE_COMPLETE', release: undefined });
  });

  it.each([
    { message: 'Stack with id recohere-hub does not exist', code: undefined, reason: 'it is not there' },
    { message: 'The name is too long', code: 'UNEXPECTED_ANSWER', reason: 'something else is wrong' },
  ])('tells a stack that is not there from a mistake: $reason', async ({ message, code }) => {
    cloudFormation.rejects(Object.assign(new Error(message), { name: 'ValidationError' }));
    const found = awsInspection().stack(REGION, 'recohere-hub');
    if (code === undefined) expect(await found).toBeUndefined();
    else await expect(found).rejects.toMatchObject({ code });
  });

  it('finds the rules of a stack on all pages, on whatever bus they are', async () => {
    const resource = (ResourceType: string, PhysicalResourceId: string) => ({
      ResourceType,
      PhysicalResourceId,
      LogicalResourceId: PhysicalResourceId,
      LastUpdatedTimestamp: new Date(0),
      ResourceStatus: 'CREATE_COMPLETE' as const,
    });
    cloudFormation
      .on(ListStackResourcesCommand, { StackName: 'recohere-hub' })
      .resolves({
        StackResourceSummaries: [
          resource('AWS::Lambda::Function', 'recohere-sweep'),
          resource('AWS::Events::Rule', 'recohere-hub-sweep'),
        ],
        NextToken: 'more',
      })
      .on(ListStackResourcesCommand, { StackName: 'recohere-hub', NextToken: 'more' })
      .resolves({
        StackResourceSummaries: [
          resource('AWS::Events::Rule', 'recohere|recohere-hub-deploys'),
          resource('AWS::Events::Rule', 'recohere-hub-gone'),
          resource('AWS::Events::Rule', 'recohere-hub-trail'),
          resource('AWS::Events::Rule', 'recohere-hub-told-without-bus'),
        ],
      });
    events
      .on(DescribeRuleCommand)
      .rejects(new ResourceNotFoundException(absent))
      .on(DescribeRuleCommand, { Name: 'recohere-hub-sweep', EventBusName: undefined })
      .resolves({ State: 'ENABLED' })
      .on(DescribeRuleCommand, { Name: 'recohere-hub-deploys', EventBusName: 'recohere' })
      .resolves({ State: 'DISABLED' })
      .on(DescribeRuleCommand, { Name: 'recohere-hub-trail' })
      .resolves({ State: 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS' })
      .on(DescribeRuleCommand, { Name: 'recohere-hub-told-without-bus', EventBusName: 'recohere' })
      .resolves({ State: 'ENABLED' });
    expect(await awsInspection().rules(REGION, 'recohere-hub', 'recohere')).toEqual([
      { name: 'recohere-hub-sweep', state: 'enabled' },
      { name: 'recohere-hub-deploys', state: 'disabled' },
      { name: 'recohere-hub-gone', state: 'missing' },
      { name: 'recohere-hub-trail', state: 'enabled' },
      { name: 'recohere-hub-told-without-bus', state: 'enabled' },
    ]);
  });

  it('says of a function how it is, and nothing of its environment', async () => {
    lambda.on(GetFunctionConfigurationCommand, { FunctionName: 'recohere-sweep' }).resolves({
      FunctionArn: `arn:aws:lambda:${REGION}:111111111111:function:recohere-sweep`,
      LastModified: '2026-01-05T09:31:00.000+0000',
      Version: '$LATEST',
      RevisionId: 'r',
      CodeSha256: 'c',
      State: 'Active',
      LastUpdateStatus: 'Failed',
      Environment: { Variables: { PASSWORD: SECRET } },
    });
    lambda
      .on(GetFunctionConfigurationCommand, { FunctionName: 'recohere-gone' })
      .rejects(new NoSuchFunction(absent));
    expect(await awsInspection().functionState(REGION, 'recohere-sweep')).toBe('failed');
    expect(await awsInspection().functionState(REGION, 'recohere-gone')).toBeUndefined();
  });

  it('counts messages of a queue, those that somebody has in hand too', async () => {
    const QueueUrl = 'https://sqs.eu-west-1.amazonaws.com/111111111111/recohere-hub-dead-letters';
    sqs
      .on(GetQueueUrlCommand, { QueueName: 'recohere-hub-dead-letters' })
      .resolves({ QueueUrl })
      .on(GetQueueUrlCommand, { QueueName: 'gone' })
      .rejects(new QueueDoesNotExist(absent))
      .on(GetQueueAttributesCommand, { QueueUrl })
      .resolves({
        Attributes: { ApproximateNumberOfMessages: '3', ApproximateNumberOfMessagesNotVisible: '2' },
      });
    const { messages } = awsInspection();
    expect(await messages(REGION, 'recohere-hub-dead-letters')).toBe(5);
    expect(await messages(REGION, 'gone')).toBeUndefined();
  });

  it.each<{ call: string; ask: (inspection: ReturnType<typeof awsInspection>) => Promise<unknown> }>([
    { call: 'sts:GetCallerIdentity', ask: ({ account }) => account(REGION) },
    { call: 'cloudformation:DescribeStacks', ask: ({ stack }) => stack(REGION, 'x') },
    { call: 'cloudformation:DescribeStackResources', ask: ({ ownerOf }) => ownerOf(REGION, 'a-role') },
    { call: 'cloudformation:ListStackResources', ask: ({ rules }) => rules(REGION, 'x', 'recohere') },
    { call: 'lambda:GetFunctionConfiguration', ask: ({ functionState }) => functionState(REGION, 'x') },
    { call: 'sqs:GetQueueUrl', ask: ({ messages }) => messages(REGION, 'x') },
  ])('names $call if it is denied, and not what AWS says', async ({ call, ask }) => {
    for (const mock of all) mock.rejects(denied());
    const refused = await ask(awsInspection()).catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ refusal: { code: 'ACCESS_DENIED', call, permission: call } });
    expect(String(refused)).not.toContain(SECRET);
  });

  it.each([
    { call: 'cloudformation:DescribeStacks', reason: 'no stack in the answer' },
    { call: 'sqs:GetQueueAttributes', reason: 'no count in the answer' },
  ])('refuses $reason', async ({ call }) => {
    cloudFormation.on(DescribeStacksCommand).resolves({ Stacks: [] });
    sqs.on(GetQueueUrlCommand).resolves({ QueueUrl: 'https://x' }).on(GetQueueAttributesCommand).resolves({});
    const { stack, messages } = awsInspection();
    const asked = call.startsWith('sqs') ? messages(REGION, 'x') : stack(REGION, 'x');
    await expect(asked).rejects.toMatchObject({ refusal: { code: 'UNEXPECTED_ANSWER', call } });
  });
});
