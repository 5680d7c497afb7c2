import type {
  EpisodeStatus,
  Overview,
  RunProgress,
  SubjectStatus,
} from '../../functions/contract/overview.ts';
import type { Finding } from '../../functions/contract/report.ts';

const US = 'us-east-1';
const WEST = 'us-west-2';
const EU = 'eu-west-1';
const FRANKFURT = 'eu-central-1';
const SYDNEY = 'ap-southeast-2';
export const REGIONS = [US, WEST, EU, FRANKFURT, SYDNEY] as const;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** When the sample is looked at. */
export const NOW = Date.UTC(2026, 10, 21, 14, 5, 12);

/** A function that agrees everywhere. */
export function aSubject(subject: string, status: Partial<SubjectStatus> = {}): SubjectStatus {
  return {
    subject,
    kind: 'function',
    verdict: 'agreed',
    critical: false,
    mode: 'alert',
    silence: null,
    replicas: REGIONS,
    openSince: null,
    findings: [],
    findingsLeft: 0,
    seenAt: NOW - 3 * DAY,
    answeredUntil: null,
    targets: { convergenceMs: 5 * MINUTE, exposurePercent: 1 },
    ...status,
  };
}

/** An episode that went forward, in all regions within two minutes. */
export function anEpisode(
  subject: string,
  startedMsAgo: number,
  status: Partial<EpisodeStatus> = {},
): EpisodeStatus {
  const at = NOW - startedMsAgo;
  return {
    id: `${subject}-${startedMsAgo}`,
    subject,
    kind: 'function',
    outcome: 'forward',
    cause: { id: `deploy-${startedMsAgo}`, source: 'aws.cloudformation', at },
    firstSeenAt: at + 4 * SECOND,
    endedAt: at + 2 * MINUTE,
    isOverdue: false,
    reached: [
      { replica: US, at: at + 6 * SECOND },
      { replica: EU, at: at + 41 * SECOND },
      { replica: SYDNEY, at: at + 2 * MINUTE },
    ],
    convergenceMs: 2 * MINUTE,
    resolutionMs: 5 * SECOND,
    evidence: null,
    findings: [],
    ...status,
  };
}

/** Nothing is watched, and nothing was ever looked at. */
export const EMPTY: Overview = {
  at: NOW,
  isBrief: false,
  release: '0.1.0',
  prefix: 'recohere',
  replicas: REGIONS,
  subjects: [],
  episodes: [],
  runs: [],
  sweep: null,
};

const differs = (replica: string, ...keys: string[]): Finding => ({
  replica,
  facet: 'env',
  kind: 'different',
  keys,
  reference: US,
});

