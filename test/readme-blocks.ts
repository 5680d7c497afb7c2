import { demoConfig, lookAtDemo, playDemoDay, playDemoOrders } from '../bin/demo.ts';
import { renderOrders } from '../bin/demo-orders.ts';
import { renderLook } from '../bin/render.ts';
import { renderDay } from '../bin/render-day.ts';
import { renderRehearsals } from '../bin/render-rehearsal.ts';
import { METRICS } from '../functions/contract/metrics.ts';
import { rehearse } from '../rehearsal/game-day.ts';
import { alarmsText, burnsText } from './lib/alarms-text.ts';
import { markdownTable } from './lib/markdown-table.ts';
import { costText } from './lib/monthly-cost.ts';
import { rolesTable } from './lib/roles.ts';
import { runCostsText } from './lib/run-costs.ts';
import { faultsText } from './rehearsal/faults-text.ts';

const TERMINAL = { colors: false, width: 80 };

/** What the README shows between `<!-- name -->` and `<!-- /name -->`, as the code makes it. */
export const BLOCKS: Readonly<Record<string, () => string | Promise<string>>> = {
  demo: async () => fenced(renderLook(await lookAtDemo(1), TERMINAL)),
  day: async () => {
    const printed = renderDay(await playDemoDay(1), TERMINAL);
    return fenced(printed.slice(printed.indexOf('SUBJECT         EPISODE')));
  },
  runs: async () => fenced(renderOrders(await playDemoOrders(1), TERMINAL)),
  rehearsal: async () => {
    const { rehearsed } = await rehearse(demoConfig(), 'bad-deploy', 1);
    return fenced(renderRehearsals(demoConfig(), [rehearsed], 1, TERMINAL));
  },
  alarms: alarmsText,
  burns: burnsText,
  faults: faultsText,
  roles: rolesTable,
  cost: costText,
  'run-costs': runCostsText,
  metrics: () =>
    markdownTable(
      ['metric', 'unit', 'published as', 'meaning'],
      Object.entries(METRICS).map(([name, { unit, zeros, meaning }]) => [
        `\`${name}\``,
        unit,
        zeros ? 'counts, zeros too' : 'samples',
        meaning,
      ]),
    ),
};

/** What stands between the marks of a block; `undefined` if they are not there. */
export function blockIn(readme: string, name: string): string | undefined {
  return markedBlock(name).exec(readme)?.[2];
}

/** A README with another text in a block. */
export function withBlock(readme: string, name: string, text: string): string {
  return readme.replace(markedBlock(name), (_all, begin, _text, end) => `${begin}${text}${end}`);
}

function markedBlock(name: string): RegExp {
  return new RegExp(`(<!-- ${name} -->\n)(.*?)(<!-- /${name} -->)`, 's');
}

function fenced(text: string): string {
  return `\`\`\`\n${text}\`\`\`\n`;
}
