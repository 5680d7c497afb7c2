import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { CommanderError } from 'commander';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import * as z from 'zod/mini';
import { EXIT, Failure } from '../../bin/failure.ts';
import { program } from '../../bin/program.ts';
import { CART } from '../adapters/aws/cart.ts';
import { SAMPLE } from '../app/sample-overview.ts';
import { fuzzed } from './fuzzed.ts';
import { anyJson, expectUntold, mutated, PLANTED, textsOf } from './inputs.ts';

vi.mock('open', () => ({ default: async () => {} }));
vi.mock('../../functions/adapters/aws/system.ts', async (original) => {
  let now = Date.UTC(2026, 0, 6);
  const sleep = async (ms: number) => {
    now += ms;
  };
  return {
    ...(await original<typeof import('../../functions/adapters/aws/system.ts')>()),
    systemClock: { now: () => now, sleep }, // nobody waits
  };
});

/** What a terminal would obey. */
const OBEYED = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const CONFIG = {
  hub: { region: 'us-east-1' },
  replicas: [
    { region: 'us-east-1' },
    { region: 'eu-west-1', account: '222222222222', externalId: PLANTED.replace('&', '-') },
  ],
  functions: [{ select: { name: '*' }, settings: true }],
  secrets: [{ name: 'prod/db', consumers: [{ name: 'checkout', cacheSeconds: 86_400 }] }],
  tables: [
    { name: 'orders', dedupe: { key: ['order'], keep: 'oldest', by: 'at', where: { type: PLANTED } } },
  ],
};

