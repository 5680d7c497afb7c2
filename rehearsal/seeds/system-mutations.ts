import { FORMAT } from '../../functions/contract/ledger.ts';
import type { Place } from '../../functions/core/place.ts';
import type { FunctionSource } from '../../functions/ports/function-source.ts';
import type { Spoil } from '../hub.ts';

/** Mistakes that the system could have, each of which a rehearsal must notice. */
export const SYSTEM_SPOILS = {
  'compare-and-swap off': () => ({
    ledger: (ledger) => ({
      read: (subject) => ledger.read(subject),
      record: (episode) => ledger.record(episode),
      history: (subject, limit) => ledger.history(subject, limit),
      subjects: (after) => ledger.subjects(after),
      async swap(next) {
        await ledger.read(next.subject); // takes as long as a call
        ledger.plant({ format: FORMAT, state: next });
        return true;
      },
    }),
  }),
  'agreed on partial reads': (places) => ({
    functions: (source) =>
      elsewhere(source, async (place, read) => {
        const others = places.filter((other) => other !== place);
        for (const each of [place, ...others]) {
          const answer = await read(each).catch(() => undefined);
          if (answer !== undefined) return answer;
        }
        return read(place);
      }),
  }),
  'no sweep': () => ({ hasNoSweep: true }),
  'event believed': (places) => ({
    functions: (source, batch) =>
      elsewhere(source, (place, read) => {
        const isTold = batch().some(({ body }) => JSON.parse(body).region === place.region);
        const [first = place] = places.filter(({ region }) => region !== place.region);
        return read(isTold ? first : place);
      }),
  }),
  'wake number ignored': () => ({
    delivered: (message, wakeOf) => {
      const body = JSON.parse(message.body);
      if (body.kind !== 'recohere.wake') return message;
      return { ...message, body: JSON.stringify({ ...body, wake: wakeOf(body.subject) }) };
    },
  }),
  'no wake sent': () => ({ wakes: () => ({ send: async () => {} }) }),
} as const satisfies Record<string, (places: readonly Place[]) => Spoil>;

export type SystemMutation = keyof typeof SYSTEM_SPOILS;

/** A source that reads where it is told to, and says that it was here. */
function elsewhere(
  source: FunctionSource,
  read: <T>(place: Place, from: (place: Place) => Promise<T>) => Promise<T>,
): FunctionSource {
  return {
    ownAccount: (place) => source.ownAccount(place),
    list: (place, from) => read(place, (other) => source.list(other, from)),
    read: (place, name, version) => read(place, (other) => source.read(other, name, version)),
    alias: (place, name, alias) => read(place, (other) => source.alias(other, name, alias)),
    tagged: (place, filters, from) => read(place, (other) => source.tagged(other, filters, from)),
  };
}
