import { RecohereError } from '../../core/errors.ts';

/** Names, counts and codes for a log line. Never values. */
type Names = Readonly<Record<string, string | number>>;

/**
 * Log lines as objects, which Lambda writes as JSON with level, time and request id: the functions are deployed with its
 * JSON format, which a library would cost a tenth of the cold start to do again.
 */
export const log = {
  info: (message: string, names: Names = {}) => console.info({ message, ...names }),
  warn: (message: string, names: Names = {}) => console.warn({ message, ...names }),
  /** Logs what is known of a failure, and no text of AWS or of a library: such texts may quote what was sent. */
  failure: (message: string, error: unknown, names: Names = {}) =>
    console.error({ message, ...names, ...factsOf(error) }),
};

function factsOf(error: unknown): Record<string, unknown> {
  if (error instanceof AggregateError) return { failures: error.errors.slice(0, 10).map(factsOf) };
  if (error instanceof RecohereError) return { code: error.code, context: error.context };
  if (!(error instanceof Error)) return { code: 'UNKNOWN' };
  const [, ...frames] = (error.stack ?? '').split('\n    at '); // without its text
  return { code: error.name, frames: frames.slice(0, 5) };
}
