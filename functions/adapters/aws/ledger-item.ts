import * as z from 'zod/mini';
import {
  episodeKey,
  STATES_INDEX,
  SUBJECT_KINDS,
  type SubjectKind,
  stateKey,
} from '../../contract/ledger.ts';
import {
  COMPARED_FACETS,
  EVIDENCE,
  HOP_STATES,
  REFUSAL_CODES,
  SECRET_FACETS,
} from '../../contract/report.ts';
import { time } from '../../contract/time.ts';
import { type ClosedEpisode, EPISODE_ENDS, type SubjectState } from '../../core/episode.ts';
import type { PlaceId } from '../../core/place.ts';
import { ENVELOPE, type Item, itemOf, parsed } from './stored-item.ts';

const named = { replica: z.string(), keys: z.array(z.string()) };
const WHOLE = ['replica', 'traffic'] as const;
const whole = z.enum(WHOLE);

export const refusal = z.strictObject({
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
    facet: z.enum([...COMPARED_FACETS, ...SECRET_FACETS, ...WHOLE]),
    refusal,
  }),
  z.strictObject({ ...named, kind: z.literal('unexpected'), facet: z.literal('code') }),
  z.strictObject({
    ...named,
    kind: z.enum(['unsettled', 'stale', 'failed', 'missing', 'standalone']),
    facet: z.literal('version'),
  }),
  z.strictObject({
    ...named,
    kind: z.enum(['unsettled', 'stale', 'unexpected', 'failed']),
    facet: z.literal('consumer'),
    refusal: z.exactOptional(refusal),
  }),
  z.strictObject({ ...named, kind: z.literal('failed'), facet: z.literal('rotation') }),
]);

const rotation = z.strictObject({
  versionId: z.string(),
  isMove: z.boolean(),
  triedId: z.exactOptional(z.string()),
  hops: z.array(
    z.strictObject({
      hop: z.literal([1, 2, 3]),
      replica: z.string(),
      consumer: z.exactOptional(z.string()),
      state: z.enum(HOP_STATES),
      evidence: z.nullable(z.enum(EVIDENCE)),
      at: z.nullable(time),
    }),
  ),
});

const place = z.pipe(
  z.string(),
  z.transform((id) => id as PlaceId),
);

const secretMemory = z.strictObject({
  held: z.record(z.string(), z.strictObject({ versionId: z.string(), since: time })),
  loads: z.array(
    z.strictObject({
      replica: place,
      consumer: z.string(),
      process: z.exactOptional(z.string()),
      at: time,
      used: z.union([
        z.strictObject({ versionId: z.string(), isKnown: z.boolean() }),
        z.strictObject({ refusal }),
      ]),
    }),
  ),
  ended: z.exactOptional(
    z.strictObject({
      event: z.enum(['RotationSucceeded', 'RotationFailed', 'RotationAbandoned']),
      at: time,
      versionId: z.exactOptional(z.string()),
    }),
  ),
  unread: z.exactOptional(z.int()),
});

const change = z.strictObject({ id: z.string(), source: z.string(), at: time });

const reached = z.exactOptional(z.record(z.string(), time));

const roots = z.record(z.string(), z.partialRecord(z.enum([...COMPARED_FACETS, 'version']), z.string()));

const openEpisode = z.strictObject({
  id: z.string(),
  cause: change,
  deploy: z.exactOptional(change),
  since: time,
  lastChangeAt: time,
  lastMovedAt: time,
  firstSeenAt: time,
  lastSeenAt: time,
  looks: z.int().check(z.minimum(0)),
  isOverdue: z.boolean(),
  roots,
  findings: z.array(finding),
  reached,
  rotation: z.exactOptional(rotation),
  noticedAt: z.exactOptional(time),
  pausedAt: z.exactOptional(time),
});

const closedEpisode = z.strictObject({
  id: z.string(),
  subject: z.string(),
  cause: change,
  deploy: z.exactOptional(change),
  outcome: z.enum(EPISODE_ENDS),
  wasOverdue: z.boolean(),
  timeToDetectMs: time,
  convergenceMs: time,
  exposureMs: time,
  resolutionMs: time,
  closedAt: time,
  findings: z.array(finding),
  reached,
  rotation: z.exactOptional(rotation),
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
  secret: z.exactOptional(secretMemory),
  toldUnread: z.exactOptional(z.array(place)),
  untold: z.exactOptional(z.array(z.strictObject({ replica: place, seenAt: time }))),
  heard: z.exactOptional(change),
  silence: z.exactOptional(z.strictObject({ until: time, reason: z.string() })),
  group: z.exactOptional(z.string()),
  answeredUntil: z.exactOptional(time),
  retiredAt: z.exactOptional(time),
});

/** A stored state. Strict, since a field that is not known would be lost by the next swap. */
export const stateItem = z.extend(subjectState, {
  ...ENVELOPE,
  kind: z.enum(SUBJECT_KINDS),
  swapId: z.string(),
});
const indexItem = z.object({ [STATES_INDEX.sort]: z.string() });
/** A stored episode that has ended. */
export const episodeItem = z.extend(closedEpisode, ENVELOPE);

/** @param swapId Tells this swap from all others, whatever they write. */
export function itemOfState(kind: SubjectKind, state: SubjectState, swapId: string): Item {
  return itemOf(stateKey(kind, state.subject), { ...state, kind, swapId });
}

export function itemOfEpisode(kind: SubjectKind, episode: ClosedEpisode): Item {
  return itemOf(episodeKey(kind, episode.subject, episode.id), episode);
}

/** @throws RecohereError `FUTURE_ITEM`, `MALFORMED_ITEM` */
export function stateOfItem(item: Item): SubjectState {
  const { pk, sk, format, release, kind, swapId, ...state } = parsed(stateItem, item);
  return state;
}

/** @throws RecohereError `FUTURE_ITEM`, `MALFORMED_ITEM` */
export function episodeOfItem(item: Item): ClosedEpisode {
  const { pk, sk, format, release, ...episode } = parsed(episodeItem, item);
  return episode;
}

/** @throws RecohereError `MALFORMED_ITEM` */
export function subjectOfItem(item: Item): string {
  return parsed(indexItem, item).subject;
}
