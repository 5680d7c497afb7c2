/** A list price of AWS in us-east-1, without free tiers and without discounts. */
export interface Price {
  readonly usd: number;
  /** So many units cost that. */
  readonly per: 1 | 10_000 | 100_000 | 1_000_000;
  readonly unit: string;
  readonly source: string;
  /** When it was last seen there, by us or by who quotes it. */
  readonly asOf: string;
}

/** The file in which AWS lists the prices of a service. */
export function priceList(service: string): string {
  return `https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/${service}/current/us-east-1/index.json`;
}

/** Of what is paid for by the call. */
export const CALL_PRICES = {
  secretCall: {
    usd: 0.05,
    per: 10_000,
    unit: 'calls',
    source: 'https://aws.amazon.com/secrets-manager/pricing/',
    asOf: '2026-09',
  },
  lambdaRequest: {
    usd: 0.2,
    per: 1_000_000,
    unit: 'requests',
    source: priceList('AWSLambda'),
    asOf: '2026-09',
  },
  /** On arm64. */
  lambdaGbSecond: {
    usd: 0.0000133334,
    per: 1,
    unit: 'GB-seconds',
    source: priceList('AWSLambda'),
    asOf: '2026-09',
  },
  writeUnit: {
    usd: 0.625,
    per: 1_000_000,
    unit: 'write units',
    source: priceList('AmazonDynamoDB'),
    asOf: '2026-09',
  },
  queueRequest: {
    usd: 0.4,
    per: 1_000_000,
    unit: 'requests',
    source: priceList('AWSQueueService'),
    asOf: '2026-10',
  },
  /** A custom event; so is one that goes from bus to bus, and a scheduled one is no dearer. */
  event: { usd: 1, per: 1_000_000, unit: 'events', source: priceList('AWSEvents'), asOf: '2026-10' },
} as const satisfies Record<string, Price>;
