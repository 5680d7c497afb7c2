import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { refused, refusedKey } from '../../../functions/adapters/aws/errors.ts';
import { RefusedError } from '../../../functions/core/errors.ts';

const CALL = 'lambda:ListFunctions';

const thrown = (name: string, message = '') => Object.assign(new Error(message), { name });
const failed = (code: string) => Object.assign(new Error('connect'), { code });

describe('translation of what the SDK throws', () => {
  for (const { names, code, reason } of [
    {
      names: ['AccessDenied', 'AccessDeniedException'],
      code: 'ACCESS_DENIED',
      reason: 'STS and Lambda name a missing permission differently',
    },
    {
      names: ['CredentialsProviderError', 'TokenProviderError'],
      code: 'NO_CREDENTIALS',
      reason: 'the SDK found none before it asked AWS anything',
    },
    {
      names: ['ExpiredToken', 'ExpiredTokenException', 'RequestExpired'],
      code: 'CREDENTIALS_EXPIRED',
      reason: 'temporary credentials have an end',
    },
    {
      names: [
        'InvalidClientTokenId',
        'InvalidSignatureException',
        'SignatureDoesNotMatch',
        'UnrecognizedClientException',
        'OptInRequired',
        'IncompleteSignatureException',
        'RegionDisabledException',
      ],
      code: 'CREDENTIALS_REJECTED',
      reason: 'a region that is not enabled knows no key of the account',
    },
  ] as const) {
    for (const name of names) {
      it(`${name} is ${code}: ${reason}`, () => {
        expect(refused(CALL, thrown(name))).toMatchObject({
          code,
          retryable: false,
          refusal: { call: CALL },
        });
      });
    }
  }

  for (const name of [
    'RequestLimitExceeded',
    'ThrottledException',
    'Throttling',
    'ThrottlingException',
    'TooManyRequestsException',
  ]) {
    it(`${name} is THROTTLED: the same call may succeed later`, () => {
      expect(refused(CALL, thrown(name))).toMatchObject({ code: 'THROTTLED', retryable: true });
    });
  }

  for (const { error, reason } of [
    { error: thrown('TimeoutError'), reason: 'the SDK gave up waiting' },
    { error: failed('EAI_AGAIN'), reason: 'the resolver does not answer' },
    { error: failed('ENOTFOUND'), reason: 'there is no such region' },
    { error: failed('ECONNREFUSED'), reason: 'nobody listens' },
    { error: failed('ECONNRESET'), reason: 'the connection broke' },
    { error: failed('EHOSTUNREACH'), reason: 'no way to the host' },
    { error: failed('ENETUNREACH'), reason: 'no way to the network' },
    { error: failed('ETIMEDOUT'), reason: 'the system gave up waiting' },
    {
      error: Object.assign(new AggregateError([failed('ECONNREFUSED')]), { code: 'ECONNREFUSED' }),
      reason: 'both address families were tried',
    },
  ]) {
    it(`${inspect(error).split('\n')[0]} is REGION_UNREACHABLE: ${reason}`, () => {
      expect(refused(CALL, error)).toMatchObject({ code: 'REGION_UNREACHABLE', retryable: true });
    });
  }

  for (const { error, reason } of [
    { error: thrown('ServiceUnavailableOnMondays'), reason: 'the name is not known' },
    { error: thrown('constructor'), reason: 'a name that every object has is not a known one' },
    { error: 'text', reason: 'anything can be thrown' },
    { error: undefined, reason: 'even nothing can be thrown' },
    { error: { name: 7, code: null }, reason: 'fields need not be text' },
  ]) {
    it(`is UNEXPECTED_ANSWER where ${reason}`, () => {
      expect(refused(CALL, error)).toMatchObject({ code: 'UNEXPECTED_ANSWER', retryable: false });
    });
  }
});

