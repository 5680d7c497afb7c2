import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod/mini';
import { FORMAT, ITEM_BYTES_MAX, type LedgerKey } from '../../contract/ledger.ts';
import { RELEASE } from '../../contract/release.ts';
import { invariant, RecohereError } from '../../core/errors.ts';

/** An item as DynamoDB takes and gives it. */
export type Item = Record<string, AttributeValue>;

/** What every item of the ledger has besides what it is there for. What this release has added, items of older ones lack. */
export const ENVELOPE = {
  pk: z.string(),
  sk: z.string(),
  format: z.int().check(z.minimum(1), z.maximum(FORMAT)),
  release: z.exactOptional(z.string()),
};

/** What is read of an item of a later release: enough to say which one to deploy. */
const futureItem = z.object({ format: z.number().check(z.gt(FORMAT)), release: z.optional(z.string()) });

/** An item of the ledger, in the format of this release. */
export function itemOf(key: LedgerKey, fields: object): Item {
  const item = marshall(
    { ...fields, ...key, format: FORMAT, release: RELEASE },
    { removeUndefinedValues: true },
  );
  const bytes = Buffer.byteLength(JSON.stringify(item));
  invariant(bytes <= ITEM_BYTES_MAX, `an item of the ledger has at most ${ITEM_BYTES_MAX} bytes`);
  return item;
}

/** The fields of an item as plain values; `undefined` if they are none: the library would repeat them in its error. */
export function fieldsOf(item: Item): unknown {
  try {
    return unmarshall(item, { wrapNumbers: Number });
  } catch {
    return undefined;
  }
}

/**
 * What is in an item of the ledger.
 * @throws RecohereError `FUTURE_ITEM`, `MALFORMED_ITEM`
 */
export function parsed<T>(schema: z.ZodMiniType<T>, item: Item): T {
  const fields = fieldsOf(item);
  const context = { pk: item.pk?.S, sk: item.sk?.S };
  const future = futureItem.safeParse(fields);
  if (future.success) {
    const { format, release } = future.data;
    throw new RecohereError(
      'FUTURE_ITEM',
      'a later release wrote this item: deploy that one, which the log of the function names',
      {
        context: { ...context, format, release },
      },
    );
  }
  const { success, data, error } = schema.safeParse(fields);
  if (success) return data;
  const wrong = new Set(error.issues.map(({ path: [field = 'item'] }) => field));
  throw new RecohereError(
    'MALFORMED_ITEM',
    'an item of the ledger is not as it was written: the log of the function names it',
    {
      context: { ...context, wrong: [...wrong] },
    },
  );
}
