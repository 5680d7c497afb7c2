import * as z from 'zod';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import {
  CRITICAL_GAUGES,
  METRIC_NAMES,
  type MetricName,
  RUN_METRICS,
  SECRET_GAUGES,
} from '../../functions/contract/metrics.ts';
import { markdownTable } from './markdown-table.ts';
import { measureRotation } from './measured-rotation.ts';
import { measureSweep, publishedSeries } from './measured-sweep.ts';
import { PRICES } from './prices.ts';
import {
  ASSUMED,
  type CfnTemplate,
  type CostLine,
  eventsPerDeploy,
  eventsPerRotation,
  LOOKS_AGAIN,
  line,
  MONTH_DAYS,
  type Month,
  messagesOf,
  queriedGb,
  RESOURCES,
  sum,
} from './resource-costs.ts';
import { synthesize } from './synthesized.ts';

/** So many of an account cost nothing, if they are small; another one costs so much. @see https://aws.amazon.com/cloudwatch/pricing/ */
const DASHBOARDS = { free: 3, usd: 3 };

/** What the idle installation may cost in a month. */
export const LIMIT_USD = 15;

const PER: Readonly<Record<number, string>> = {
  1: 'each',
  10000: 'for 10,000',
  100000: 'for 100,000',
  1000000: 'for a million',
};

/**
 * What a month costs, line by line, at list prices and without free tiers. Where AWS may bill in more than one way, the
 * dearer one is taken: a month has 31 days, every call of a function is a cold start, and every message
 * that may tell of a deploy is as dear as a sweep.
 * @throws Error for a type of resource, or a property of one, of which nobody has said what it costs
 */
export function monthlyCost(templates: readonly CfnTemplate[], month: Month): readonly CostLine[] {
  const messages = messagesOf(templates, month);
  const lines = templates.flatMap((template) =>
    Object.entries(template.Resources).flatMap(([id, { Type, Properties }]) => {
      try {
        const cost = RESOURCES[Type];
        if (cost === undefined) throw new Error('its type is not known');
        return cost(Properties, { id, template, month, messages });
      } catch (cause) {
        const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
        throw new Error(`what does ${id} (${Type}) cost when it is idle? ${why}`, { cause });
      }
    }),
  );
  return merged([line('CloudWatch: metrics', month.series.size, 'series'), ...lines]);
}

/** Times that a dashboard is drawn in an hour, if it refreshes as often as it is usual on a wall. */
const VIEWS_AN_HOUR = 60;

/** What an hour costs besides, in which a dashboard refreshes every minute. */
export function hourOfDashboard(templates: readonly CfnTemplate[], month: Month): readonly CostLine[] {
  const before = monthlyCost(templates, month);
  const quantityIn = (lines: readonly CostLine[], what: string) =>
    lines.find((each) => each.what === what)?.quantity ?? 0;
  const more = monthlyCost(templates, { ...month, views: VIEWS_AN_HOUR }).map((each) => ({
    ...each,
    quantity: each.quantity - quantityIn(before, each.what),
  }));
  const gb = queriedGb(templates, quantityIn(before, 'CloudWatch: logs written'));
  return [
    ...more.filter(({ quantity }) => quantity > 0),
    line('CloudWatch: queries of logs', VIEWS_AN_HOUR * gb, 'logsQueried'),
  ];
}

export function usdOf({ quantity, price }: CostLine): number {
  return (quantity * PRICES[price].usd) / PRICES[price].per;
}

export function totalUsd(lines: readonly CostLine[]): number {
  return sum(lines.map(usdOf));
}

/** Lines that say the same become one; dearest first. */
function merged(lines: readonly CostLine[]): readonly CostLine[] {
  const byName = new Map<string, CostLine>();
  for (const each of lines) {
    const name = `${each.what} ${each.price}`;
    byName.set(name, { ...each, quantity: each.quantity + (byName.get(name)?.quantity ?? 0) });
  }
  return [...byName.values()].sort((a, b) => usdOf(b) - usdOf(a));
}

/** A table that runs may work on. */
const TABLE: NonNullable<RecohereConfig['tables']> = [
  { name: 'orders', dedupe: { key: 'orderId', keep: 'oldest', by: 'createdAt' }, apply: true },
];

/** The templates of the installation that is assumed, one for each stack; of one with a table or critical functions too, if so asked. */
export function assumedTemplates(
  has: { readonly table?: boolean; readonly critical?: boolean } = {},
): readonly CfnTemplate[] {
  const { recohere, templateOf } = synthesize(
    {
      hub: { region: ASSUMED.regions[0] },
      replicas: ASSUMED.regions.map((region) => ({ region })),
      functions: [
        ...(has.critical ? [{ select: { name: 'critical-*' }, critical: true }] : []),
        { select: { name: '*' } },
      ],
      secrets: Array.from({ length: ASSUMED.secrets }, (_none, id) => ({
        name: `production/checkout/database-${id}`,
        consumers: [
          { name: 'production-checkout', cacheSeconds: ASSUMED.cacheSeconds, probe: 'production-checkout' },
        ],
      })),
      tables: has.table ? TABLE : [],
    },
    { notify: { page: ['oncall@example.com'], ticket: ['team@example.com'] } },
  );
  return [recohere.hub, recohere.monitoring, ...recohere.regions, ...recohere.data].map(
    (stack) => templateOf(stack).toJSON() as CfnTemplate,
  );
}

