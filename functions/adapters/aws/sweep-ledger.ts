import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import * as z from 'zod/mini';
import { SWEEP_KEY } from '../../contract/ledger.ts';
import { time } from '../../contract/time.ts';
import type { Random } from '../../ports/random.ts';
import type { SweepLedger } from '../../ports/sweep-ledger.ts';
import { refusal } from './ledger-item.ts';
import { ledgerTable } from './ledger-table.ts';
import { ENVELOPE, itemOf, parsed } from './stored-item.ts';
import { systemRandom } from './system.ts';

const count = z.int().check(z.minimum(0));

const status = z.strictObject({
  startedAt: time,
  endedAt: time,
  expected: count,
  read: count,
  left: count,
  unread: z.array(z.strictObject({ replica: z.string(), refusal, isWhole: z.exactOptional(z.boolean()) })),
  unreadSubjects: z.array(z.string()),
  unreadSubjectsLeft: count,
});

/** How far sweeps are, as it is stored. */
export const sweepItem = z.strictObject({
  ...ENVELOPE,
  version: z.int().check(z.minimum(1)),
  swapId: z.string(),
  roundAt: z.exactOptional(time),
  from: z.exactOptional(z.string()),
  criticalFrom: z.exactOptional(z.string()),
  isSlow: z.exactOptional(z.boolean()),
  secretsAt: z.exactOptional(time),
  status: z.exactOptional(status),
});

/**
 * How far sweeps are, in the ledger's table.
 * @param options Of the SDK's client; they replace the project's bounds.
 */
export function dynamoSweepLedger(
  options: DynamoDBClientConfig,
  tableName: string,
  random: Random = systemRandom,
): SweepLedger {
  const table = ledgerTable(options, tableName, random);
  return {
    async read() {
      const item = await table.get(SWEEP_KEY);
      if (item === undefined) return { version: 0 };
      const { pk, sk, format, release, swapId, ...memory } = parsed(sweepItem, item);
      return memory;
    },
    swap: (next) => table.swap(SWEEP_KEY, next.version, (swapId) => itemOf(SWEEP_KEY, { ...next, swapId })),
  };
}
