import { RefusedError } from '../core/errors.ts';
import { type Place, placeId } from '../core/place.ts';
import type { Clock } from '../ports/clock.ts';
import type { FunctionSource } from '../ports/function-source.ts';

/** How many calls may begin in any such time, per place and per API. */
export interface Pace {
  readonly calls: number;
  readonly everyMs: number;
}

/**
 * Lambda's control plane takes 15 calls a second, shared with the user's own deploys; so does the tagging API. This is a
 * fifth of it.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const OUR_SHARE: Pace = { calls: 3, everyMs: 1000 };

/** Calls made so far, by the name that IAM gives them. Retries of the SDK are not in it. */
export type CallCounts = ReadonlyMap<string, number>;

/** The calls of one place and one API, one after the other. */
interface Lane {
  /** When the last calls began, at most as many as may begin in the pace's time: as they did, not as planned, for timers are late. */
  readonly starts: number[];
  last: Promise<void>;
}

/**
 * A source that waits its turn before each call, and counts. Calls begin in the order in which they are made.
 * @param isLate Whether there is no time left: then calls are refused as `NOT_READ`.
 */
export function paced(
  source: FunctionSource,
  clock: Clock,
  onCall: () => void,
  pace: Pace = OUR_SHARE,
  isLate: () => boolean = () => false,
): { source: FunctionSource; calls: CallCounts } {
  const calls = new Map<string, number>();
  const lanes = new Map<string, Lane>();
  /** Whether a source within has no time left: who waits for a call that it will not make spends the time to write. */
  let isUp = false;

  async function inTurn<T>(place: Place, api: string, call: string, make: () => Promise<T>): Promise<T> {
    await turn(place, api, call);
    return make().catch((error: unknown) => {
      isUp ||= error instanceof RefusedError && error.refusal.code === 'NOT_READ';
      throw error;
    });
  }

  function turn(place: Place, api: string, call: string): Promise<void> {
    const name = `${api} ${placeId(place)}`;
    const lane = lanes.get(name) ?? { starts: [], last: Promise.resolve() };
    lanes.set(name, lane);
    const own = lane.last.then(async () => {
      if (isUp) throw new RefusedError({ code: 'NOT_READ', call: `${api}:${call}` });
      const oldest = lane.starts.length < pace.calls ? undefined : lane.starts.shift();
      const waitMs = oldest === undefined ? 0 : Math.min(pace.everyMs, oldest + pace.everyMs - clock.now()); // the clock may be put back
      if (waitMs > 0) await clock.sleep(waitMs);
      if (isLate()) throw new RefusedError({ code: 'NOT_READ', call: `${api}:${call}` });
      lane.starts.push(clock.now());
      calls.set(`${api}:${call}`, (calls.get(`${api}:${call}`) ?? 0) + 1);
      onCall();
    });
    lane.last = own.catch(() => {});
    return own;
  }

  return {
    calls,
    source: {
      ownAccount: (place) => source.ownAccount(place),
      list: (place, from) => inTurn(place, 'lambda', 'ListFunctions', () => source.list(place, from)),
      read: (place, name, version) =>
        inTurn(place, 'lambda', 'GetFunctionConfiguration', () => source.read(place, name, version)),
      alias: (place, name, alias) =>
        inTurn(place, 'lambda', 'GetAlias', () => source.alias(place, name, alias)),
      tagged: (place, filters, from) =>
        inTurn(place, 'tag', 'GetResources', () => source.tagged(place, filters, from)),
    },
  };
}