const FUNCTIONS: readonly SubjectStatus[] = [
  aSubject('audit-trail'),
  aSubject('basket-pricing'),
  aSubject('billing-close', { replicas: [US, WEST] }),
  aSubject('cart'),
  aSubject('catalog-search', { critical: true }),
  aSubject('checkout-api', {
    verdict: 'diverged',
    critical: true,
    openSince: NOW - 41 * MINUTE,
    findings: [
      differs(EU, 'PAYMENT_TIMEOUT_MS'),
      { replica: EU, facet: 'env', kind: 'missing', keys: ['FEATURE_EXPRESS', 'FEATURE_X'], reference: US },
      { replica: FRANKFURT, facet: 'env', kind: 'missing', keys: ['FEATURE_X'], reference: US },
      { replica: EU, facet: 'code', kind: 'different', keys: ['CodeSha256'], reference: US },
    ],
    targets: { convergenceMs: MINUTE, exposurePercent: 0.5 },
  }),
  aSubject('coupon-redeem'),
  aSubject('currency-rates'),
  aSubject('customer-export', {
    verdict: 'unobservable',
    openSince: NOW - 2 * HOUR,
    findings: [
      {
        replica: SYDNEY,
        facet: 'env',
        kind: 'unobservable',
        keys: [],
        refusal: { code: 'ACCESS_DENIED', permission: 'kms:Decrypt' },
      },
    ],
  }),
  aSubject('delivery-slots'),
  aSubject('email-render'),
  aSubject('fraud-score', {
    verdict: 'converging',
    critical: true,
    openSince: NOW - 48 * SECOND,
    findings: [
      { replica: FRANKFURT, facet: 'replica', kind: 'unsettled', keys: [] },
      { replica: SYDNEY, facet: 'traffic', kind: 'unsettled', keys: ['live'] },
    ],
  }),
  aSubject('gift-cards'),
  aSubject('inventory-sync', {
    verdict: 'diverged',
    openSince: NOW - 3 * HOUR,
    silence: { until: NOW + 2 * HOUR, reason: 'warehouse moves to the new region, ticket OPS-1482' },
    findings: [{ replica: WEST, facet: 'env', kind: 'missing', keys: ['FEATURE_RESERVE'], reference: US }],
  }),
  aSubject('invoice-mailer'),
  aSubject('loyalty-points', {
    mode: 'learn',
    verdict: 'diverged',
    openSince: NOW - 9 * DAY,
    findings: [differs(US, 'TABLE')],
  }),
  aSubject('media-resize'),
  aSubject('order-events'),
  aSubject('orders-worker', { critical: true }),
  aSubject('partner-feed'),
  aSubject('payments', { critical: true }),
  aSubject('price-import'),
  aSubject('recommendations', { mode: 'learn' }),
  aSubject('returns'),
  aSubject('search-indexer', {
    verdict: 'diverged',
    openSince: NOW - 17 * MINUTE,
    findings: [{ replica: US, facet: 'replica', kind: 'missing', keys: [] }],
  }),
  aSubject('session-store'),
  aSubject('shipping-labels', { replicas: [US, EU, FRANKFURT] }),
  aSubject('stock-alerts'),
  aSubject('tax-rules'),
  aSubject('webhook-relay'),
];

const secret = (name: string, status: Partial<SubjectStatus> = {}) =>
  aSubject(name, { kind: 'secret', targets: { convergenceMs: 2 * MINUTE, exposurePercent: 1 }, ...status });

const SECRETS: readonly SubjectStatus[] = [
  secret('prod/db', { critical: true }),
  secret('prod/mail', { replicas: [US, EU] }),
  secret('prod/maps'),
  secret('prod/payments', {
    verdict: 'diverged',
    critical: true,
    openSince: NOW - 22 * MINUTE,
    findings: [
      { replica: SYDNEY, facet: 'version', kind: 'stale', keys: ['InProgress'] },
      { replica: WEST, facet: 'consumer', kind: 'stale', keys: ['checkout-api'] },
    ],
  }),
  secret('prod/search'),
  secret('prod/session-signing'),
];

