/**
 * Options of every SDK client: on its own the SDK waits for an answer without end, and a region that swallows packets
 * would hang a whole look. With these, a region that is silent is given up after 20 seconds.
 */
export const CLIENT_BOUNDS = {
  /** Tries of one call, the first one included. */
  maxAttempts: 4,
  retryMode: 'adaptive',
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
};

/** A call with all its tries; what bounds an answer that begins and never ends. */
export const CALL_TIMEOUT_MS = 60_000;
