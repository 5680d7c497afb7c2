import { describe, expect, it } from 'vitest';
import { hearSecret, mayMean } from '../../functions/app/hear-secret.ts';
import { secretEventSchema } from '../../functions/contract/events.ts';
import { rotationMessageSchema } from '../../functions/contract/messages.ts';
import { REPORT_DETAIL_TYPE, REPORT_SOURCE } from '../../functions/contract/probe.ts';

const ARN = 'arn:aws:secretsmanager:us-east-1:111111111111:secret:prod/db-AbCdEf';
const AT = Date.UTC(2026, 0, 5, 9);
const ENVELOPE = {
  version: '0',
  id: 'event-1',
  account: '111111111111',
  region: 'us-east-1',
  time: '2026-01-05T09:00:00Z',
};
const SOURCE = 'aws.secretsmanager';

function heard(event: object) {
  return hearSecret(secretEventSchema.parse({ ...ENVELOPE, ...event }));
}

function label(resources: readonly string[], detail: object = {}) {
  return { source: SOURCE, 'detail-type': 'Secret Label Updated', resources, detail };
}

function call(detail: object) {
  return { source: SOURCE, 'detail-type': 'AWS API Call via CloudTrail', detail };
}

function service(detail: object, resources?: readonly string[]) {
  return {
    source: SOURCE,
    'detail-type': 'AWS Service Event via CloudTrail',
    ...(resources && { resources }),
    detail,
  };
}

describe('what an event tells of a secret', () => {
  it.each([
    { event: label([ARN], { name: 'prod/db' }), secretId: ARN, reason: 'the native one, by its resource' },
    {
      event: label([], { name: 'prod/db' }),
      secretId: 'prod/db',
      reason: 'the native one, by its name alone',
    },
    { event: label([]), secretId: undefined, reason: 'the native one that names nothing' },
    {
      event: call({ eventName: 'PutSecretValue', requestParameters: { secretId: 'prod/db' } }),
      secretId: 'prod/db',
      reason: 'a call that names it',
    },
    {
      event: call({ eventName: 'UpdateSecretVersionStage', requestParameters: { secretId: ARN } }),
      secretId: ARN,
      reason: 'a call that gives its ARN',
    },
    {
      event: call({
        eventName: 'UpdateSecret',
        requestParameters: { secretId: 'arn:aws:secretsmanager:us-east-1:111111111111:secret:prod/db' },
        responseElements: { aRN: ARN },
      }),
      secretId: ARN,
      reason: 'a call that gives a part of its ARN, and is answered with aRN',
    },
    {
      event: call({ eventName: 'PutSecretValue', requestParameters: null, responseElements: { arn: ARN } }),
      secretId: ARN,
      reason: 'a call without parameters, answered with arn',
    },
    {
      event: call({ eventName: 'ReplicateSecretToRegions', responseElements: { ARN } }),
      secretId: ARN,
      reason: 'a call answered with ARN',
    },
    {
      event: call({
        eventName: 'CreateSecret',
        requestParameters: { name: 'prod/db' },
        responseElements: null,
      }),
      secretId: 'prod/db',
      reason: 'a call that makes it',
    },
    {
      event: service({
        eventName: 'RotationStarted',
        requestParameters: null,
        additionalEventData: { SecretId: ARN },
      }),
      secretId: ARN,
      reason: 'a rotation that has started',
    },
    {
      event: service({ eventName: 'RotationStarted', requestParameters: null, resources: [{ ARN }] }),
      secretId: ARN,
      reason: 'a rotation that is named by a resource of the record',
    },
    {
      event: service({ eventName: 'RotationStarted', additionalEventData: null }, [ARN]),
      secretId: ARN,
      reason: 'a rotation that is named by a resource of the event',
    },
    {
      event: service({ eventName: 'RotationStarted' }),
      secretId: undefined,
      reason: 'a rotation of nobody knows what',
    },
  ])('is what it is about: $reason', ({ event, secretId }) => {
    expect(heard(event)).toEqual({
      change: { id: 'event-1', source: SOURCE, at: AT },
      secretId,
      region: 'us-east-1',
      account: '111111111111',
    });
  });

  it.each(['RotationSucceeded', 'RotationFailed', 'RotationAbandoned'])(
    'is how a rotation ended: %s',
    (eventName) => {
      expect(heard(service({ eventName, additionalEventData: { SecretId: ARN } }))).toMatchObject({
        ended: { event: eventName, at: AT },
      });
    },
  );

  it('is what a process has loaded, by its own clock', () => {
    const detail = {
      consumer: 'api',
      process: 'p1',
      secret: ARN,
      versionId: 'v2',
      loadedAt: '2026-01-05T08:59:58.123Z',
    };
    expect(heard({ source: REPORT_SOURCE, 'detail-type': REPORT_DETAIL_TYPE, detail })).toMatchObject({
      secretId: ARN,
      loaded: { consumer: 'api', process: 'p1', versionId: 'v2', at: AT - 1877 },
    });
  });

  it.each([
    { event: call({ eventName: 'PutSecretValue', errorCode: 'AccessDenied' }), reason: 'a call that failed' },
    {
      event: call({ eventName: 'TagResource', requestParameters: { secretId: ARN } }),
      reason: 'a call that moves nothing',
    },
  ])('is nothing for $reason', ({ event }) => {
    expect(heard(event)).toBeUndefined();
  });

  it.each([
    { event: service({ eventName: 'TestRotationStarted' }), reason: 'a test of a rotation' },
    { event: { ...label([ARN]), time: 'yesterday' }, reason: 'a time that is none' },
    { event: { ...label([ARN]), source: 'aws.s3' }, reason: 'another source' },
    {
      event: { source: REPORT_SOURCE, 'detail-type': REPORT_DETAIL_TYPE, detail: { consumer: 'api' } },
      reason: 'half a report',
    },
    {
      event: {
        source: REPORT_SOURCE,
        'detail-type': REPORT_DETAIL_TYPE,
        detail: { consumer: 'api', process: 'p 1\n', secret: 'a', versionId: 'v', loadedAt: ENVELOPE.time },
      },
      reason: 'a process that is none',
    },
  ])('is no event of ours for $reason', ({ event }) => {
    expect(rotationMessageSchema.safeParse({ ...ENVELOPE, ...event }).success).toBe(false);
  });
});

