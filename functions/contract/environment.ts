import * as z from 'zod/mini';

const text = z.string().check(z.minLength(1));

const shared = {
  /** Name of the ledger's table. */
  RECOHERE_LEDGER: text,
  /** The config's prefix: the one dimension of all metrics, so that two installations do not mix. */
  POWERTOOLS_SERVICE_NAME: text,
};

/** URL of the queue of a function, which also takes requests to look again. */
const queues = {
  'verify-deploy': { RECOHERE_QUEUE: z.url() },
  'verify-rotation': { RECOHERE_SECRETS_QUEUE: z.url() },
};

/** ARN of the secret that holds the fingerprint key. */
const key = { RECOHERE_KEY: text };

/** URL of the queue of what cannot be handled. */
const deadLetters = { RECOHERE_DEAD_LETTERS: z.url() };

/** Id of the hub's own account, which is in the names of buckets. */
const account = { RECOHERE_ACCOUNT: text };

/** Environment variables of each function, which the hub stack sets and the function's cold start validates. */
export const environmentSchemas = {
  'verify-deploy': z.object({ ...shared, ...key, ...queues['verify-deploy'], ...deadLetters }),
  'verify-rotation': z.object({ ...shared, ...queues['verify-rotation'], ...deadLetters }),
  sweep: z.object({ ...shared, ...key, ...queues['verify-deploy'], ...queues['verify-rotation'] }),
  notify: z.object({
    ...shared,
    /** ARNs of the topics of both severities. */
    RECOHERE_PAGE_TOPIC: text,
    RECOHERE_TICKET_TOPIC: text,
  }),
  widget: z.object({ ...shared, ...queues['verify-deploy'], ...queues['verify-rotation'] }),
  reconcile: z.object({
    ...shared,
    ...account,
    ...queues['verify-deploy'],
    ...queues['verify-rotation'],
    /** ARN of the state machine that works on runs, if the config has tables. */
    RECOHERE_RUNS: z.exactOptional(text),
  }),
  'reconcile-worker': z.object({ ...shared, ...account }),
} as const;

/** The environment that the hub stack gives to a function. */
export type EnvironmentOf<Part extends keyof typeof environmentSchemas> = z.input<
  (typeof environmentSchemas)[Part]
>;

/** The config, as JSON, in the folder of each function's bundle: an environment variable would be too small for it. */
export const CONFIG_FILE = 'config.json';
