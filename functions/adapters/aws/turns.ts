import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import * as z from 'zod/mini';
import { turnKey } from '../../contract/ledger.ts';
import { time } from '../../contract/time.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { isOver, type Turns } from '../../ports/turns.ts';
import { ledgerTable } from './ledger-table.ts';
import { ENVELOPE, itemOf, parsed } from './stored-item.ts';
import { systemClock, systemRandom } from './system.ts';

/** A stored turn. `until` is 0 in one that was ended. */
export const turnItem = z.strictObject({
  ...ENVELOPE,
  version: z.int().check(z.minimum(1)),
  until: time,
  swapId: z.string(),
});

/**
 * Turns in the ledger's table: one item for each name, without a `kind`, so that no sweep takes it for a subject.
 * @param options Of the SDK's client; they replace `CLIENT_BOUNDS`.
 * @param random Tells swaps apart.
 */
export function dynamoTurns(
  options: DynamoDBClientConfig,
  tableName: string,
  clock: Clock = systemClock,
  random: Random = systemRandom,
): Turns {
  const table = ledgerTable(options, tableName, random);
  const write = (name: string, version: number, until: number) =>
    table.swap(turnKey(name), version, (swapId) => itemOf(turnKey(name), { version, until, swapId }));
  return {
    async take(name, untilMs) {
      const item = await table.get(turnKey(name));
      const last = item ? parsed(turnItem, item) : { version: 0, until: 0 };
      if (!isOver(last.until, clock.now())) return undefined;
      const version = last.version + 1;
      return (await write(name, version, untilMs)) ? { name, version } : undefined;
    },

    async end({ name, version }) {
      await write(name, version + 1, 0); // if it is lost, somebody has taken the turn since
    },
  };
}
