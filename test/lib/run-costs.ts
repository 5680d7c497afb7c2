import {
  PARTITION_ITEMS,
  PARTITIONS_MAX,
  SEGMENT_BYTES,
  SEGMENTS_MAX,
  UNITS_PER_WORKER,
} from '../../functions/app/plan-run.ts';
import { LAMBDA_LIMITS } from '../../functions/app/run-ports.ts';
import { SPILLS } from '../../functions/contract/deployment.ts';
import { BATCH } from '../../functions/core/run.ts';
import { markdownTable } from './markdown-table.ts';
import { PRICES, RUN_PRICES } from './prices.ts';

const ALL_PRICES = { ...PRICES, ...RUN_PRICES };

/** Of each item, with its names. */
const ITEM_BYTES = 1_024;
/** Share of the items that is written twice. */
const DUPLICATES = 0.01;
/** Characters of one record: a hash of 32, a key and an order of some 60 more. */
const RECORD_CHARACTERS = 100;
/** A proof speaks of {@link BATCH} items in some 200 bytes each; beside it two checkpoints, of 1 KB. */
const LEDGER_UNITS_PER_BATCH = Math.ceil((BATCH * 200) / 1_024) + 2;
const STRONG_READS_PER_DUPLICATE = 5;
/** What a run may take. */
const READ_UNITS_PER_SECOND = 4_000;
const WORKER_GB = 1;

const SIZES = [100_000_000, 1_000_000_000] as const;

/** What finding and removing the doubles of a table costs, in USD, by what is paid for. */
export function ourCosts(items: number): Readonly<Record<string, number>> {
  const scanUnits = items * (ITEM_BYTES / 4_096) * 0.5;
  const doubles = items * DUPLICATES;
  const segments = Math.min(SEGMENTS_MAX, Math.ceil((items * ITEM_BYTES) / SEGMENT_BYTES));
  const partitions = Math.min(PARTITIONS_MAX, Math.ceil(items / PARTITION_ITEMS));
  const flushes =
    segments * Math.ceil(((items / segments) * RECORD_CHARACTERS) / LAMBDA_LIMITS.flushCharacters);
  const objects = flushes * partitions;
  const batches = doubles / BATCH;
  const workers = Math.min(LAMBDA_LIMITS.concurrency, Math.ceil(READ_UNITS_PER_SECOND / UNITS_PER_WORKER));
  const keptGb = (items * RECORD_CHARACTERS) / 1e9;
  return {
    'one scan': usd('readUnit', scanUnits),
    'strong reads of doubles and keepers': usd('readUnit', doubles * STRONG_READS_PER_DUPLICATE),
    removals: usd('writeUnit', doubles * (ITEM_BYTES / 1_024)),
    'records in S3':
      usd('objectWrite', objects + batches) +
      usd('objectRead', objects) +
      usd('objectKept', keptGb * (SPILLS.days / 30)),
    'proofs in the ledger': usd('writeUnit', batches * LEDGER_UNITS_PER_BATCH),
    'workers in Lambda': usd('lambdaGbSecond', (scanUnits / READ_UNITS_PER_SECOND) * workers * WORKER_GB),
  };
}

/** The usual way: a scan, and for each item a conditional write of a claim, of 1 KB at most, in another table. */
export function claimCosts(items: number): number {
  return usd('readUnit', items * (ITEM_BYTES / 4_096) * 0.5) + usd('writeUnit', items * (1 + DUPLICATES));
}

/** An export to S3 with a query over it: it finds doubles, and removes none; those are removed as we do. */
export function exportCosts(items: number): number {
  const gb = (items * ITEM_BYTES) / 1e9;
  const { 'strong reads of doubles and keepers': reads = 0, removals = 0 } = ourCosts(items);
  return usd('export', gb) + usd('query', gb / 1_000) + usd('objectKept', gb) + reads + removals;
}

export function costOf(costs: Readonly<Record<string, number>>): number {
  return Object.values(costs).reduce((sum, each) => sum + each, 0);
}

/** The README's comparison, calculated. */
export function runCostsText(): string {
  const rows = SIZES.map((items) => {
    const ours = ourCosts(items);
    return [
      `${(items / 1e6).toLocaleString('en-US')} million`,
      costText(costOf(ours)),
      Object.entries(ours)
        .map(([what, cost]) => `${what} ${costText(cost)}`)
        .join(', '),
      costText(claimCosts(items)),
      costText(exportCosts(items)),
    ];
  });
  const table = markdownTable(
    [
      'items of 1 KB',
      'ours, USD',
      'of which',
      'one claim an item, USD',
      'export to S3, query, removals, USD',
    ],
    rows,
  );
  const [first] = SIZES;
  const hours = (first * (ITEM_BYTES / 4_096) * 0.5) / READ_UNITS_PER_SECOND / 3_600;
  return `${table}
Calculated, not measured, for 1 % of doubles at ${READ_UNITS_PER_SECOND.toLocaleString('en-US')} read units a second (${hours.toFixed(1)} hours for ${first / 1e6} million items), at list prices of us-east-1:
a read unit ${priceText('readUnit')}, a write unit ${priceText('writeUnit')}, S3 ${priceText('objectWrite')} to write and ${priceText('objectRead')} to read, ${priceText('objectKept')},
Lambda ${priceText('lambdaGbSecond')}, an export ${priceText('export')}, a query ${priceText('query')}. A scan takes 0.5 units for 4 KB, so ${(ITEM_BYTES / 4_096) * 0.5} an item; a double takes
${STRONG_READS_PER_DUPLICATE} strong reads and one removal; a claim takes one write unit, also when it is refused. An export is of a moment that is minutes or hours old.
`;
}

function usd(price: keyof typeof ALL_PRICES, units: number): number {
  return (units / ALL_PRICES[price].per) * ALL_PRICES[price].usd;
}

function priceText(price: keyof typeof ALL_PRICES): string {
  const { usd: cost, per, unit } = ALL_PRICES[price];
  return per === 1 ? `${cost} a ${unit}` : `${cost} for ${per.toLocaleString('en-US')} ${unit}`;
}

function costText(cost: number): string {
  return cost < 10 ? cost.toFixed(2) : cost.toFixed(0);
}
