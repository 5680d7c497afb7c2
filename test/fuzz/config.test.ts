import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, type MockInstance, vi } from 'vitest';
import { stringify } from 'yaml';
import { EXIT, Failure } from '../../bin/failure.ts';
import { loadConfig } from '../../bin/load-config.ts';
import { type ConfigResult, parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { fuzzed } from './fuzzed.ts';
import { anyJson, expectUntold, mutated, PLANTED, textsOf } from './inputs.ts';

/** With everything in it; what only the writer has to know is planted. */
const CONFIG: RecohereConfig = {
  prefix: 'shop',
  hub: { region: 'us-east-1', account: '111111111111' },
  replicas: [
    { region: 'us-east-1' },
    { region: 'eu-west-1', account: '222222222222', role: PLANTED, externalId: PLANTED },
  ],
  primary: { region: 'us-east-1' },
  functions: [
    {
      select: { name: 'checkout-*', stack: 'Shop', tags: { team: PLANTED } },
      identity: { tag: PLANTED },
      qualifier: PLANTED,
      names: { 'checkout-eu': PLANTED },
      replicas: { 'billing-*': ['us-east-1'] },
      ignore: [PLANTED],
      perReplica: ['URL'],
      code: { variable: PLANTED },
      settings: false,
      alarmOn: ['env', 'code'],
      deadlineSeconds: 60,
      critical: true,
      targets: { convergenceSeconds: 60, exposurePercent: 0.5 },
      mode: 'learn',
    },
  ],
  secrets: [
    {
      name: 'prod/db',
      account: '111111111111',
      regions: ['us-east-1'],
      consumers: [{ name: PLANTED, cacheSeconds: 60, probe: 'probe:live', regions: ['us-east-1'] }],
      replicationSeconds: 30,
      targetSeconds: 120,
      strict: true,
    },
  ],
  tables: [
    {
      name: 'orders',
      region: 'us-east-1',
      dedupe: { key: [PLANTED, 'b'], keep: 'oldest', by: 'at', where: { type: PLANTED, n: 1 } },
      backfill: { to: 'orders-v2', version: PLANTED, transform: PLANTED },
      apply: true,
      maxRemovals: 100,
      schedule: `rate(${PLANTED})`,
    },
  ],
  deadlineSeconds: 300,
  maxRolloutSeconds: 3600,
  maintenance: [{ schedule: 'cron(0 2 * * SAT)', minutes: 60, timezone: 'Europe/Berlin' }],
  mode: 'alert',
};

/** Names of keys may be repeated: they are the paths of mistakes. */
const withoutPlantedKeys = (value: unknown): unknown =>
  JSON.parse((JSON.stringify(value) ?? 'null').replace(/"[^"]*hunter2[^"]*":/g, '"key":'));

const odd = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withSparseArray: true,
  withTypedArray: true,
});
/** What a module may export, and JSON cannot say. */
const ofModules = fc.oneof(
  odd,
  fc.tuple(fc.constantFrom(...Object.keys(CONFIG)), odd).map(([key, value]) => ({ ...CONFIG, [key]: value })),
  fc.constantFrom<unknown>(undefined, Symbol('any'), () => PLANTED, new Error(PLANTED), cyclic()),
);

function cyclic(): object {
  const config: { hub?: unknown; functions: unknown[] } = { ...CONFIG, functions: [] };
  config.hub = config;
  config.functions.push(config);
  return config;
}

/** A config, or mistakes, each with a path and a rule. */
function outcomeOfParsed(result: ConfigResult): string {
  if (result.ok) return 'config';
  expect(result.mistakes.length).toBeGreaterThan(0);
  for (const mistake of result.mistakes) expect(mistake).toMatch(/^\S.*: \S/s);
  expectUntold(result.mistakes);
  return 'mistakes';
}

describe('a config that may be anything is read, or has mistakes that repeat no value', () => {
  fuzzed(
    'configs of any value',
    ofModules,
    { past: ['config'], ended: ['mistakes'] },
    (value) => outcomeOfParsed(parseConfig(value)),
    0,
  );
  fuzzed(
    'mutated configs',
    mutated(fc.constant(CONFIG)).map(withoutPlantedKeys),
    { past: ['config'], ended: ['mistakes'] },
    (value) => outcomeOfParsed(parseConfig(value)),
  );
});