describe('an id', () => {
  const arn = (rest: string) => `arn:aws:secretsmanager:us-east-1:111111111111:secret:${rest}`;
  it.each([
    { id: undefined, name: 'prod/db', may: true, reason: 'nothing is said' },
    { id: 'prod/db', name: 'prod/db', may: true, reason: 'it is the name' },
    { id: 'prod/db-AbCdEf', name: 'prod/db', may: false, reason: 'a name has no ending that AWS chose' },
    { id: arn('prod/db-AbCdEf'), name: 'prod/db', may: true, reason: 'it is the whole ARN' },
    {
      id: arn('prod/db-AbCdEf'),
      name: 'prod/db-AbCdEf',
      may: true,
      reason: 'it is a part of the ARN of another',
    },
    {
      id: arn('prod/db-AbCdEf-XyZ123'),
      name: 'prod/db-AbCdEf',
      may: true,
      reason: 'the name ends like an ARN',
    },
    { id: arn('prod/db-AbCdEf-XyZ123'), name: 'prod/db', may: false, reason: 'it is of another secret' },
    { id: arn('prod/db'), name: 'prod/db', may: true, reason: 'it is an ARN without its ending' },
    {
      id: arn('a+b=c@d.e/f-AbCdEf'),
      name: 'a+b=c@d.e/f',
      may: true,
      reason: 'all that a name may hold is in it',
    },
    { id: 'prod', name: 'prod/db', may: false, reason: 'it is the beginning of a name' },
    { id: 'arn:', name: 'prod/db', may: false, reason: 'it is nothing' },
  ])('of which $reason', ({ id, name, may }) => {
    expect(mayMean(id, { name })).toBe(may);
  });
});
