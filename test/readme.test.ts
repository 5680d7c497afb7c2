import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { lookAtDemo, playDemoDay } from '../bin/demo.ts';
import { renderLook } from '../bin/render.ts';
import { renderDay } from '../bin/render-day.ts';
import { configSchema } from '../functions/contract/config.ts';
import { run } from './bin/run.ts';

const readme = readFileSync('README.md', 'utf8');

/** Paths of all settings: `functions[].select`. */
function pathsOf(schema: z.core.JSONSchema.BaseSchema, path = ''): string[] {
  const properties = Object.entries(schema.properties ?? {});
  const { items } = schema;
  if (typeof items === 'object' && 'properties' in items) return pathsOf(items as typeof schema, `${path}[]`);
  if (properties.length === 0 || path === 'functions[].select') return [path];
  return properties.flatMap(([key, value]) => pathsOf(value as typeof schema, path ? `${path}.${key}` : key));
}

describe('the README', () => {
  it('shows what the demonstration prints on a terminal of 80 columns', async () => {
    const shown = /<!-- demo -->\n```\n(.*?)```\n<!-- \/demo -->/s.exec(readme)?.[1];
    expect(shown).toBe(renderLook(await lookAtDemo(1), { colors: false, width: 80 }));
  });

  it('shows the episodes of the day that the demonstration plays', async () => {
    const shown = /<!-- day -->\n```\n(.*?)```\n<!-- \/day -->/s.exec(readme)?.[1];
    const printed = renderDay(await playDemoDay(1), { colors: false, width: 80 });
    expect(shown).toBe(printed.slice(printed.indexOf('SUBJECT         EPISODE')));
    expect(Math.max(...printed.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('names every setting of the config, and none that is not there', () => {
    const paths = pathsOf(z.toJSONSchema(configSchema, { io: 'input' }));
    const reference = readme.slice(readme.indexOf('| key | default'), readme.indexOf('A mistake ends'));
    const named = [...reference.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, path]) => path),
    );
    expect(named.toSorted()).toEqual(paths.toSorted());
  });

  it('names every option of scan', async () => {
    const { stdout } = await run(['scan', '--help']);
    const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].flatMap(([, option]) => option ?? []);
    expect(options.length).toBeGreaterThan(5);
    for (const option of options.filter((each) => each !== '--help')) expect(readme).toContain(option);
  });
});
