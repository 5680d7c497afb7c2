import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import {
  PROOF_PREFIX,
  RUN_KIND,
  runKey,
  segmentKey,
  segmentPartition,
  tableKey,
} from '../../contract/ledger.ts';
import { RecohereError } from '../../core/errors.ts';
import { newSegment } from '../../core/run.ts';
import type { Random } from '../../ports/random.ts';
import type { RunLedger } from '../../ports/run-ledger.ts';
import { type Condition, IS_NEW, IS_NOT_OF_LATER_RELEASE, ledgerTable } from './ledger-table.ts';
import {
  holderOfItem,
  itemOfProof,
  itemOfRun,
  itemOfSegment,
  itemOfTable,
  proofOfItem,
  runIdOfItem,
  runOfItem,
  segmentOfItem,
} from './run-item.ts';
import { systemRandom } from './system.ts';

/*
 * A worker that somebody took over from, and what it still writes:
 *
 *   A   epoch 3 ── proof 7 ✓ ───────────────────────────── proof 8: epoch 4 wrote one ✗
 *   B                 takes over: epoch 4 ── proof 8 ✓ ── proof 7 again ✓
 */
const IS_NO_EPOCH_BACK = '#epoch <= :epoch';

/*
 * A lease on a table has no end: a run gives it back when it ends.
 *
 *   A   take: nobody has it ✓ ── take again ✓ ───────────────── release: A has it ✓
 *   B                               take: A has it ✗ ── release: A has it ✗ ── take: nobody has it ✓
 *
 * One that has ended without it loses it to who knows that, and to one of them:
 *
 *   A   take ✓ ── (ends)
 *   B                     take instead of A: A has it ✓
 *   C                       take instead of A: B has it ✗
 */
const IS_FREE = 'attribute_not_exists(#run)';
const IS_HELD = '#run = :run';
const IS_LEFT = '#run = :insteadOf';

/** Tries to take a table that is given back whenever it is looked who has it. */
const TAKES_MAX = 5;

/**
 * What is remembered of runs, in the ledger's table.
 * @param options Of the SDK's client; they replace `CLIENT_BOUNDS`.
 * @param random Tells swaps apart.
 */
export function dynamoRunLedger(
  options: DynamoDBClientConfig,
  tableName: string,
  random: Random = systemRandom,
): RunLedger {
  const table = ledgerTable(options, tableName, random);
  return {
    async readRun(id) {
      const item = await table.get(runKey(id));
      return item && runOfItem(item);
    },

    swapRun: (next) => table.swap(runKey(next.id), next.version, (swapId) => itemOfRun(next, swapId)),

    async runs(limit) {
      const found: string[] = [];
      const pages = table.ofKind(RUN_KIND, { limit, isReversed: true });
      for await (const items of pages) found.push(...items.map(runIdOfItem));
      return found;
    },

    async readSegment(run, phase, index) {
      const item = await table.get(segmentKey(run, phase, index));
      return item ? segmentOfItem(item) : newSegment(run, phase, index);
    },

    swapSegment(next) {
      const key = segmentKey(next.run, next.phase, next.index);
      const itemOf = (swapId: string) => itemOfSegment(next, swapId);
      return table.swap(key, next.version, itemOf, noEpochBack(next.epoch));
    },

    async record(proof) {
      const { expression, ...spokenOf } = noEpochBack(proof.epoch);
      await table.put(itemOfProof(proof), {
        expression: `${IS_NEW} OR (${expression} AND ${IS_NOT_OF_LATER_RELEASE})`,
        ...spokenOf,
      });
    },

    async *proofs(run, phase, index) {
      const pages = table.items(segmentPartition(run, phase, index), PROOF_PREFIX);
      for await (const items of pages) yield* items.map(proofOfItem);
    },

    async takeTable(arn, run, insteadOf) {
      const condition = isFreeFor(run, insteadOf);
      for (let takes = 0; takes < TAKES_MAX; takes++) {
        if (await table.put(itemOfTable(arn, run), condition)) return run;
        const item = await table.get(tableKey(arn));
        const holder = item && holderOfItem(item);
        if (holder !== undefined && holder !== insteadOf) return holder;
      }
      throw new RecohereError(
        'TABLE_BUSY',
        'other runs take the table and give it back all the time: ask again',
        {
          retryable: true,
          context: { takes: TAKES_MAX },
        },
      );
    },

    async releaseTable(arn, run) {
      await table.put(itemOfTable(arn, undefined), {
        expression: `${IS_HELD} AND ${IS_NOT_OF_LATER_RELEASE}`,
        ...heldBy(run),
      });
    },
  };
}

function noEpochBack(epoch: number): Condition {
  return { expression: IS_NO_EPOCH_BACK, names: { '#epoch': 'epoch' }, values: { ':epoch': epoch } };
}

function isFreeFor(run: string, insteadOf: string | undefined): Condition {
  const { names, values } = heldBy(run);
  const isLeft = insteadOf === undefined ? '' : ` OR ${IS_LEFT}`;
  return {
    expression: `${IS_NEW} OR ((${IS_FREE} OR ${IS_HELD}${isLeft}) AND ${IS_NOT_OF_LATER_RELEASE})`,
    names,
    values: { ...values, ...(insteadOf !== undefined && { ':insteadOf': insteadOf }) },
  };
}

function heldBy(run: string) {
  return { names: { '#run': 'run' }, values: { ':run': run } };
}
