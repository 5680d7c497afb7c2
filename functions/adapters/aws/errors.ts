import * as z from 'zod/mini';
import type { Refusal, RefusalCode } from '../../contract/report.ts';
import { RefusedError } from '../../core/errors.ts';

/** What AWS's names of errors mean. A name that is not here is `UNEXPECTED_ANSWER`. */
const CODES: ReadonlyMap<string, RefusalCode> = new Map(
  Object.entries({
    AccessDenied: 'ACCESS_DENIED',
    AccessDeniedException: 'ACCESS_DENIED',
    AuthorizationErrorException: 'ACCESS_DENIED',
    KMSAccessDeniedException: 'ACCESS_DENIED',
    CredentialsProviderError: 'NO_CREDENTIALS',
    TokenProviderError: 'NO_CREDENTIALS',
    ExpiredToken: 'CREDENTIALS_EXPIRED',
    ExpiredTokenException: 'CREDENTIALS_EXPIRED',
    RequestExpired: 'CREDENTIALS_EXPIRED',
    InvalidAccessKeyId: 'CREDENTIALS_REJECTED',
    InvalidClientTokenId: 'CREDENTIALS_REJECTED',
    InvalidSignatureException: 'CREDENTIALS_REJECTED',
    SignatureDoesNotMatch: 'CREDENTIALS_REJECTED',
    UnrecognizedClientException: 'CREDENTIALS_REJECTED',
    IncompleteSignatureException: 'CREDENTIALS_REJECTED',
    RegionDisabledException: 'CREDENTIALS_REJECTED',
    OptInRequired: 'CREDENTIALS_REJECTED',
    ProvisionedThroughputExceededException: 'THROTTLED',
    RequestLimitExceeded: 'THROTTLED',
    ThrottledException: 'THROTTLED',
    Throttling: 'THROTTLED',
    ThrottlingException: 'THROTTLED',
    TooManyRequestsException: 'THROTTLED',
    AbortError: 'REGION_UNREACHABLE',
    RequestTimeout: 'REGION_UNREACHABLE',
    TimeoutError: 'REGION_UNREACHABLE',
    EAI_AGAIN: 'REGION_UNREACHABLE',
    ECONNREFUSED: 'REGION_UNREACHABLE',
    ECONNRESET: 'REGION_UNREACHABLE',
    EHOSTUNREACH: 'REGION_UNREACHABLE',
    ENETUNREACH: 'REGION_UNREACHABLE',
    ENOTFOUND: 'REGION_UNREACHABLE',
    ETIMEDOUT: 'REGION_UNREACHABLE',
  } as const),
);

/** AWS's own fault, by any name. */
const SERVER_FAULT = z.object({ $metadata: z.object({ httpStatusCode: z.number().check(z.minimum(500)) }) });

const RETRYABLE: readonly RefusalCode[] = ['THROTTLED', 'REGION_UNREACHABLE', 'UNAVAILABLE'];

/**
 * Translates what the SDK threw. AWS's own text is read for a few words and then dropped, since texts may quote what was
 * sent or stored.
 * @param call The call as IAM names it, such as `lambda:ListFunctions`.
 */
export function refused(call: string, error: unknown): RefusedError {
  const code = codeOf(error);
  const permission = code === 'ACCESS_DENIED' ? (permissionIn(error) ?? call) : undefined;
  const refusal: Refusal = { code, call, ...(permission !== undefined && { permission }) };
  return new RefusedError(refusal, { retryable: RETRYABLE.includes(code) });
}

/** Translates what Lambda says instead of an environment: its key is refused, or disabled, or gone. */
export function refusedKey(
  call: string,
  { ErrorCode = '', Message = '' }: { ErrorCode?: string | undefined; Message?: string | undefined },
): Refusal {
  if (!ErrorCode.includes('AccessDenied')) return { code: 'KEY_UNUSABLE', call };
  return { code: 'ACCESS_DENIED', call, permission: permissionIn({ message: Message }) ?? 'kms:Decrypt' };
}

function codeOf(error: unknown): RefusalCode {
  const code = CODES.get(textOf(error, 'name')) ?? CODES.get(textOf(error, 'code'));
  // a session of single sign-on that has ended has no name of its own, only a text that says how to renew it
  if (code === 'NO_CREDENTIALS' && /expired|aws sso login/i.test(textOf(error, 'message')))
    return 'CREDENTIALS_EXPIRED';
  if (code !== undefined) return code;
  return SERVER_FAULT.safeParse(error).success ? 'UNAVAILABLE' : 'UNEXPECTED_ANSWER';
}

/** The permission in AWS's "… is not authorized to perform: kms:Decrypt on resource: …". */
function permissionIn(error: unknown): string | undefined {
  return /not authorized to perform:? ([\w-]+:\w+)/.exec(textOf(error, 'message'))?.[1];
}

function textOf(error: unknown, field: 'name' | 'code' | 'message'): string {
  if (typeof error !== 'object' || error === null) return '';
  const value: unknown = Reflect.get(error, field);
  return typeof value === 'string' ? value : '';
}
