import { describe, expect, it } from 'vitest';
import { DEPLOY_EVENT_PATTERNS, DEPLOY_SOURCES } from '../../functions/contract/event-patterns.ts';
import { deployEventSchema } from '../../functions/contract/events.ts';
import { ONE_ACCOUNT, resourcesOf, synthesize } from './synthesized.ts';

type Json = Readonly<Record<string, unknown>>;
type Matcher =
  | string
  | { readonly prefix: string }
  | { readonly suffix: string }
  | { readonly exists: boolean };

const { recohere, templateOf } = synthesize(ONE_ACCOUNT);
const deployed = recohere.regions
  .slice(0, 1)
  .flatMap((stack) => resourcesOf(templateOf(stack), 'AWS::Events::Rule'))
  .map(({ Properties }) => Properties.EventPattern as Json);

/** Whether EventBridge lets an event pass, as far as our patterns need it. */
function matches(pattern: Json, event: Json): boolean {
  return Object.entries(pattern).every(([key, wanted]) => {
    const value = event[key];
    if (Array.isArray(wanted)) return wanted.some((matcher: Matcher) => isMatch(matcher, value));
    return typeof value === 'object' && value !== null && matches(wanted as Json, value as Json);
  });
}

function isMatch(matcher: Matcher, value: unknown): boolean {
  if (typeof matcher === 'string') return matcher === value;
  if ('exists' in matcher) return matcher.exists === (value !== undefined);
  if (typeof value !== 'string') return false;
  return 'prefix' in matcher ? value.startsWith(matcher.prefix) : value.endsWith(matcher.suffix);
}

const STACK =
  'arn:aws:cloudformation:eu-west-1:111111111111:stack/Checkout/5a1b2c3d-0000-11ee-8888-0a1b2c3d4e5f';

function event(source: string, detailType: string, detail: Json): Json {
  return {
    version: '0',
    id: '6a7e8feb-b491-4cf7-a9f1-bf3703467718',
    'detail-type': detailType,
    source,
    account: '111111111111',
    time: '2026-11-21T08:15:30Z',
    region: 'eu-west-1',
    resources: [],
    detail,
  };
}

const resource = (status: string, type = 'AWS::Lambda::Function') =>
  event('aws.cloudformation', 'CloudFormation Resource Status Change', {
    'stack-id': STACK,
    'logical-resource-id': 'CheckoutApi',
    'physical-resource-id': 'checkout-api',
    'resource-type': type,
    'status-details': { status, 'status-reason': '' },
    'client-request-token': '',
  });

const stack = (status: string) =>
  event('aws.cloudformation', 'CloudFormation Stack Status Change', {
    'stack-id': STACK,
    'status-details': { status, 'status-reason': '' },
    'client-request-token': '',
  });

const codeDeploy = (state: string) =>
  event('aws.codedeploy', 'CodeDeploy Deployment State-change Notification', {
    instanceGroupId: '9fd2fbef-2157-40d8-91e7-6845af69e2d2',
    region: 'eu-west-1',
    application: 'checkout',
    deploymentId: 'd-123456789',
    state,
    deploymentGroup: 'live',
  });

const pipeline = (state: string) =>
  event('aws.codepipeline', 'CodePipeline Pipeline Execution State Change', {
    pipeline: 'checkout',
    version: 3,
    state,
    'execution-id': '01234567-0123-0123-0123-012345678901',
  });

const call = (eventName: string, more: Json = {}) =>
  event('aws.lambda', 'AWS API Call via CloudTrail', {
    eventVersion: '1.08',
    eventSource: 'lambda.amazonaws.com',
    eventName,
    awsRegion: 'eu-west-1',
    requestParameters: { functionName: 'arn:aws:lambda:eu-west-1:111111111111:function:checkout-api' },
    responseElements: { functionName: 'checkout-api' },
    ...more,
  });

const deployFinished = event('recohere.deploy', 'Deploy Finished', { deployId: 'build-7', functions: ['a'] });

describe('what a region forwards', () => {
  it('is deployed as the contract says', () => {
    const renamed = Object.values(DEPLOY_EVENT_PATTERNS).map((pattern) =>
      'detailType' in pattern
        ? { source: pattern.source, 'detail-type': pattern.detailType, detail: pattern.detail }
        : { source: pattern.source },
    );
    expect(deployed).toEqual(renamed);
  });

  it.each([
    ['a function was made', resource('CREATE_COMPLETE')],
    ['a function was changed', resource('UPDATE_COMPLETE')],
    ['a function could not be changed', resource('UPDATE_FAILED')],
    ['a function is gone', resource('DELETE_COMPLETE')],
    ['a stack was made', stack('CREATE_COMPLETE')],
    ['a stack was rolled back', stack('UPDATE_ROLLBACK_COMPLETE')],
    ['a stack could not be rolled back', stack('UPDATE_ROLLBACK_FAILED')],
    ['CodeDeploy has ended', codeDeploy('SUCCESS')],
    ['CodeDeploy was stopped', codeDeploy('STOP')],
    ['a pipeline has ended', pipeline('SUCCEEDED')],
    ['a pipeline was cancelled', pipeline('CANCELED')],
    ['code was replaced, by a name with date and version', call('UpdateFunctionCode20150331v2')],
    ['an environment was changed', call('UpdateFunctionConfiguration20150331v2')],
    ['a version was published', call('PublishVersion20150331')],
    ['an alias was moved', call('UpdateAlias20150331')],
    ['a pipeline outside of AWS has ended', deployFinished],
  ])('%s: it passes one rule, and verify-deploy understands it', (_reason, sent) => {
    expect(deployed.filter((pattern) => matches(pattern, sent))).toHaveLength(1);
    expect(DEPLOY_SOURCES).toContain(sent.source);
    expect(deployEventSchema.safeParse(sent).error).toBeUndefined();
  });

  it.each([
    ['a function is still being changed', resource('UPDATE_IN_PROGRESS')],
    ['the resource is no function', resource('UPDATE_COMPLETE', 'AWS::SQS::Queue')],
    ['a stack is still being changed', stack('UPDATE_IN_PROGRESS')],
    ['CodeDeploy has begun', codeDeploy('START')],
    ['a pipeline has begun', pipeline('STARTED')],
    ['the call was refused', call('UpdateFunctionCode20150331v2', { errorCode: 'AccessDenied' })],
    ['the call reads', call('GetFunction20150331v2')],
    ['the call is about triggers', call('CreateEventSourceMapping20150331')],
    [
      'it is another service',
      event('aws.ec2', 'AWS API Call via CloudTrail', { eventName: 'CreateFunction' }),
    ],
  ])('%s: it passes no rule', (_reason, sent) => {
    expect(deployed.filter((pattern) => matches(pattern, sent))).toEqual([]);
  });
});