describe('a config file of any text is read, or refused in words that repeat no value', () => {
  let folder: string;
  let told: MockInstance[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recohere-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  beforeEach(() => {
    const consoles = (['log', 'warn', 'error'] as const).map((level) => vi.spyOn(console, level));
    told = [vi.spyOn(process, 'emitWarning'), ...consoles];
  });
  afterEach(() => vi.restoreAllMocks());

  async function outcomeOfFile(name: string, text: string): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, text);
    try {
      const loaded = await loadConfig(path);
      return loaded ? 'config' : expect.fail('a file that is named is loaded');
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      expect(error.exitCode).toBe(EXIT.usage);
      expect(error.message).toMatch(/^\S/);
      expectUntold(error);
      return 'refused';
    } finally {
      for (const way of told) expect(way).not.toHaveBeenCalled(); // what a library says by itself is not ours
    }
  }

  fuzzed(
    'config files of JSON',
    fc.oneof(
      mutated(fc.constant(CONFIG)).map((value) => JSON.stringify(withoutPlantedKeys(value))),
      textsOf(fc.oneof(fc.constant(CONFIG), anyJson, mutated(fc.constant(CONFIG))).map(withoutPlantedKeys)),
    ),
    { past: ['config'], ended: ['refused'] },
    (text) => outcomeOfFile('recohere.config.json', text),
  );

  const yaml = stringify(CONFIG);
  /** What YAML takes for more than a text, as a value that somebody forgot to quote. */
  const unquoted = fc.oneof(
    fc.constantFrom(
      ...[`*${PLANTED}`, `&${PLANTED}`, `!${PLANTED}`, `!<${PLANTED}>`, `!!${PLANTED} x`, `%${PLANTED}`],
      ...[
        `@${PLANTED}`,
        `"${PLANTED}`,
        `'${PLANTED}`,
        `{${PLANTED}`,
        `[${PLANTED}`,
        `${PLANTED}: ${PLANTED}: x`,
      ],
      ...[`|\n${PLANTED}`, `>${PLANTED}`, `? {a: ${PLANTED}} : x`, `{? [${PLANTED}] : x}`, `"\\${PLANTED}"`],
      ...[`!!binary ${PLANTED}`, `!!timestamp ${PLANTED}`, `!!int ${PLANTED}`, `!!set {${PLANTED}}`],
      ...[`{<<: *${PLANTED}}`, `{<<: ${PLANTED}}`, `{<<: [1, ${PLANTED}]}`, `{a: 1, a: ${PLANTED}}`],
      ...['2026-01-05', '0x1F', '.inf', '.nan', '~', '1e999', '0o17', 'yes', '12345678901234567890'],
    ),
    fc.integer({ min: 1, max: 5_000 }).map((depth) => '['.repeat(depth)),
    fc.integer({ min: 1, max: 2_000 }).map((depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`),
    fc.integer({ min: 1, max: 500 }).map((depth) => `${'{a: '.repeat(depth)}1${'}'.repeat(depth)}`),
    fc.integer({ min: 2, max: 9 }).map(bomb),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  const texts = fc.oneof(
    { weight: 3, arbitrary: textsOf(fc.constant(CONFIG).map(withoutPlantedKeys)) },
    { weight: 1, arbitrary: fc.constant(yaml) },
    {
      weight: 6,
      arbitrary: fc.tuple(fc.nat(), unquoted).map(([at, value]) => {
        const lines = yaml.split('\n');
        const line = at % lines.length;
        return lines
          .with(
            line,
            (lines[line] ?? '').replace(/[^ :-]+$/, () => value),
          )
          .join('\n');
      }),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.nat(yaml.length), unquoted).map(([at, value]) => yaml.slice(0, at) + value),
    },
  );
  fuzzed('config files of YAML', texts, { past: ['config'], ended: ['refused'] }, (text) =>
    outcomeOfFile('recohere.config.yaml', text),
  );
});

/** Each list is ten of the one before. */
function bomb(levels: number): string {
  const lists = Array.from(
    { length: levels },
    (_, level) =>
      `&a${level} [${Array.from({ length: 10 }, () => (level === 0 ? PLANTED : `*a${level - 1}`)).join()}]`,
  );
  return `[${lists.join()}]`;
}
