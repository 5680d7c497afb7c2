import * as z from 'zod/mini';
import { SUBJECT_KINDS } from '../../contract/ledger.ts';
import { COMPARED_FACETS, EVIDENCE, FACETS, REFUSAL_CODES, VERDICTS } from '../../contract/report.ts';
import { time } from '../../contract/time.ts';
import { EPISODE_ENDS } from '../../core/episode.ts';

const named = { replica: z.string(), keys: z.readonly(z.array(z.string())) };
const whole = z.enum(['replica', 'traffic']);

const refusal = z.looseObject({
  code: z.enum(REFUSAL_CODES),
  call: z.exactOptional(z.string()),
  permission: z.exactOptional(z.string()),
});

const finding = z.union([
  z.looseObject({
    ...named,
    kind: z.enum(['missing', 'extra', 'different']),
    facet: z.enum(COMPARED_FACETS),
    reference: z.string(),
  }),
  z.looseObject({ ...named, kind: z.enum(['missing', 'extra']), facet: whole }),
  z.looseObject({ ...named, kind: z.enum(['unsettled', 'failed']), facet: whole }),
  z.looseObject({
    ...named,
    kind: z.literal('unobservable'),
    facet: z.enum([...FACETS, 'replica']),
    refusal,
  }),
  z.looseObject({ ...named, kind: z.literal('unexpected'), facet: z.literal('code') }),
  z.looseObject({
    ...named,
    kind: z.enum(['unsettled', 'stale', 'failed', 'missing', 'standalone']),
    facet: z.literal('version'),
  }),
  z.looseObject({
    ...named,
    kind: z.enum(['unsettled', 'stale', 'unexpected', 'failed']),
    facet: z.literal('consumer'),
    refusal: z.exactOptional(refusal),
  }),
  z.looseObject({ ...named, kind: z.literal('failed'), facet: z.literal('rotation') }),
]);
const findings = z.readonly(z.array(finding));

/** What is told of a subject. What a later release says besides is kept. */
export const subjectStatusSchema = z.looseObject({
  subject: z.string(),
  kind: z.enum(SUBJECT_KINDS),
  verdict: z.enum(VERDICTS),
  critical: z.boolean(),
  mode: z.enum(['alert', 'learn']),
  silence: z.nullable(z.looseObject({ until: time, reason: z.string() })),
  replicas: z.readonly(z.array(z.string())),
  openSince: z.nullable(time),
  findings,
  findingsLeft: z.number(),
  seenAt: z.nullable(time),
  answeredUntil: z.nullable(time),
  targets: z.looseObject({ convergenceMs: z.number(), exposurePercent: z.number() }),
});

const episode = z.looseObject({
  id: z.string(),
  subject: z.string(),
  kind: z.enum(SUBJECT_KINDS),
  outcome: z.enum(['open', ...EPISODE_ENDS]),
  cause: z.looseObject({ id: z.string(), source: z.string(), at: time }),
  firstSeenAt: time,
  endedAt: z.nullable(time),
  isOverdue: z.boolean(),
  reached: z.readonly(z.array(z.looseObject({ replica: z.string(), at: time }))),
  convergenceMs: z.nullable(z.number()),
  resolutionMs: z.nullable(z.number()),
  evidence: z.nullable(z.enum([...EVIDENCE, 'unwatched'])),
  findings,
});

const run = z.looseObject({
  id: z.string(),
  kind: z.string(),
  mode: z.string(),
  state: z.string(),
  table: z.string(),
  progress: z.looseObject({ done: z.number(), of: z.number() }),
  startedAt: time,
  durationMs: z.number(),
  costUsd: z.number(),
  counts: z.readonly(z.record(z.string(), z.number())),
});

const sweep = z.looseObject({
  startedAt: time,
  endedAt: time,
  expected: z.number(),
  read: z.number(),
  left: z.number(),
  unread: z.readonly(
    z.array(z.looseObject({ replica: z.string(), refusal, isWhole: z.exactOptional(z.boolean()) })),
  ),
  unreadSubjects: z.readonly(z.array(z.string())),
  unreadSubjectsLeft: z.number(),
});

/** A part of an overview, in the same way. */
export const overviewPageSchema = z.looseObject({
  at: time,
  release: z.string(),
  prefix: z.string(),
  replicas: z.readonly(z.array(z.string())),
  subjects: z.readonly(z.array(subjectStatusSchema)),
  isBrief: z.boolean(),
  episodes: z.readonly(z.array(episode)),
  runs: z.readonly(z.array(run)),
  sweep: z.nullable(sweep),
  next: z.exactOptional(z.string()),
});
