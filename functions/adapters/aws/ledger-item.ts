import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod/mini';
import {
  episodeKey,
  FORMAT,
  ITEM_BYTES_MAX,
  type LedgerKey,
  STATES_INDEX,
  SUBJECT_KIND,
  stateKey,
} from '../../contract/ledger.ts';
import { COMPARED_FACETS, REFUSAL_CODES } from '../../contract/report.ts';
import type { ClosedEpisode, SubjectState } from '../../core/episode.ts';
import { invariant, RecohereError } from '../../core/errors.ts';

/** An item as DynamoDB takes and gives it. */
export type Item = Record<string, AttributeValue>;

const time = z.number();
const named = { replica: z.string(), keys: z.array(z.string()) };
const WHOLE = ['replica', 'traffic'] as const;
const whole = z.enum(WHOLE);

const refusal = z.strictObject({
  code: z.enum(REFUSAL_CODES),
  call: z.exactOptional(z.string()),
  permission: z.exactOptional(z.string()),
});

const finding = z.union([
  z.strictObject({
    ...named,
    kind: z.enum(['missing', 'extra', 'different']),
    facet: z.enum(COMPARED_FACETS),
    reference: z.string(),
  }),
  z.strictObject({ ...named, kind: z.enum(['missing', 'extra']), facet: whole }),
  z.strictObject({ ...named, kind: z.enum(['unsettled', 'failed']), facet: whole }),
  z.strictObject({
    ...named,
    kind: z.literal('unobservable'),
    facet: z.enum([...COMPARED_FACETS, ...WHOLE]),
    refusal,
  }),
  z.strictObject({ ...named, kind: z.literal('unexpected'), facet: z.literal('code') }),
]);

const change = z.strictObject({ id: z.string(), source: z.string(), at: time });

const roots = z.record(z.string(), z.partialRecord(z.enum(COMPARED_FACETS), z.string()));

const openEpisode = z.strictObject({
  id: z.string(),
  cause: change,
  since: time,
  lastChangeAt: time,
  lastMovedAt: time,
  firstSeenAt: time,
  lastSeenAt: time,
  looks: z.int().check(z.minimum(0)),
  isOverdue: z.boolean(),
  roots,
  findings: z.array(finding),
});

const closedEpisode = z.strictObject({
  id: z.string(),
  subject: z.string(),
  cause: change,
  outcome: z.enum(['forward', 'rolled-back', 'retired']),
  wasOverdue: z.boolean(),
  timeToDetectMs: time,
  convergenceMs: time,
  exposureMs: time,
  resolutionMs: time,
  closedAt: time,
  findings: z.array(finding),
});

const asked = z.strictObject({
  by: change,
  expected: z.optional(z.strictObject({ key: z.string(), root: z.string() })),
  isMet: z.boolean(),
});

const subjectState = z.strictObject({
  subject: z.string(),
  version: z.int().check(z.minimum(1)),
  agreed: z.optional(z.strictObject({ roots, at: time })),
  open: z.optional(openEpisode),
  last: z.optional(closedEpisode),
  asked: z.optional(asked),
  wake: z.int().check(z.minimum(0)),
});

// strict, since a field that is not known would be lost by the next swap
const envelope = { pk: z.string(), sk: z.string(), format: z.literal(FORMAT) };
const stateItem = z.extend(subjectState, {
  ...envelope,
  kind: z.literal(SUBJECT_KIND),
  swapId: z.string(),
});
const indexItem = z.object({ [STATES_INDEX.sort]: z.string() });
const episodeItem = z.extend(closedEpisode, envelope);

/** @param swapId Tells this swap from all others, whatever they write. */
export function itemOfState(state: SubjectState, swapId: string): Item {
  return itemOf(stateKey(state.subject), { ...state, kind: SUBJECT_KIND, swapId });
}

export function itemOfEpisode(episode: ClosedEpisode): Item {
  return itemOf(episodeKey(episode.subject, episode.id), episode);
}

/** @throws RecohereError `FUTURE_ITEM`, `MALFORMED_ITEM` */
export function stateOfItem(item: Item): SubjectState {
  const { pk, sk, format, kind, swapId, ...state } = parsed(stateItem, item);
  return state;
}

/** @throws RecohereError `FUTURE_ITEM`, `MALFORMED_ITEM` */
export function episodeOfItem(item: Item): ClosedEpisode {
  const { pk, sk, format, ...episode } = parsed(episodeItem, item);
  return episode;
}

/** @throws RecohereError `MALFORMED_ITEM` */
export function subjectOfItem(item: Item): string {
  return parsed(indexItem, item).subject;
}

function itemOf(key: LedgerKey, fields: object): Item {
  const item = marshall({ ...fields, ...key, format: FORMAT }, { removeUndefinedValues: true });
  const bytes = Buffer.byteLength(JSON.stringify(item));
  invariant(bytes <= ITEM_BYTES_MAX, `an item of the ledger has at most ${ITEM_BYTES_MAX} bytes`);
  return item;
}

function parsed<T>(schema: z.ZodMiniType<T>, item: Item): T {
  const fields: unknown = unmarshall(item, { wrapNumbers: Number });
  const context = { pk: item.pk?.S, sk: item.sk?.S };
  if (z.object({ format: z.number().check(z.gt(FORMAT)) }).safeParse(fields).success) {
    throw new RecohereError('FUTURE_ITEM', 'a later release wrote this item', { context });
  }
  const { success, data, error } = schema.safeParse(fields);
  if (success) return data;
  const wrong = new Set(error.issues.map(({ path: [field = 'item'] }) => field));
  throw new RecohereError('MALFORMED_ITEM', 'an item of the ledger is not as it was written', {
    context: { ...context, wrong: [...wrong] },
  });
}