describe('faults that have no name of their own', () => {
  for (const { error, code, reason } of [
    {
      error: Object.assign(thrown('ServiceException'), { $metadata: { httpStatusCode: 503 } }),
      code: 'UNAVAILABLE',
      reason: 'AWS answered with a status of its own fault',
    },
    {
      error: Object.assign(thrown('Odd'), { $metadata: { httpStatusCode: 400 } }),
      code: 'UNEXPECTED_ANSWER',
      reason: 'the status blames the caller',
    },
    {
      error: thrown('CredentialsProviderError', 'The SSO session associated with this profile has expired.'),
      code: 'CREDENTIALS_EXPIRED',
      reason: 'there were credentials once',
    },
  ]) {
    it(`are ${code} where ${reason}`, () => {
      expect(refused(CALL, error)).toMatchObject({ code, retryable: code === 'UNAVAILABLE' });
    });
  }
});

describe('the key of an environment', () => {
  for (const { ErrorCode, Message, refusal, reason } of [
    {
      ErrorCode: 'KMSAccessDeniedException',
      Message: 'x is not authorized to perform: kms:Decrypt on y',
      refusal: { code: 'ACCESS_DENIED', call: CALL, permission: 'kms:Decrypt' },
      reason: 'may not be used by the caller',
    },
    {
      ErrorCode: 'KMSDisabledException',
      Message: 'hunter2',
      refusal: { code: 'KEY_UNUSABLE', call: CALL },
      reason: 'may be used by nobody, which no permission mends',
    },
    {
      ErrorCode: undefined,
      Message: undefined,
      refusal: { code: 'KEY_UNUSABLE', call: CALL },
      reason: 'fails unsaid',
    },
  ]) {
    it(`${reason}: ${refusal.code}`, () => {
      expect(refusedKey(CALL, { ErrorCode, Message })).toEqual(refusal);
    });
  }
});

describe('missing permission', () => {
  for (const { message, permission, reason } of [
    {
      message: `User: arn:aws:iam::111111111111:user/x is not authorized to perform: ${CALL} on resource: * because no identity-based policy allows the ${CALL} action`,
      permission: CALL,
      reason: 'this is the usual text',
    },
    {
      message:
        'User: arn:aws:sts::111111111111:assumed-role/r/s is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:111111111111:key/1 because no identity-based policy allows the kms:Decrypt action',
      permission: 'kms:Decrypt',
      reason: 'the permission that is missing need not be that of the call',
    },
    {
      message:
        'User: arn:aws:iam::1:user/x is not authorized to perform: lambda:GetAlias with an explicit deny in a service control policy',
      permission: 'lambda:GetAlias',
      reason: 'an explicit deny reads the same so far',
    },
    {
      message: 'not authorized to perform sts:AssumeRole on resource: x',
      permission: 'sts:AssumeRole',
      reason: 'some services leave the colon out',
    },
    { message: 'Access denied', permission: undefined, reason: 'AWS need not say' },
  ]) {
    it(`is read from the text, or is the call itself: ${reason}`, () => {
      const { refusal } = refused(CALL, thrown('AccessDeniedException', message));
      expect(refusal).toEqual({ code: 'ACCESS_DENIED', call: CALL, permission: permission ?? CALL });
    });
  }

  it('is told of no other refusal, whatever its text says', () => {
    const { refusal } = refused(CALL, thrown('ThrottlingException', 'not authorized to perform: a:B'));
    expect(refusal).toEqual({ code: 'THROTTLED', call: CALL });
  });
});

describe('values in what the SDK throws', () => {
  for (const name of ['AccessDeniedException', 'ThrottlingException', 'InvalidSignatureException', 'Odd']) {
    it(`are in no part of the refusal: ${name}`, () => {
      const planted = Object.assign(thrown(name, 'PASSWORD=hunter2 is not authorized to perform: x'), {
        code: 'hunter2',
        $response: { body: '{"Environment":{"Variables":{"PASSWORD":"hunter2"}}}' },
        cause: new Error('hunter2'),
      });
      const refusal = refused(CALL, planted);
      expect(refusal).toBeInstanceOf(RefusedError);
      for (const shown of [
        refusal.message,
        refusal.stack,
        String(refusal),
        JSON.stringify(refusal),
        JSON.stringify(refusal.context),
        inspect(refusal, { depth: null, showHidden: true, getters: true }),
      ]) {
        expect(shown).not.toContain('hunter2');
      }
    });
  }
});
