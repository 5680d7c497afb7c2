import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { playDemoDay } from '../bin/demo.ts';
import { renderDay } from '../bin/render-day.ts';
import { alarmsFor } from '../functions/contract/alarms.ts';
import { configSchema } from '../functions/contract/config.ts';
import { run } from './bin/run.ts';
import { BLOCKS, blockIn, withBlock } from './readme-blocks.ts';

const readme = readFileSync('README.md', 'utf8');

/** Paths of all settings: `functions[].select`. */
function pathsOf(schema: z.core.JSONSchema.BaseSchema, path = ''): string[] {
  const properties = Object.entries(schema.properties ?? {});
  const { items } = schema;
  if (typeof items === 'object' && 'properties' in items) return pathsOf(items as typeof schema, `${path}[]`);
  if (properties.length === 0 || path === 'functions[].select') return [path];
  return properties.flatMap(([key, value]) => pathsOf(value as typeof schema, path ? `${path}.${key}` : key));
}

const COMMANDS = [
  'scan',
  'status',
  'diff',
  'verify',
  'silence',
  'report',
  'doctor',
  'rehearse',
  'reconcile',
  'runs',
  'audit',
  'undo',
  'cancel',
  'resume',
  'forget',
  'uninstall',
];

/** Options that the README names of npm, of the CDK, of the AWS CLI, and of the tools of this repository. */
const OPTIONS_OF_OTHERS = [
  ...['--silent', '--minutes'],
  ...['--all', '--exclusively', '--no-previous-parameters', '--profile', '--quiet'],
  ...['--add-replica-regions', '--cli-binary-format', '--entries', '--force-overwrite-replica-secret'],
  ...['--function-name', '--payload', '--remove-replica-regions', '--secret-id'],
];

function optionsIn(text: string): string[] {
  return [...new Set([...text.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([option]) => option))];
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

  it('names every setting of the config, and none that is not there', () => {
    const paths = pathsOf(z.toJSONSchema(configSchema, { io: 'input' }));
    const reference = readme.slice(readme.indexOf('| key | default'), readme.indexOf('A mistake ends'));
    const named = [...reference.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, path]) => path),
    );
    expect(named.toSorted()).toEqual(paths.toSorted());
  });

  it.each(COMMANDS)('names every option of %s', async (command) => {
    const { stdout } = await run([command, '--help']);
    const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].flatMap(([, option]) => option ?? []);
    expect(options.length).toBeGreaterThan(2);
    for (const option of options.filter((each) => each !== '--help')) expect(readme).toContain(option);
  });

  it('names no option that no command has', async () => {
    const helps = await Promise.all(['init', ...COMMANDS].map((command) => run([command, '--help'])));
    const known = new Set([...OPTIONS_OF_OTHERS, ...optionsIn(helps.map(({ stdout }) => stdout).join())]);
    expect(optionsIn(readme).filter((option) => !known.has(option))).toEqual([]);
  });
});
