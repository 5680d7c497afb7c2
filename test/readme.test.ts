import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { playDemoDay } from '../bin/demo.ts';
import { renderDay } from '../bin/render-day.ts';
import { alarmsFor } from '../functions/contract/alarms.ts';
import { configSchema } from '../functions/contract/config.ts';
import { DEPLOYED } from '../functions/contract/deployment.ts';
import { deployEventSchema } from '../functions/contract/events.ts';
import { DATA_EVENT } from '../functions/contract/messages.ts';
import { METRIC_NAMES, METRICS } from '../functions/contract/metrics.ts';
import { PAUSE_EVENT } from '../functions/contract/notices.ts';
import { REPORT_DETAIL_TYPE, REPORT_SOURCE } from '../functions/contract/probe.ts';
import * as constructs from '../lib/index.ts';
import { run } from './bin/run.ts';
import { eventsPutIn, found, proseOf } from './documents.ts';
import { regionParameters } from './lib/synthesized.ts';
import { BLOCKS, blockIn, withBlock } from './readme-blocks.ts';

const readme = readFileSync('README.md', 'utf8');

/** Schemas of all settings by their paths: `functions[].select`. */
function settingsOf(
  schema: z.core.JSONSchema.BaseSchema,
  path = '',
): [string, z.core.JSONSchema.BaseSchema][] {
  const properties = Object.entries(schema.properties ?? {});
  const { items } = schema;
  if (typeof items === 'object' && 'properties' in items)
    return settingsOf(items as typeof schema, `${path}[]`);
  if (properties.length === 0 || path === 'functions[].select') return [[path, schema]];
  return properties.flatMap(([key, value]) =>
    settingsOf(value as typeof schema, path ? `${path}.${key}` : key),
  );
}

/** Names of AWS and of Node, and of an output of our stacks, that the README writes as metrics are written. */
const NAMES_OF_OTHERS = [
  ...[
    'DescribeSecret',
    'DescribeStackResources',
    'GetQueueAttributes',
    'GetSecretValue',
    'ListStackResources',
  ],
  ...['InSync', 'LastRotatedDate', 'NextRotationDate', 'ReplicationStatus', 'RotationSucceeded'],
  ...['NumberValue', 'RecohereWarning', 'Release', 'Set', 'StatusMessage'],
];

/** The section of the README that is about a command. */
const SECTIONS: Readonly<Record<string, string>> = {
  scan: '## Scan',
  init: '## First config',
  demo: '## See it without an account',
  rehearse: '## Rehearse',
  uninstall: '## Uninstall',
  ...allIn('### Ask it', ['status', 'diff', 'verify', 'silence', 'report', 'doctor']),
  ...allIn('### Dry runs, samples, schedules', ['reconcile', 'runs', 'audit', 'undo', 'cancel']),
  ...allIn('### Dry runs, samples, schedules', ['resume', 'forget']),
};
const COMMANDS = Object.keys(SECTIONS);

function allIn(section: string, commands: readonly string[]): Record<string, string> {
  return Object.fromEntries(commands.map((command) => [command, section]));
}

/** Options that the README names of npm, of the CDK, of the AWS CLI, and of the tools of this repository. */
const OPTIONS_OF_OTHERS = [
  ...['--silent', '--minutes'],
  ...['--all', '--exclusively', '--no-previous-parameters', '--profile', '--quiet'],
  ...['--add-replica-regions', '--cli-binary-format', '--cli-read-timeout', '--entries'],
  ...['--force-overwrite-replica-secret', '--function-name', '--payload', '--remove-replica-regions'],
  '--secret-id',
];

function optionsIn(text: string): string[] {
  return [...new Set([...text.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([option]) => option))];
}

/** Options of a command, as its help lists them, without the help itself. */
async function optionsOf(command: string): Promise<string[]> {
  const { stdout } = await run([command, '--help']);
  const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].flatMap(([, option]) => option ?? []);
  return options.filter((option) => option !== '--help');
}

