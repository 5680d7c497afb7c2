/**
 * Names of what is deployed: pure functions of the config's prefix, so that no stack refers to another. What outlives its
 * stack (ledger and fingerprint key) has a generated name: else nobody could deploy again after an uninstall.
 */
export const DEPLOYED = {
  /** Name of the hub's event bus. */
  bus: (prefix: string) => prefix,
  /** Name of a stack. */
  stack: (prefix: string, stack: 'hub' | 'region' | 'monitoring') => `${prefix}-${stack}`,
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
  /** The topic that alarms notify. */
  alarms: (prefix: string) => `${prefix}-alarms`,
  alarm: (prefix: string, alarm: string) => `${prefix}-${alarm}`,
} as const;

/** Every function that is deployed; each has a folder with a handler and a bundle of this name. */
export const PARTS = ['verify-deploy', 'verify-rotation', 'sweep'] as const;
export type Part = (typeof PARTS)[number];

/** Functions that a queue feeds; a schedule calls the others. */
export type QueuedPart = Exclude<Part, 'sweep'>;

/** Deliveries of a message. At the last one it becomes a dead letter of ours, before SQS would keep it as it is. */
export const TRIES_MAX = 5;

/** What a function keeps of its time, in milliseconds, for what it still has to write when it reads no more. */
export const TIME_TO_WRITE_MS = 30_000;

/** How often a sweep looks at everything. */
export const SWEEP_EVERY_MINUTES = 5;

/** How often a sweep looks at secrets too: a rotation is told by an event that needs no trail, so this is for lost ones. */
export const SECRETS_SWEEP_EVERY_MINUTES = 60;
