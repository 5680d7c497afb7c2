import { placeId } from '../core/place.ts';
import type { FunctionSource } from '../ports/function-source.ts';

/**
 * A source whose calls that are the same, and under way at the same time, are one: a batch of events that tell of one deploy
 * reads it once. Nothing is kept beyond the answer. For one process that handles a batch at a time: all that it is told has
 * happened before its first call.
 */
export function sharing(source: FunctionSource): FunctionSource {
  const shared = sharedCalls();
  return {
    ownAccount: (place) => source.ownAccount(place),
    list: (place, from) => shared(['list', placeId(place), from], () => source.list(place, from)),
    read: (place, name, version) =>
      shared(['read', placeId(place), name, version], () => source.read(place, name, version)),
    alias: (place, name, alias) =>
      shared(['alias', placeId(place), name, alias], () => source.alias(place, name, alias)),
    tagged: (place, filters, from) =>
      shared(['tagged', placeId(place), filters, from], () => source.tagged(place, filters, from)),
  };
}

/** Makes a call unless one of the same name is under way: then its answer is theirs too. */
export function sharedCalls(): <T>(name: readonly unknown[], call: () => Promise<T>) => Promise<T> {
  const underWay = new Map<string, Promise<unknown>>();
  return <T>(name: readonly unknown[], call: () => Promise<T>): Promise<T> => {
    const key = JSON.stringify(name);
    const answer = (underWay.get(key) as Promise<T> | undefined) ?? call();
    underWay.set(key, answer);
    const forget = () => underWay.delete(key);
    answer.then(forget, forget);
    return answer;
  };
}
