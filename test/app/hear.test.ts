import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hear } from '../../functions/app/hear.ts';
import { deployEventSchema } from '../../functions/contract/events.ts';

const PLACE = { region: 'eu-west-1', account: '111111111111' };
const ENVELOPE = { version: '0', id: 'e-1', time: '2026-01-05T09:00:00Z', resources: [], ...PLACE };
const STACK = 'arn:aws:cloudformation:eu-west-1:111111111111:stack/shop/0b1c';

const cloudFormation = (detailType: string, detail: object) => ({
  ...ENVELOPE,
  source: 'aws.cloudformation',
  'detail-type': detailType,
  detail,
});
const resource = (status: string, type = 'AWS::Lambda::Function') =>
  cloudFormation('CloudFormation Resource Status Change', {
    'stack-id': STACK,
    'logical-resource-id': 'Api',
    'physical-resource-id': 'shop-Api-1ABC',
    'resource-type': type,
    'status-details': { status },
    'client-request-token': 't',
  });
const stack = (status: string) =>
  cloudFormation('CloudFormation Stack Status Change', { 'stack-id': STACK, 'status-details': { status } });
const lambda = (eventName: string, requestParameters: unknown, errorCode?: string) => ({
  ...ENVELOPE,
  source: 'aws.lambda',
  'detail-type': 'AWS API Call via CloudTrail',
  detail: { eventName, requestParameters, ...(errorCode !== undefined && { errorCode }) },
});
const codeDeploy = (state: string) => ({
  ...ENVELOPE,
  source: 'aws.codedeploy',
  'detail-type': 'CodeDeploy Deployment State-change Notification',
  detail: { application: 'shop', deploymentGroup: 'live', deploymentId: 'd-7', state, region: 'eu-west-1' },
});
const codePipeline = (state: string) => ({
  ...ENVELOPE,
  source: 'aws.codepipeline',
  'detail-type': 'CodePipeline Pipeline Execution State Change',
  detail: { pipeline: 'shop', 'execution-id': 'x-9', state },
});
const finished = (detail: object) => ({
  ...ENVELOPE,
  source: 'recohere.deploy',
  'detail-type': 'Deploy Finished',
  detail,
});

const heard = (event: unknown) => hear(deployEventSchema.parse(event));

