import type { Refusal } from '../contract/report.ts';

export type { Refusal };

/** The one family of failures. */
export class RecohereError extends Error {
  override readonly name = 'RecohereError';
  readonly code: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Names and sizes, never values. */
  readonly context: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    options: { retryable?: boolean; context?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.context = options.context ?? {};
  }
}

/** AWS, or the way to it, refused a read. */
export class RefusedError extends RecohereError {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(refusal.code, `${refusal.call ?? 'a read'} was refused: ${refusal.code}`, {
      ...options,
      context: { ...refusal },
    });
    this.refusal = refusal;
  }
}

/**
 * Stops on a state that cannot be, in production too.
 * @throws RecohereError `INVARIANT`
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new RecohereError('INVARIANT', message);
}