/** The commands that a text names, each once. */
function commandsIn(text: string): string[] {
  const named = [...text.matchAll(/recohere ([a-z]+)/g)].flatMap(([, command]) => command ?? []);
  return [...new Set(named)].filter((command) => command in SECTIONS);
}

/** A section with its heading; none if the heading is not there. */
function linesOf(section: string): string[] {
  const at = readme.indexOf(`\n${section}\n`);
  if (at < 0) return [];
  const lines = readme.slice(at + 1).split('\n');
  const [marks = ''] = section.split(' ');
  const end = lines.findIndex((line, index) => index > 0 && new RegExp(`^#{1,${marks.length}} `).test(line));
  return lines.slice(0, end);
}

/** What is said of one command: in lines that name it, in those of its section that name none, and of every command. */
function saidOf(command: string): string {
  const own = linesOf(SECTIONS[command] ?? '').filter((line) => commandsIn(line).length === 0);
  const named = readme.split('\n').filter((line) => commandsIn(line).includes(command));
  return [...own, ...named, ...readme.split('\n').filter((line) => line.startsWith('Every command'))].join(
    '\n',
  );
}

/** A bound for a machine that is busy: one block plays a hundred seeds. */
const SEEDS_MS = 300_000;

describe('the README', () => {
  // `npm run readme` writes them
  it.each(Object.entries(BLOCKS))(
    'shows in the block %s what the code makes',
    async (name, make) => {
      const made = await make();
      if (process.env.UPDATE_README) {
        writeFileSync('README.md', withBlock(readFileSync('README.md', 'utf8'), name, made));
      }
      expect(blockIn(readFileSync('README.md', 'utf8'), name)).toBe(made);
    },
    SEEDS_MS,
  );

  it('plays a day that fits into a terminal of 80 columns', async () => {
    const printed = renderDay(await playDemoDay(1), { colors: false, width: 80 });
    expect(Math.max(...printed.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('has a section for each alarm, where the alarm sends who is woken by it', () => {
    const sections = [...readme.matchAll(/^### alarm-(.*)$/gm)].map(([, name]) => name);
    const all = alarmsFor({ critical: true, tables: true }).map(({ name }) => name);
    expect(sections.toSorted()).toEqual(all.toSorted());
  });

  describe('the reference of the config', () => {
    const settings = settingsOf(z.toJSONSchema(configSchema, { io: 'input' }));
    const reference = readme.slice(readme.indexOf('| key | default'), readme.indexOf('A mistake ends'));
    const rows = [...reference.matchAll(/^\| (`.*?) \| (.*?) \|/gm)].map(([, keys = '', cell = '']) => {
      const paths = found(keys, /`([^`]+)`/g);
      const defaults = cell.split(', ');
      return paths.map((path, at): [string, string] => [
        path,
        paths.length === defaults.length ? (defaults[at] ?? '') : cell,
      ]);
    });

    it('names every setting, and none that is not there', () => {
      const named = rows.flat().map(([path]) => path);
      expect(named.toSorted()).toEqual(settings.map(([path]) => path).toSorted());
    });

    it('says their defaults', () => {
      const literal = rows.flat().flatMap(([path, cell]) => {
        const [, written] = /^`([^`<]+)`$/.exec(cell) ?? [];
        return written === undefined ? [] : [[path, parse(written)]];
      });
      const defaults = settings.flatMap(([path, schema]) =>
        schema.default === undefined ? [] : [[path, schema.default]],
      );
      expect(Object.fromEntries(literal)).toEqual(Object.fromEntries(defaults));
    });
  });

  it('names all metrics and parameters, and none that is not there', () => {
    const all = [...METRIC_NAMES, ...regionParameters()];
    const named = found(proseOf(readme), /`([A-Z][a-z]+(?:[A-Z][a-z]*)*)`/g);
    const known = [...all, ...Object.keys(constructs), ...NAMES_OF_OTHERS];
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
    expect(all.filter((name) => !named.includes(name))).toEqual([]);
  });

  it('asks Logs Insights for metrics that there are', () => {
    const [, fields = ''] = /^filter .* \| fields @timestamp, (.*)$/m.exec(readme) ?? [];
    const metrics = fields.split(', ').filter((field) => /^[A-Z]/.test(field));
    expect(metrics.length).toBeGreaterThan(1);
    expect(metrics.filter((metric) => !(metric in METRICS))).toEqual([]);
  });

  it('tells of a deploy with events that are understood', () => {
    const put = eventsPutIn(readme);
    expect(put).toHaveLength(1);
    for (const { bus, event } of put) {
      expect(bus).toBe(DEPLOYED.bus('recohere'));
      expect(deployEventSchema.parse(event)).toMatchObject({ detail: { deployId: 'build-42' } });
    }
  });

  it.each([
    {
      said: 'what is asked for',
      words: `source \`${DATA_EVENT.source}\`, detail type \`${DATA_EVENT.detailType}\``,
    },
    {
      said: 'what a consumer reports',
      words: `source \`${REPORT_SOURCE}\`, the detail type \`${REPORT_DETAIL_TYPE}\``,
    },
    { said: 'a pause', words: `\`${PAUSE_EVENT.detailType}\` (source \`${PAUSE_EVENT.source}\`)` },
  ])('says by which event $said is told', ({ words }) => {
    expect(readme.replaceAll('\n', ' ').includes(words), words).toBe(true);
  });

  it('has a section for every command', async () => {
    const { stdout } = await run(['--help']);
    const [, list = ''] = stdout.split('Commands:\n');
    const commands = [...list.matchAll(/^ {2}([a-z]+)/gm)].flatMap(([, command]) => command ?? []);
    expect(commands.toSorted()).toEqual([...COMMANDS, 'help'].toSorted());
    expect(Object.values(SECTIONS).filter((section) => linesOf(section).length < 2)).toEqual([]);
  });

  it.each(COMMANDS)('names every option of %s where it speaks of it', async (command) => {
    const options = await optionsOf(command);
    expect(options.length).toBeGreaterThan(1);
    const named = optionsIn(saidOf(command));
    expect(options.filter((option) => !named.includes(option))).toEqual([]);
  });

  it.each([
    { option: '--config', without: ['demo', 'init'] },
    { option: '--json', without: ['init'] },
  ])('says which commands do not take $option', async ({ option, without }) => {
    const lacking = await Promise.all(
      COMMANDS.map(async (command) => ((await optionsOf(command)).includes(option) ? [] : command)),
    );
    expect(lacking.flat().toSorted()).toEqual(without);
    const but = without.toReversed().map((command) => `\`${command}\``);
    const every = readme.split('\n').find((line) => line.startsWith('Every command'));
    expect(every).toMatch(new RegExp(`very command but ${but.join(' and ')}( takes|,) \`${option}\\b`));
  });

  it('names no option beside a command that does not have it', async () => {
    const options = new Map(
      await Promise.all(COMMANDS.map(async (command) => [command, await optionsOf(command)] as const)),
    );
    const knownTo = (commands: readonly string[]) => [
      ...OPTIONS_OF_OTHERS,
      ...commands.flatMap((command) => options.get(command) ?? []),
    ];
    const foreign = readme.split('\n').flatMap((line) => {
      const commands = commandsIn(line);
      const spans = [...line.matchAll(/recohere [a-z]+[^`]*/g)].map(([span]) => span);
      const known = knownTo(commands.length > 0 ? commands : COMMANDS);
      return [
        ...optionsIn(line).filter((option) => !known.includes(option)),
        ...spans.flatMap((span) => {
          const [command = ''] = commandsIn(span);
          return optionsIn(span).filter((option) => !knownTo([command]).includes(option));
        }),
      ];
    });
    expect(foreign).toEqual([]);
  });
});
