/**
 * Options of every SDK client. On its own the SDK waits for an answer without end, and a region that swallows packets
 * would hang a whole look. With these, a call gives up after 20 seconds without an answer.
 */
export const BOUNDS = {
  /** Tries of one call, the first one included. */
  maxAttempts: 4,
  retryMode: 'adaptive',
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
};
