/**
 * Names of what is deployed: pure functions of the config's prefix, so that no stack refers to another. What outlives its
 * stack (ledger and fingerprint key) has a generated name: else nobody could deploy again after an uninstall.
 */
export const DEPLOYED = {
  /** Name of the hub's event bus. */
  bus: (prefix: string) => prefix,
  /** Name of a stack. */
  stack: (prefix: string, stack: 'hub' | 'region' | 'monitoring' | 'data') => `${prefix}-${stack}`,
  /** Name of a function of ours, of its role, and of the queue that feeds it. */
  part: (prefix: string, part: Part) => `${prefix}-${part}`,
  /**
   * Where goes what cannot be handled (`verify-deploy`, `verify-rotation`), or what EventBridge and Lambda could not deliver
   * within the hub (`hub`), or from a region to it (`region`).
   */
  deadLetters: (prefix: string, of: QueuedPart | 'hub' | 'region') => `${prefix}-${of}-dead-letters`,
  /** The role of an account that the hub assumes. */
  readRole: (prefix: string) => `${prefix}-read`,
  /** The role with which a region puts events on the hub's bus. Roles are global, hence the region. */
  forwardRole: (prefix: string, region: string) => `${prefix}-forward-${region}`,
  /**
   * The bucket beside the tables of one account and region. It has a name of its own although it may outlive its stack: it does so
   * only while there is something in it.
   */
  bucket: (prefix: string, account: string, region: string) => `${prefix}-${account}-${region}`,
  /** The role of an account that the hub assumes to work on its tables. */
  dataRole: (prefix: string) => `${prefix}-data`,
  /** The state machine that works on one run. */
  runs: (prefix: string) => `${prefix}-runs`,
  /** The topic that alarms and notices of a severity are sent to. */
  topic: (prefix: string, severity: Severity) => `${prefix}-${severity}`,
  dashboard: (prefix: string) => prefix,
  alarm: (prefix: string, alarm: string) => `${prefix}-${alarm}`,
} as const;

/** How soon a person must know: `page` now, `ticket` within working hours. */
export const SEVERITIES = ['page', 'ticket'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The partition of a region, which all ARNs in it begin with. */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/**
 * Every function that may be deployed; each has a folder with a handler and a bundle of this name. `reconcile-worker` is there only if the
 * config has tables.
 */
export const PARTS = [
  'verify-deploy',
  'verify-rotation',
  'sweep',
  'notify',
  'widget',
  'reconcile',
  'reconcile-worker',
] as const;
export type Part = (typeof PARTS)[number];

/** Functions that a queue feeds; others are called by a schedule, by hand, or by the state machine. */
export type QueuedPart = Extract<Part, `verify-${string}`>;

/** Deliveries of a message. At the last one it becomes a dead letter of ours, before SQS would keep it as it is. */
export const TRIES_MAX = 5;

/** How long functions that look, or tell, may live, in seconds. */
export const LIFE_SECONDS = {
  /** Enough for an event that names nobody, so that everything is looked at, at the pace of a good guest. */
  'verify-deploy': 300,
  'verify-rotation': 300,
  /** Less than from one look at everything to the next. That sweeps do not overlap, a lease in the ledger sees to. */
  sweep: 270,
  /** Enough for some hundred subjects of one deploy. */
  notify: 300,
} as const satisfies Partial<Record<Part, number>>;

/** Memory of a function, in megabytes, unless it needs another; `notify` waits for the ledger and for topics, and computes nothing. */
export const MEGABYTES = { usual: 512, notify: 256 } as const;

/** Messages that a function takes out of its queue at once. */
export const BATCH_MESSAGES = 10;
/** Batches that it works on at once: the least that Lambda takes. More would only share the same pace of reading. */
export const BATCHES_AT_ONCE = 2;
/** For so many lives of its function a message that was taken stays away, as AWS advises: it is not seen again while a batch is retried. */
export const LIVES_OUT_OF_SIGHT = 6;

/** What a function keeps of its time, in milliseconds, for what it still has to write when it reads no more. */
export const TIME_TO_WRITE_MS = 30_000;

/** Longest time that a worker may live, in milliseconds: the longest that Lambda gives. */
export const WORKER_MS_MAX = 900_000;

/** What a worker's errors are called, for the state machine, which goes by names: another try may mend it, or none will. */
export const TASK_ERRORS = { retryable: 'RecohereRetryable', final: 'RecohereFinal' } as const;

/** The module of the worker's asset that has the transform of a table, by the position of the table in the config. */
export function transformFile(position: number): string {
  return `transform-${position}.mjs`;
}

/** What quarantined items have in their names in the bucket, and how long they are kept. */
export const QUARANTINE = { prefix: 'quarantine/', days: 30 } as const;

/** What runs find, and write down until they end. */
export const SPILLS = { prefix: 'runs/', days: 14 } as const;

/** How often a sweep looks at all functions. */
export const SWEEP_EVERY_MINUTES = 5;

/** How often it looks at subjects that are critical, if there are any. */
export const CRITICAL_EVERY_MINUTES = 1;

/** How often a sweep looks at secrets too: a rotation is told by an event that needs no trail, so this is for lost ones. */
export const SECRETS_SWEEP_EVERY_MINUTES = 60;
