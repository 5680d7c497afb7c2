import { CALL_PRICES, type Price, priceList } from '../../functions/contract/prices.ts';

/** All prices of the cost proof. */
export const PRICES = {
  ...CALL_PRICES,
  series: { usd: 0.3, per: 1, unit: 'series', source: priceList('AmazonCloudWatch'), asOf: '2026-10' },
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
  logsIngested: { usd: 0.5, per: 1, unit: 'GB', source: priceList('AmazonCloudWatch'), asOf: '2026-10' },
  logsKept: { usd: 0.03, per: 1, unit: 'GB-months', source: priceList('AmazonCloudWatch'), asOf: '2026-10' },
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
  readUnit: {
    usd: 0.125,
    per: 1_000_000,
    unit: 'read units',
    source: priceList('AmazonDynamoDB'),
    asOf: '2026-09',
  },
  tableKept: { usd: 0.25, per: 1, unit: 'GB-months', source: priceList('AmazonDynamoDB'), asOf: '2026-10' },
  tableBackup: { usd: 0.2, per: 1, unit: 'GB-months', source: priceList('AmazonDynamoDB'), asOf: '2026-10' },
  topicRequest: {
    usd: 0.5,
    per: 1_000_000,
    unit: 'requests',
    source: priceList('AmazonSNS'),
    asOf: '2026-10',
  },
  mail: { usd: 2, per: 100_000, unit: 'mails', source: priceList('AmazonSNS'), asOf: '2026-10' },
  /** Between regions. */
  transfer: { usd: 0.02, per: 1, unit: 'GB', source: priceList('AWSDataTransfer'), asOf: '2026-09' },
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
