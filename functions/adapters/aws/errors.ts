import type { Refusal, RefusalCode } from '../../contract/report.ts';
import { RefusedError } from '../../core/errors.ts';

/** What AWS's names of errors mean. A name that is not here is `UNEXPECTED_ANSWER`. */
const CODES: Readonly<Record<string, RefusalCode>> = {
  AccessDenied: 'ACCESS_DENIED',
  AccessDeniedException: 'ACCESS_DENIED',
  CredentialsProviderError: 'NO_CREDENTIALS',
  TokenProviderError: 'NO_CREDENTIALS',
  ExpiredToken: 'CREDENTIALS_EXPIRED',
  ExpiredTokenException: 'CREDENTIALS_EXPIRED',
  RequestExpired: 'CREDENTIALS_EXPIRED',
  InvalidClientTokenId: 'CREDENTIALS_REJECTED',
  InvalidSignatureException: 'CREDENTIALS_REJECTED',
  SignatureDoesNotMatch: 'CREDENTIALS_REJECTED',
  UnrecognizedClientException: 'CREDENTIALS_REJECTED',
  OptInRequired: 'CREDENTIALS_REJECTED',
  ThrottlingException: 'THROTTLED',
  TooManyRequestsException: 'THROTTLED',
  TimeoutError: 'REGION_UNREACHABLE',
  EAI_AGAIN: 'REGION_UNREACHABLE',
  ECONNREFUSED: 'REGION_UNREACHABLE',
  ECONNRESET: 'REGION_UNREACHABLE',
  EHOSTUNREACH: 'REGION_UNREACHABLE',
  ENETUNREACH: 'REGION_UNREACHABLE',
  ENOTFOUND: 'REGION_UNREACHABLE',
  ETIMEDOUT: 'REGION_UNREACHABLE',
};

const RETRYABLE: readonly RefusalCode[] = ['THROTTLED', 'REGION_UNREACHABLE'];

/**
 * Translates what the SDK threw. AWS's own text is read for the missing permission and then dropped, since texts may
 * quote what was sent or stored.
 * @param call The call as IAM names it, such as `lambda:ListFunctions`.
 */
export function refused(call: string, error: unknown): RefusedError {
  const code = CODES[nameOf(error, 'name')] ?? CODES[nameOf(error, 'code')] ?? 'UNEXPECTED_ANSWER';
  const permission = code === 'ACCESS_DENIED' ? (permissionIn(error) ?? call) : undefined;
  const refusal: Refusal = { code, call, ...(permission !== undefined && { permission }) };
  return new RefusedError(refusal, { retryable: RETRYABLE.includes(code) });
}

/** The permission in AWS's "… is not authorized to perform: kms:Decrypt on resource: …". */
export function permissionIn(error: unknown): string | undefined {
  return /not authorized to perform:? ([\w-]+:\w+)/.exec(nameOf(error, 'message'))?.[1];
}

function nameOf(error: unknown, field: 'name' | 'code' | 'message'): string {
  if (typeof error !== 'object' || error === null) return '';
  const value: unknown = Reflect.get(error, field);
  return typeof value === 'string' ? value : '';
}
