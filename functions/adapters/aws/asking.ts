import { RefusedError } from '../../core/errors.ts';
import { CALL_TIMEOUT_MS } from './bounds.ts';
import { refused } from './errors.ts';

/** What bounds a call of an SDK client. */
export interface Bounded {
  readonly abortSignal: AbortSignal;
}

/**
 * Sends one call, in time, and translates what the SDK throws.
 * @param call The call as IAM names it, such as `dynamodb:GetItem`.
 * @throws RefusedError
 */
export async function asking<T>(
  call: string,
  send: (options: Bounded) => Promise<T>,
  timeoutMs = CALL_TIMEOUT_MS,
): Promise<T> {
  const bound = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  // the SDK does not heed the signal while it reads an answer that has begun
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const reason = new DOMException('no answer came in time', 'TimeoutError');
      bound.abort(reason);
      reject(reason);
    }, timeoutMs);
  });
  try {
    return await Promise.race([send({ abortSignal: bound.signal }), expired]);
  } catch (error) {
    throw error instanceof RefusedError ? error : refused(call, error);
  } finally {
    clearTimeout(timer); // as long as it runs, all that was answered is kept
  }
}
