import * as z from 'zod';
import { markdownTable } from './markdown-table.ts';
import { type MeasuredSweep, measureSweep, publishedSeries } from './measured-sweep.ts';
import { PRICES } from './prices.ts';
import {
  ASSUMED,
  type CfnTemplate,
  type CostLine,
  eventsPerDeploy,
  LOOKS_AGAIN,
  line,
  messagesOf,
  RESOURCES,
  sum,
} from './resource-costs.ts';
import { synthesize } from './synthesized.ts';

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
 * dearer one is taken: a month has 31 days, every call of a function is a cold start, and every message as dear as a sweep.
 * @throws Error for a type of resource, or a property of one, of which nobody has said what it costs
 */
export function monthlyCost(
  templates: readonly CfnTemplate[],
  sweep: MeasuredSweep,
  series: ReadonlySet<string>,
): readonly CostLine[] {
  const messages = messagesOf(templates);
  const lines = templates.flatMap((template) =>
    Object.entries(template.Resources).flatMap(([id, { Type, Properties }]) => {
      try {
        const cost = RESOURCES[Type];
        if (cost === undefined) throw new Error('its type is not known');
        return cost(Properties, { id, template, sweep, messages });
      } catch (cause) {
        const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
        throw new Error(`what does ${id} (${Type}) cost when it is idle? ${why}`, { cause });
      }
    }),
  );
  return merged([line('CloudWatch: metrics', series.size, 'series'), ...lines]);
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

/** The templates of the installation that is assumed, one for each stack. */
export function assumedTemplates(): readonly CfnTemplate[] {
  const { recohere, templateOf } = synthesize(
    {
      hub: { region: ASSUMED.regions[0] },
      replicas: ASSUMED.regions.map((region) => ({ region })),
      functions: [{ select: { name: '*' } }],
    },
    { notify: { emails: ['oncall@example.com'] } },
  );
  return [recohere.hub, recohere.monitoring, ...recohere.regions].map(
    (stack) => templateOf(stack).toJSON() as CfnTemplate,
  );
}

/** The cost proof in Markdown: what is assumed, a table, and what would cost more. */
export async function costText(): Promise<string> {
  const { regions, functions, secrets, deploysAMonth } = ASSUMED;
  const templates = assumedTemplates();
  const series = await publishedSeries();
  const sweep = await measureSweep(regions, functions);
  const byAlias = await measureSweep(regions, functions, 'live');
  const lines = monthlyCost(templates, sweep, series);
  const sweepText = (of: readonly CostLine[]) =>
    usdText(totalUsd(of.filter(({ what }) => what === 'Lambda: `sweep`')));
  const table = markdownTable(
    ['what', 'a month', 'list price, USD', 'USD a month'],
    [
      ...lines.map((each) => [each.what, quantityText(each), priceText(each), usdText(usdOf(each))]),
      [`${secrets} secrets: nothing watches them yet`, '', '', '0.00'],
      ['**all**', '', '', `**${usdText(totalUsd(lines))}**`],
    ],
  );
  return `
At list prices of us-east-1, for one account with ${regions.length} regions, ${functions} functions in each, all of them watched, and ${deploysAMonth} deploys a
month, each of which is told by ${eventsPerDeploy(templates)} events and looked at ${LOOKS_AGAIN} times more:

${table}
Watching all of these by an alias (\`qualifier\`) takes two calls for each at every sweep: it lasts ${Math.round(byAlias.seconds)} seconds instead of ${Math.round(sweep.seconds)},
and \`sweep\` costs ${sweepText(monthlyCost(templates, byAlias, series))} USD instead of ${sweepText(lines)}.

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
