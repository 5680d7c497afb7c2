/** A list price of AWS in us-east-1, without free tiers and without discounts. */
interface Price {
  readonly usd: number;
  /** So many units cost that. */
  readonly per: 1 | 10_000 | 100_000 | 1_000_000;
  readonly unit: string;
  readonly source: string;
  /** When it was last seen there, by us or by who quotes it. */
  readonly asOf: string;
}

/** The file in which AWS lists the prices of a service. */
function list(service: string): string {
  return `https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/${service}/current/us-east-1/index.json`;
}

/** All prices of the cost proof. */
export const PRICES = {
  series: { usd: 0.3, per: 1, unit: 'series', source: list('AmazonCloudWatch'), asOf: '2026-10' },
  alarm: {
    usd: 0.1,
    per: 1,
    unit: 'metrics',
    source: 'https://aws.amazon.com/cloudwatch/pricing/',
    asOf: '2026-11',
  },
  compositeAlarm: {
    usd: 0.5,
    per: 1,
    unit: 'alarms',
    source: 'https://aws.amazon.com/cloudwatch/pricing/',
    asOf: '2026-11',
  },
  logsIngested: { usd: 0.5, per: 1, unit: 'GB', source: list('AmazonCloudWatch'), asOf: '2026-10' },
  logsKept: { usd: 0.03, per: 1, unit: 'GB-months', source: list('AmazonCloudWatch'), asOf: '2026-10' },
  /** By Logs Insights. */
  logsQueried: {
    usd: 0.005,
    per: 1,
    unit: 'GB',
    source: 'https://aws.amazon.com/cloudwatch/pricing/',
    asOf: '2026-11',
  },
  trace: {
    usd: 5,
    per: 1_000_000,
    unit: 'traces',
    source: 'https://aws.amazon.com/xray/pricing/',
    asOf: '2026-11',
  },
  secret: {
    usd: 0.4,
    per: 1,
    unit: 'secret',
    source: 'https://aws.amazon.com/secrets-manager/pricing/',
    asOf: '2026-09',
  },
  secretCall: {
    usd: 0.05,
    per: 10_000,
    unit: 'calls',
    source: 'https://aws.amazon.com/secrets-manager/pricing/',
    asOf: '2026-09',
  },
  lambdaRequest: { usd: 0.2, per: 1_000_000, unit: 'requests', source: list('AWSLambda'), asOf: '2026-09' },
  /** On arm64. */
  lambdaGbSecond: {
    usd: 0.0000133334,
    per: 1,
    unit: 'GB-seconds',
    source: list('AWSLambda'),
    asOf: '2026-09',
  },
  readUnit: {
    usd: 0.125,
    per: 1_000_000,
    unit: 'read units',
    source: list('AmazonDynamoDB'),
    asOf: '2026-09',
  },
  writeUnit: {
    usd: 0.625,
    per: 1_000_000,
    unit: 'write units',
    source: list('AmazonDynamoDB'),
    asOf: '2026-09',
  },
  tableKept: { usd: 0.25, per: 1, unit: 'GB-months', source: list('AmazonDynamoDB'), asOf: '2026-10' },
  tableBackup: { usd: 0.2, per: 1, unit: 'GB-months', source: list('AmazonDynamoDB'), asOf: '2026-10' },
  queueRequest: {
    usd: 0.4,
    per: 1_000_000,
    unit: 'requests',
    source: list('AWSQueueService'),
    asOf: '2026-10',
  },
  /** A custom event; so is one that goes from bus to bus, and a scheduled one is no dearer. */
  event: { usd: 1, per: 1_000_000, unit: 'events', source: list('AWSEvents'), asOf: '2026-10' },
  topicRequest: { usd: 0.5, per: 1_000_000, unit: 'requests', source: list('AmazonSNS'), asOf: '2026-10' },
  mail: { usd: 2, per: 100_000, unit: 'mails', source: list('AmazonSNS'), asOf: '2026-10' },
  /** Between regions. */
  transfer: { usd: 0.02, per: 1, unit: 'GB', source: list('AWSDataTransfer'), asOf: '2026-09' },
} as const satisfies Record<string, Price>;

/** What runs over tables pay for besides. */
export const RUN_PRICES = {
  objectWrite: {
    usd: 5,
    per: 1_000_000,
    unit: 'objects',
    source: 'https://aws.amazon.com/s3/pricing/',
    asOf: '2026-11',
  },
  objectRead: {
    usd: 0.4,
    per: 1_000_000,
    unit: 'objects',
    source: 'https://aws.amazon.com/s3/pricing/',
    asOf: '2026-11',
  },
  objectKept: {
    usd: 0.023,
    per: 1,
    unit: 'GB-month',
    source: 'https://aws.amazon.com/s3/pricing/',
    asOf: '2026-11',
  },
  export: {
    usd: 0.1,
    per: 1,
    unit: 'GB',
    source: 'https://aws.amazon.com/dynamodb/pricing/on-demand/',
    asOf: '2026-11',
  },
  query: { usd: 5, per: 1, unit: 'TB', source: 'https://aws.amazon.com/athena/pricing/', asOf: '2026-11' },
} as const satisfies Record<string, Price>;

export type PriceName = keyof typeof PRICES;