/** A planted value as a key, which is a name: what is wrong with a key of a config may be said by its name. */
const PLANTED_KEY = /hunter2[^",{}\n]*"?\s*:/;

/** What is written in the config, which `--config` names. */
const configs = fc
  .oneof(
    { weight: 6, arbitrary: fc.constant(JSON.stringify(CONFIG)) },
    { weight: 2, arbitrary: mutated(fc.constant(CONFIG)).map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: textsOf(fc.oneof(anyJson, fc.constant(CONFIG))) },
  )
  .filter((text) => !PLANTED_KEY.test(text ?? ''));
const FILES = ['config.json', 'config.yaml'];

/** Text that nobody expects, as it may be typed. A planted value would be no secret there: what was typed may be repeated. */
const oddTexts = fc
  .oneof(
    fc.constantFrom(
      '\u001b]0;x\u0007',
      'a\nb',
      '\u202eb',
      '日本',
      '__proto__',
      '*',
      '-',
      '.',
      'x'.repeat(5_000),
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
  )
  .map((text) => text.replaceAll(/[\0/]/g, '_'));
const RUN = 'dedupe-dry-orders-1';
/** What options and operands take, as often as not. The quickest scenarios are enough: what is rehearsed, other tests hold. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  ...{ table: ['orders'], run: [RUN], subject: ['audit-trail', 'api'], subjects: ['audit-trail', 'api'] },
  ...{ regions: ['us-east-1,eu-west-1', 'us-east-1'], region: ['us-east-1'], account: ['111111111111'] },
  ...{
    name: ['cart', 'c*'],
    stack: ['Shop'],
    tag: ['team=checkout'],
    secrets: ['prod/db', 'prod/db,prod/api'],
  },
  ...{
    config: [...FILES, ...FILES, '.', 'none.json'],
    out: ['config.json', 'none/a.html'],
    output: ['config.json', 'none/a.html'],
  },
  ...{ timeout: ['1s', '10m'], for: ['1h'], reason: ['a drill'], plan: [RUN], count: ['1'], limit: ['5'] },
  ...{ acknowledge: ['streams'], sample: ['1%'], token: ['once'], seed: ['7'] },
  scenario: ['region-outage', 'stuck-replica', 'duplicate-writes'],
};
const taken = (name: string) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...(TAKEN[name] ?? [])) },
    { weight: 1, arbitrary: oddTexts },
  );

/** Lines of all commands but one, which takes nothing but a seed, and its time. */
const lines = fc
  .constantFrom(...program.commands.filter((command) => command.name() !== 'demo'))
  .chain((command) => {
    const options = command.options.map((option) => {
      const written =
        option.required || option.optional ? taken(option.name()).map((value) => [value]) : fc.constant([]);
      return written.map((value) => [option.long ?? '', ...value]);
    });
    const operands = command.registeredArguments.map((argument) => {
      const given = taken(argument.name()).map((value) => [value]);
      return argument.required ? given : fc.oneof(fc.constant([]), given);
    });
    const needed = command.options.filter((option) => ['config', 'scenario'].includes(option.name()));
    return fc
      .tuple(
        fc.tuple(...operands),
        fc
          .shuffledSubarray(options, { maxLength: Math.min(2, options.length) })
          .chain((some) => fc.tuple(...some)),
        fc.tuple(
          ...needed.map((option) =>
            fc.constantFrom(...(TAKEN[option.name()] ?? [])).map((value) => [option.long ?? '', value]),
          ),
        ),
      )
      .map(([own, some, last]) => [command.name(), ...own.flat(), ...last.flat(), ...some.flat()]);
  });

let functions = 0;
/** What AWS answers to a command, if all is well: environments that differ, and an overview. Else it refuses, in words that tell. */
function answered(command: object): unknown {
  switch (command.constructor.name) {
    case 'ListFunctionsCommand':
      return { Functions: [{ ...CART, Environment: { Variables: { A: `${PLANTED}-${functions++}` } } }] };
    case 'DescribeSecretCommand':
      return { Name: 'prod/db', CreatedDate: new Date(0), VersionIdsToStages: {}, Description: PLANTED };
    case 'GetCallerIdentityCommand':
      return { Account: '111111111111' };
    case 'InvokeCommand': {
      const { input } = z.object({ input: z.object({ Payload: z.string() }) }).parse(command);
      const { kind } = JSON.parse(input.Payload);
      const granted = new Map<string, unknown>([
        ['overview', SAMPLE],
        ['silence', SAMPLE.subjects[0]],
        ['runs', { runs: [] }],
      ]);
      const refusal = { error: { code: 'NO_SUCH_RUN', message: 'there is no such run' } };
      return { Payload: Buffer.from(JSON.stringify(granted.get(kind) ?? refusal)) };
    }
    default:
      throw Object.assign(new Error(PLANTED), { name: 'AccessDeniedException' });
  }
}

describe('an action does what a line tells it, on a config and answers of AWS that may be anything, or fails in clear words', () => {
  const HOME = process.cwd();
  const FOLDERS = mkdtempSync(join(tmpdir(), 'recohere-'));
  let answer: unknown;
  beforeAll(() => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'any');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'any');
    // of all clients
    vi.spyOn(Object.getPrototypeOf(LambdaClient.prototype), 'send').mockImplementation(async (command) =>
      answer === undefined ? answered(Object(command)) : Object(answer),
    );
    for (const command of [program.version('any'), ...program.commands]) command.exitOverride();
  });
  afterAll(() => {
    process.chdir(HOME);
    process.exitCode = undefined;
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    rmSync(FOLDERS, { recursive: true });
  });

  fuzzed(
    'actions of the command line',
    fc.record({
      line: lines,
      config: configs,
      odd: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: anyJson }),
    }),
    { past: ['done'], ended: ['failed', 'refused'] },
    async ({ line, config, odd }, said) => {
      process.chdir(mkdtempSync(join(FOLDERS, 'here-')));
      for (const file of FILES) writeFileSync(file, config);
      answer = odd;
      process.exitCode = undefined;
      try {
        await program.parseAsync(line, { from: 'user' });
      } catch (error) {
        if (error instanceof CommanderError) return 'refused';
        if (!(error instanceof Failure)) throw error;
        expect([EXIT.disagreed, EXIT.usage, EXIT.refused]).toContain(error.exitCode);
        expect(error.message).toMatch(/\S/);
        expectUntold(error);
        return 'failed';
      }
      expect([EXIT.agreed, EXIT.disagreed, EXIT.usage, EXIT.refused]).toContain(process.exitCode);
      expect(said.join('')).not.toMatch(OBEYED);
      for (const file of readdirSync('.').filter((name) => !FILES.includes(name))) {
        expectUntold(readFileSync(file, 'utf8'));
      }
      return 'done';
    },
  );
});