const EPISODES: readonly EpisodeStatus[] = [
  anEpisode('fraud-score', 51 * SECOND, {
    outcome: 'open',
    endedAt: null,
    convergenceMs: null,
    resolutionMs: null,
    reached: [
      { replica: US, at: NOW - 44 * SECOND },
      { replica: WEST, at: NOW - 30 * SECOND },
    ],
  }),
  anEpisode('search-indexer', 18 * MINUTE, {
    outcome: 'open',
    isOverdue: true,
    cause: { id: 'moved-1', source: 'look', at: NOW - 18 * MINUTE },
    firstSeenAt: NOW - 17 * MINUTE,
    endedAt: null,
    convergenceMs: null,
    resolutionMs: null,
    reached: [],
  }),
  anEpisode('prod/payments', 22 * MINUTE, {
    kind: 'secret',
    outcome: 'open',
    isOverdue: true,
    cause: { id: 'rotation-77', source: 'aws.secretsmanager', at: NOW - 22 * MINUTE },
    endedAt: null,
    convergenceMs: null,
    resolutionMs: null,
    evidence: 'bounded',
    reached: [
      { replica: US, at: NOW - 22 * MINUTE + 2 * SECOND },
      { replica: EU, at: NOW - 22 * MINUTE + 8 * SECOND },
      { replica: FRANKFURT, at: NOW - 22 * MINUTE + 9 * SECOND },
    ],
  }),
  anEpisode('checkout-api', 42 * MINUTE, {
    outcome: 'open',
    isOverdue: true,
    cause: { id: 'checkout-2026-11-21.3', source: 'recohere.deploy', at: NOW - 42 * MINUTE },
    endedAt: null,
    convergenceMs: null,
    resolutionMs: null,
    reached: [
      { replica: US, at: NOW - 41 * MINUTE },
      { replica: WEST, at: NOW - 40 * MINUTE },
      { replica: SYDNEY, at: NOW - 37 * MINUTE },
    ],
  }),
  anEpisode('cart', 5 * HOUR),
  anEpisode('payments', 8 * HOUR, {
    outcome: 'rolled-back',
    isOverdue: true,
    endedAt: NOW - 8 * HOUR + 17 * MINUTE,
    convergenceMs: 17 * MINUTE,
    reached: [
      { replica: US, at: NOW - 8 * HOUR + 16 * MINUTE },
      { replica: EU, at: NOW - 8 * HOUR + 17 * MINUTE },
    ],
  }),
  anEpisode('prod/db', 26 * HOUR, {
    kind: 'secret',
    evidence: 'reported',
    cause: { id: 'rotation-76', source: 'aws.secretsmanager', at: NOW - 26 * HOUR },
    endedAt: NOW - 26 * HOUR + 63 * SECOND,
    convergenceMs: 63 * SECOND,
    reached: REGIONS.map((replica, position) => ({
      replica,
      at: NOW - 26 * HOUR + (1 + position * 3) * SECOND,
    })),
  }),
  anEpisode('orders-worker', 2 * DAY),
  anEpisode('prod/search', 3 * DAY, {
    kind: 'secret',
    outcome: 'superseded',
    evidence: 'probed',
    endedAt: NOW - 3 * DAY + 40 * SECOND,
    convergenceMs: 40 * SECOND,
    reached: [{ replica: US, at: NOW - 3 * DAY + 5 * SECOND }],
  }),
  anEpisode('coupon-legacy', 4 * DAY, {
    outcome: 'retired',
    endedAt: NOW - 4 * DAY + 3 * HOUR,
    convergenceMs: 3 * HOUR,
    reached: [],
  }),
  anEpisode('tax-rules', 6 * DAY, { firstSeenAt: NOW - 6 * DAY + 70 * SECOND }),
  anEpisode('loyalty-points', 9 * DAY, {
    outcome: 'open',
    isOverdue: true,
    cause: { id: 'seen-1', source: 'look', at: NOW - 9 * DAY },
    endedAt: null,
    convergenceMs: null,
    resolutionMs: null,
    reached: [],
  }),
];

const RUNS: readonly RunProgress[] = [
  {
    id: 'dedupe-orders-apply-20261121T1358',
    kind: 'dedupe',
    mode: 'apply',
    state: 'running',
    table: 'orders',
    progress: { done: 11, of: 16 },
    startedAt: NOW - 7 * MINUTE,
    durationMs: 7 * MINUTE,
    costUsd: 0.0418,
    counts: { duplicates: 199, removed: 137, retries: 2 },
  },
  {
    id: 'dedupe-orders-dry-run-20261121T1330',
    kind: 'dedupe',
    mode: 'dry-run',
    state: 'finished',
    table: 'orders',
    progress: { done: 32, of: 32 },
    startedAt: NOW - 35 * MINUTE,
    durationMs: 94 * SECOND,
    costUsd: 0.2531,
    counts: { scanned: 20199, groups: 199, duplicates: 199 },
  },
  {
    id: 'backfill-customers-apply-20261120T0900',
    kind: 'backfill',
    mode: 'apply',
    state: 'failed',
    table: 'customers',
    progress: { done: 5, of: 24 },
    startedAt: NOW - 29 * HOUR,
    durationMs: 3 * MINUTE + 12 * SECOND,
    costUsd: 1.84,
    counts: { scanned: 1_204_551, written: 88_120, skipped: 101 },
  },
];