/** What is measured of the installation that is assumed. */
export async function assumedMonth(templates: readonly CfnTemplate[]): Promise<Month> {
  return {
    sweep: await measureSweep(ASSUMED),
    rotation: await measureRotation({ ...ASSUMED, events: eventsPerRotation(templates) }),
    rotations: ASSUMED.rotationsAMonth,
    series: await publishedSeries(seriesBut([...RUN_METRICS, ...CRITICAL_GAUGES])),
  };
}

function seriesBut(metrics: readonly MetricName[]): readonly MetricName[] {
  return METRIC_NAMES.filter((metric) => !metrics.includes(metric));
}

/** Functions that are critical, of those that are assumed, in the month of an installation that has some. */
const CRITICAL = 10;

/** The same month of an installation with some functions that are critical. */
export async function withCritical(month: Month): Promise<Month> {
  return {
    ...month,
    sweep: await measureSweep({ ...ASSUMED, critical: CRITICAL }),
    look: month.sweep,
    series: await publishedSeries(seriesBut(RUN_METRICS)),
  };
}

/** The cost proof in Markdown: what is assumed, a table, and what would cost more or less. */
export async function costText(): Promise<string> {
  const { regions, functions, secrets, processes, deploysAMonth, rotationsAMonth } = ASSUMED;
  const templates = assumedTemplates();
  const month = await assumedMonth(templates);
  const { sweep, rotation } = month;
  const byAlias = await measureSweep(ASSUMED, 'live');
  const noSecrets = await measureSweep({ ...ASSUMED, secrets: 0 });
  const ofFunctions = seriesBut([...RUN_METRICS, ...CRITICAL_GAUGES, ...SECRET_GAUGES]);
  const without = { ...month, sweep: noSecrets, rotations: 0, series: await publishedSeries(ofFunctions) };
  const lines = monthlyCost(templates, month);
  const tabled = monthlyCost(assumedTemplates({ table: true }), month);
  const critical = monthlyCost(assumedTemplates({ critical: true }), await withCritical(month));
  const ofRuns = line('CloudWatch: metrics', RUN_METRICS.length, 'series');
  const hour = totalUsd(hourOfDashboard(templates, month));
  const sweepText = (of: readonly CostLine[]) =>
    usdText(totalUsd(of.filter(({ what }) => what === 'Lambda: `sweep`')));
  const table = markdownTable(
    ['what', 'a month', 'list price, USD', 'USD a month'],
    [
      ...lines.map((each) => [each.what, quantityText(each), priceText(each), usdText(usdOf(each))]),
      ['**all**', '', '', `**${usdText(totalUsd(lines))}**`],
    ],
  );
  return `
At list prices of us-east-1, for one account with ${regions.length} regions, and a month with

- ${functions} functions in each region, all of them watched, and ${deploysAMonth} deploys, each of which is told by ${eventsPerDeploy(templates)} events and looked at
  ${LOOKS_AGAIN} times more;
- ${secrets} secrets, each replicated to all regions and used by a consumer that is probed and has ${processes} processes in each, and ${rotationsAMonth} rotations,
  each of which takes ${rotation.messages} messages (events, reports and looks) and ${rotation.probes} probes until it is agreed.

${table}
Without secrets it would be ${usdText(totalUsd(monthlyCost(templates, without)))} USD. With tables it is ${usdText(totalUsd(tabled))} USD while nothing runs, for an alarm more; the ${ofRuns.quantity} series of
runs are ${usdText(usdOf(ofRuns))} USD at most, and each run tells what it cost besides. With ${CRITICAL} functions that are critical it is ${usdText(totalUsd(critical))} USD,
for a sweep every minute. The dashboard is free as long as it is one of the first ${DASHBOARDS.free} of your account, and costs ${usdText(DASHBOARDS.usd)} USD beyond.
Nobody looks at it in this month, and no notice is written: an hour in which it refreshes every minute costs ${usdText(hour)} USD, since
each time the widget reads the state of every subject: on a wall, day and night, it is ${usdText(MONTH_DAYS * 24 * hour)} USD.
Watching all functions by an alias (\`qualifier\`) takes two calls for each at every sweep: it lasts
${Math.round(byAlias.seconds)} seconds instead of ${Math.round(sweep.seconds)}, and \`sweep\` costs ${sweepText(monthlyCost(templates, { ...month, sweep: byAlias }))} USD instead of ${sweepText(lines)}.

`;
}

function quantityText({ quantity, price }: CostLine): string {
  const digits = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
  return `${digits.format(quantity)} ${PRICES[price].unit}`;
}

function priceText({ price }: CostLine): string {
  const { usd, per } = PRICES[price];
  const digits = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 10 });
  return `${digits.format(usd)} ${PER[per]}`;
}

function usdText(usd: number): string {
  return usd < 0.005 ? '< 0.01' : usd.toFixed(2);
}