describe('an event', () => {
  it.each([
    {
      reason: 'a resource of CloudFormation names the function',
      event: resource('UPDATE_COMPLETE'),
      concern: { kind: 'resource', stack: 'shop', logicalId: 'Api', name: 'shop-Api-1ABC', ...PLACE },
    },
    {
      reason: 'a resource that failed may have moved all the same',
      event: resource('UPDATE_FAILED'),
      concern: { kind: 'resource', stack: 'shop', logicalId: 'Api', name: 'shop-Api-1ABC', ...PLACE },
    },
    {
      reason: 'a stack that has come to rest',
      event: stack('UPDATE_COMPLETE'),
      concern: { kind: 'stack', stack: 'shop', ...PLACE },
    },
    {
      reason: 'a stack that was rolled back',
      event: stack('UPDATE_ROLLBACK_COMPLETE'),
      concern: { kind: 'stack', stack: 'shop', ...PLACE },
    },
    { reason: 'CodeDeploy names no function', event: codeDeploy('SUCCESS'), concern: { kind: 'all' } },
    { reason: 'CodePipeline names no function', event: codePipeline('FAILED'), concern: { kind: 'all' } },
    {
      reason: 'a call to Lambda names a function',
      event: lambda('UpdateFunctionConfiguration20150331v2', { functionName: 'api' }),
      concern: { kind: 'functions', names: ['api'], ...PLACE },
    },
    {
      reason: 'a call may name it by ARN, with an alias',
      event: lambda('UpdateFunctionCode20150331v2', {
        functionName: 'arn:aws:lambda:eu-west-1:111111111111:function:api:live',
      }),
      concern: { kind: 'functions', names: ['api'], ...PLACE },
    },
    {
      reason: 'a call may name it with a version',
      event: lambda('PublishVersion20150331', { functionName: 'api:7' }),
      concern: { kind: 'functions', names: ['api'], ...PLACE },
    },
    {
      reason: 'a call without parameters',
      event: lambda('UpdateAlias20150331', null),
      concern: { kind: 'all' },
    },
    { reason: 'our own without functions', event: finished({ deployId: 'r-1' }), concern: { kind: 'all' } },
    {
      reason: 'our own names subjects, wherever they are',
      event: finished({ deployId: 'r-1', functions: ['api', 'shop/Api'], stage: 'prod' }),
      concern: { kind: 'subjects', names: ['api', 'shop/Api'] },
    },
    {
      reason: 'a call may name it by a part of its ARN',
      event: lambda('UpdateFunctionCode', { functionName: '111111111111:function:api' }),
      concern: { kind: 'functions', names: ['api'], ...PLACE },
    },
  ])('concerns $concern: $reason', ({ event, concern }) => {
    expect(heard(event)?.concern).toEqual(concern);
    expect(heard(event)?.change.at).toBe(Date.UTC(2026, 0, 5, 9));
  });

  it.each([
    { reason: 'a resource is under way', event: resource('UPDATE_IN_PROGRESS') },
    { reason: 'another kind of resource', event: resource('UPDATE_COMPLETE', 'AWS::DynamoDB::Table') },
    { reason: 'a stack is under way', event: stack('UPDATE_COMPLETE_CLEANUP_IN_PROGRESS') },
    { reason: 'a deployment is under way', event: codeDeploy('START') },
    { reason: 'a pipeline is under way', event: codePipeline('STARTED') },
    { reason: 'a call that reads', event: lambda('GetFunction20150331v2', { functionName: 'api' }) },
    {
      reason: 'a call that was refused',
      event: lambda('UpdateFunctionCode20150331v2', { functionName: 'api' }, 'AccessDenied'),
    },
  ])('concerns nobody: $reason', ({ event }) => {
    expect(heard(event)).toBeUndefined();
  });

  it('that expects code seals what it expects', () => {
    const event = finished({ deployId: 'r-1', functions: ['api'], expect: { code: 'hunter2', env: {} } });
    const { change, concern } = heard(event) ?? {};
    expect(concern).toMatchObject({ kind: 'subjects', names: ['api'] });
    expect(concern?.kind === 'subjects' && concern.code?.reveal()).toBe('hunter2');
    expect(inspect({ change, concern }, { depth: null }) + JSON.stringify({ change, concern })).not.toContain(
      'hunter2',
    );
  });

  it.each([
    { event: codeDeploy('SUCCESS'), id: 'd-7' },
    { event: codePipeline('SUCCEEDED'), id: 'x-9' },
    { event: finished({ deployId: 'r-1' }), id: 'r-1' },
    { event: stack('UPDATE_COMPLETE'), id: 'shop' },
    { event: resource('UPDATE_COMPLETE'), id: 'shop' },
    { event: lambda('UpdateAlias20150331', { functionName: 'api' }), id: 'e-1' },
  ])('of one deploy has one id: $id', ({ event, id }) => {
    expect(heard(event)?.change.id).toBe(id);
  });

  it.each([
    { reason: 'nothing', event: undefined },
    { reason: 'text', event: 'UPDATE_COMPLETE' },
    { reason: 'another source', event: { ...stack('UPDATE_COMPLETE'), source: 'aws.ec2' } },
    { reason: 'a time that is none', event: { ...stack('UPDATE_COMPLETE'), time: 'yesterday' } },
    { reason: 'an account that is none', event: { ...stack('UPDATE_COMPLETE'), account: 'mine' } },
    { reason: 'no detail', event: { ...stack('UPDATE_COMPLETE'), detail: undefined } },
    {
      reason: 'one that expects something of no function',
      event: finished({ deployId: 'r', expect: { code: 'x' } }),
    },
    {
      reason: 'one that expects nothing in particular',
      event: finished({ deployId: 'r', functions: ['api'], expect: {} }),
    },
    { reason: 'one that names no function', event: finished({ deployId: 'r', functions: [] }) },
    {
      reason: 'one that names a function without a name',
      event: finished({ deployId: 'r', functions: [''] }),
    },
    {
      reason: 'one that names a function by 513 characters',
      event: finished({ deployId: 'r', functions: ['a'.repeat(513)] }),
    },
    {
      reason: 'one that names 101 functions',
      event: finished({ deployId: 'r', functions: Array.from({ length: 101 }, (_, i) => `f-${i}`) }),
    },
    { reason: 'a name of 3 KB', event: lambda('UpdateFunctionCode', { functionName: 'a'.repeat(3000) }) },
  ])('is refused that is $reason', ({ event }) => {
    expect(deployEventSchema.safeParse(event).success).toBe(false);
  });

  it('of any shape is heard or refused, and never breaks', () => {
    const events = [
      resource('UPDATE_COMPLETE'),
      stack('UPDATE_COMPLETE'),
      codeDeploy('SUCCESS'),
      finished({ deployId: 'r' }),
      finished({ deployId: 'r', functions: ['api'], expect: { code: 'x' } }),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...events), fc.jsonValue(), fc.jsonValue(), (event, detail, time) => {
        for (const odd of [{ ...event, detail }, { ...event, time }, detail]) {
          const parsed = deployEventSchema.safeParse(odd);
          if (parsed.success) hear(parsed.data);
        }
      }),
    );
  });
});