/** A morning at a shop in five regions: most agrees, a deploy is stuck, a rotation too, and a region answers slowly. */
export const SAMPLE: Overview = {
  ...EMPTY,
  subjects: [...FUNCTIONS, ...SECRETS],
  episodes: EPISODES,
  runs: RUNS,
  sweep: {
    startedAt: NOW - 3 * MINUTE - 14 * SECOND,
    endedAt: NOW - 3 * MINUTE,
    expected: 172,
    read: 168,
    left: 2,
    unread: [],
    unreadSubjects: ['customer-export', 'stock-alerts'],
    unreadSubjectsLeft: 0,
  },
};

/** @param open Of how many subjects three of the replicas differ. */
export function manySubjects(count: number, replicaCount: number, open: number): Overview {
  const replicas = Array.from(
    { length: replicaCount },
    (_, position) => REGIONS[position] ?? `region-${position}`,
  );
  const findings = replicas.slice(0, 3).map((replica) => differs(replica, 'DB_HOST', 'FEATURE_X'));
  const subjects = Array.from({ length: count }, (_, position) =>
    aSubject(`service-${position}-handler`, {
      replicas,
      ...(position < open && { verdict: 'diverged', openSince: NOW - HOUR, findings }),
    }),
  );
  const episodes = subjects.map(({ subject }, position) => anEpisode(subject, (position + 1) * MINUTE));
  return { ...SAMPLE, replicas, subjects, episodes };
}

const HOSTILE_NAMES = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(2)>',
  "'--><svg onload=alert(3)>",
  '</style><style>*{background:url(https://example.com/leak)}',
  '</cwdb-action><cwdb-action action="call" endpoint="arn:other">{}',
  'safe\u202Egnp.exe\u0000\u0007\u200B',
  '&lt;b&gt;',
  '{{7*7}}',
  'n'.repeat(512),
];

/** The sample, in which every text that comes from outside attacks who looks at it. */
export const HOSTILE: Overview = {
  ...SAMPLE,
  release: HOSTILE_NAMES[1] ?? '',
  prefix: HOSTILE_NAMES[0] ?? '',
  replicas: [US, '"><script>alert(4)</script>', 'r'.repeat(512)],
  subjects: HOSTILE_NAMES.map((name) =>
    aSubject(name, {
      verdict: 'diverged',
      openSince: NOW - HOUR,
      replicas: [US],
      silence: { until: NOW + HOUR, reason: name },
      findings: [
        differs(US, name, 'K'.repeat(512)),
        { replica: name, facet: 'env', kind: 'extra', keys: [name], reference: name },
      ],
    }),
  ),
  episodes: HOSTILE_NAMES.map((name, position) =>
    anEpisode(name, (position + 1) * HOUR, {
      cause: { id: name, source: name, at: NOW - (position + 1) * HOUR },
      reached: [{ replica: name, at: NOW - position * HOUR }],
    }),
  ),
  runs: HOSTILE_NAMES.map((name) => ({
    id: name,
    kind: name,
    mode: name,
    state: name,
    table: name,
    progress: { done: 1, of: 0 },
    startedAt: NOW,
    durationMs: 1,
    costUsd: 0,
    counts: { [name]: 1 },
  })),
  sweep: {
    startedAt: NOW - DAY,
    endedAt: NOW - DAY,
    expected: 0,
    read: 0,
    left: 1,
    unread: HOSTILE_NAMES.map((replica) => ({
      replica,
      refusal: { code: 'ACCESS_DENIED', permission: replica },
    })),
    unreadSubjects: HOSTILE_NAMES,
    unreadSubjectsLeft: 0,
  },
};
export { HOSTILE_NAMES };
