import type * as z from 'zod/mini';
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

/** What is read of an answer: the SDK hands on what it was given, of whatever type. @throws RefusedError `UNEXPECTED_ANSWER` */
export function readOf<Schema extends z.ZodMiniType>(
  call: string,
  schema: Schema,
  answer: unknown,
): z.output<Schema> {
  const read = schema.safeParse(answer);
  if (read.success) return read.data;
  throw unexpected(call);
}
