import { RefusedError } from '../../core/errors.ts';

/**
 * A field that AWS always gives, not empty.
 * @param call The call as IAM names it, such as `lambda:ListFunctions`.
 * @throws RefusedError `UNEXPECTED_ANSWER`
 */
export function required(call: string, value: string | undefined): string {
  if (value) return value;
  throw unexpected(call);
}

/** For an answer that is not as AWS documents it. */
export function unexpected(call: string): RefusedError {
  return new RefusedError({ code: 'UNEXPECTED_ANSWER', call });
}
