import { describe, expect, it } from 'vitest';
import { DEPLOY_SOURCES, EVENT_PATTERNS, ROTATION_SOURCES } from '../../functions/contract/event-patterns.ts';
import { deployEventSchema, secretEventSchema } from '../../functions/contract/events.ts';
import { type LoadReport, REPORT_DETAIL_TYPE, REPORT_SOURCE } from '../../functions/contract/probe.ts';
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

const SECRET = 'arn:aws:secretsmanager:eu-west-1:111111111111:secret:prod/db-AbCdEf';

const labelUpdated = (label: string): Json => ({
  ...event('aws.secretsmanager', 'Secret Label Updated', {
    name: 'prod/db',
    labelUpdated: label,
    versionId: 'EXAMPLE1-90ab-cdef-fedc-ba987SECRET1',
  }),
  resources: [SECRET],
});

const rotation = (eventName: string) =>
  event('aws.secretsmanager', 'AWS Service Event via CloudTrail', {
    eventVersion: '1.08',
    eventSource: 'secretsmanager.amazonaws.com',
    eventName,
    awsRegion: 'eu-west-1',
    eventType: 'AwsServiceEvent',
    requestParameters: null,
    responseElements: null,
    additionalEventData: { SecretId: SECRET },
  });

const secretCall = (eventName: string, more: Json = {}) =>
  event('aws.secretsmanager', 'AWS API Call via CloudTrail', {
    eventVersion: '1.08',
    eventSource: 'secretsmanager.amazonaws.com',
    eventName,
    awsRegion: 'eu-west-1',
    requestParameters: { secretId: 'prod/db' },
    responseElements: { aRN: SECRET },
    ...more,
  });

const REPORT: LoadReport = {
  consumer: 'checkout-api',
  process: '6a7e8feb-b491-4cf7-a9f1-bf3703467718',
  secret: SECRET,
  versionId: 'EXAMPLE1-90ab-cdef-fedc-ba987SECRET1',
  loadedAt: '2026-11-21T08:15:30.123Z',
};
const report = event(REPORT_SOURCE, REPORT_DETAIL_TYPE, { ...REPORT });

describe('what a region forwards', () => {
  it('is deployed as the contract says', () => {
    const renamed = Object.values(EVENT_PATTERNS).map((pattern) =>
      'detailType' in pattern
        ? { ...pattern, 'detail-type': pattern.detailType, detailType: undefined }
        : pattern,
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
    expect(ROTATION_SOURCES).not.toContain(sent.source);
    expect(deployEventSchema.safeParse(sent).error).toBeUndefined();
  });

  it.each([
    ['a new version is current', labelUpdated('AWSCURRENT')],
    ["a label of one's own has moved", labelUpdated('blue')],
    ['a rotation has begun', rotation('RotationStarted')],
    ['a rotation went well', rotation('RotationSucceeded')],
    ['a rotation went wrong', rotation('RotationFailed')],
    ['a rotation was given up', rotation('RotationAbandoned')],
    ['a value was put', secretCall('PutSecretValue')],
    ['a value or a setting was changed', secretCall('UpdateSecret')],
    ['a label was moved by hand', secretCall('UpdateSecretVersionStage')],
    ['a replica was added', secretCall('ReplicateSecretToRegions')],
    ['a replica was removed', secretCall('RemoveRegionsFromReplication')],
    ['a replica was promoted', secretCall('StopReplicationToReplica')],
    ['a consumer has loaded a version', report],
  ])('%s: it passes one rule, and verify-rotation understands it', (_reason, sent) => {
    expect(deployed.filter((pattern) => matches(pattern, sent))).toHaveLength(1);
    expect(ROTATION_SOURCES).toContain(sent.source);
    expect(DEPLOY_SOURCES).not.toContain(sent.source);
    expect(secretEventSchema.safeParse(sent).error).toBeUndefined();
  });

  it('has a source each that one of the two functions is fed with, and no other', () => {
    const forwarded = Object.values(EVENT_PATTERNS).flatMap(({ source }): string[] => [...source]);
    expect([...DEPLOY_SOURCES, ...ROTATION_SOURCES].toSorted()).toEqual([...new Set(forwarded)].toSorted());
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
    ['a rotation is only tested', rotation('TestRotationStarted')],
    ['a test of a rotation went well', rotation('TestRotationSucceeded')],
    ['a test of a rotation went wrong', rotation('TestRotationFailed')],
    ['a secret is deleted in the end', rotation('EndSecretVersionDelete')],
    ['a value is read', secretCall('GetSecretValue')],
    ['values are read by the batch', secretCall('BatchGetSecretValue')],
    ['a secret is described, by us too', secretCall('DescribeSecret')],
    ['a value was not put', secretCall('PutSecretValue', { errorCode: 'AccessDenied' })],
    ['it comes from another source like ours', event('recohere.other', REPORT_DETAIL_TYPE, { ...REPORT })],
    [
      'it is another service',
      event('aws.ec2', 'AWS API Call via CloudTrail', { eventName: 'CreateFunction' }),
    ],
  ])('%s: it passes no rule', (_reason, sent) => {
    expect(deployed.filter((pattern) => matches(pattern, sent))).toEqual([]);
  });
});
