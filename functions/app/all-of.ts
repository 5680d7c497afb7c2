import pMap from 'p-map';

/** Writes of one batch that are made at the same time. */
const WRITES_AT_ONCE = 8;

/**
 * Does something for each, some at the same time. If one fails the others come to their end before it throws: when it is over,
 * nothing of it is under way.
 * @throws What the first that failed has thrown
 */
export async function allOf<T>(
  all: readonly T[],
  act: (each: T) => Promise<void>,
  concurrency = WRITES_AT_ONCE,
): Promise<void> {
  try {
    await pMap(all, act, { concurrency, stopOnError: false });
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}
