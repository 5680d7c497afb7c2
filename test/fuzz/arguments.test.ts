import { type Command, CommanderError } from 'commander';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../bin/failure.ts';
import { program } from '../../bin/program.ts';
import { HAZARDS, REGION_CODE, RUN_ID } from '../../functions/contract/names.ts';
import { run } from '../bin/run.ts';
import { fuzzed } from './fuzzed.ts';
import { PLANTED } from './inputs.ts';

/** Processes that are really started. */
const PROCESSES = 40;
const PROCESSES_AT_ONCE = 4;

/** What a command was called with; nothing is done. */
let called: { readonly name: string; readonly flags: Readonly<Record<string, unknown>> } | undefined;
let said = '';
for (const command of [program.version('any'), ...program.commands]) {
  const say = (text: string) => {
    said += text;
  };
  command.configureOutput({ writeOut: say, writeErr: say }).exitOverride();
  if (command !== program) {
    command.action((...given: unknown[]) => {
      const own = given.at(-1) as Command;
      called = { name: own.name(), flags: own.opts() };
    });
  }
}

const values = fc.oneof(
  fc.constantFrom(
    ...[
      '',
      ' ',
      ',',
      'a,b',
      'us-east-1',
      'us-east-1, eu-west-1',
      'us-east-1,',
      'US-EAST-1',
      'checkout-*',
      'Shop',
    ],
    ...[
      'team=checkout',
      '=x',
      'a=',
      'a=b=c',
      '__proto__=x',
      'constructor=x',
      'prod/db',
      'arn:aws:x',
      'orders',
    ],
    ...[
      '90s',
      '0s',
      '10m',
      '999999999d',
      '1e3s',
      '-1s',
      '1.5h',
      '1',
      '0',
      '-1',
      '007',
      '1e9',
      '9'.repeat(9),
      '9'.repeat(400),
    ],
    ...[
      '1%',
      '0%',
      '100%',
      '99.999999%',
      '0.0000001%',
      '%',
      'streams',
      'streams,streams',
      'streams, replicas',
    ],
    ...[
      '111111111111',
      '11111111111',
      'dedupe-dry-orders-1',
      'A',
      'once',
      'a/../b',
      '*',
      '-',
      '--',
      '-x',
      '--json=1',
    ],
    ...[PLANTED, `\u001b]0;${PLANTED}\u0007`, 'a\nb', '\u202eb', '日本', 'x'.repeat(5_000)],
  ),
  fc.integer({ min: -2, max: 120 }).map(String),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.stringMatching(/^-?-?[a-z]{1,8}(=[a-z%,0-9]{0,4})?$/),
);

/** A command with some of its options and arguments, mistyped or not; or what is none. */
const lines = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom(...program.commands).chain((command) => {
      const flags = command.options.flatMap(({ long, flags: written }) =>
        long ? [{ long, takesValue: /[<[]/.test(written) }] : [],
      );
      const option = fc
        .tuple(fc.constantFrom(...flags), values, fc.boolean())
        .map(([{ long, takesValue }, value, isJoined]) => {
          if (!takesValue) return [long];
          return isJoined ? [`${long}=${value}`] : [long, value];
        });
      const part = fc.oneof(
        { weight: 4, arbitrary: option },
        { weight: 1, arbitrary: values.map((value) => [value]) },
      );
      const needed = command.registeredArguments.filter(({ required }) => required).length;
      const operands = fc.array(
        fc.oneof(fc.constantFrom('orders', 'dedupe-dry-orders-1', 'prod/db'), values),
        {
          minLength: needed,
          maxLength: needed + 1,
        },
      );
      return fc
        .tuple(operands, fc.array(part, { maxLength: 3 }))
        .map(([own, parts]) => [command.name(), ...own, ...parts.flat()]);
    }),
  },
  { weight: 1, arbitrary: fc.array(values, { maxLength: 4 }) },
);

/** @returns Whether the command would be called, help was shown, or the words of a refusal. */
function outcomeOfLine(line: readonly string[]): 'called' | 'help' | { readonly refusal: string } {
  called = undefined;
  said = '';
  try {
    program.parse(line, { from: 'user' });
    return called ? 'called' : expect.fail('nothing was called, and nothing refused');
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return /^commander\.(help|version)/.test(error.code) ? 'help' : { refusal: said };
  }
}

/** One line, with what is wrong, and nothing that a terminal would obey. */
const REFUSAL = /^error: [^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+\n$/u;

function expectUsable(flags: Readonly<Record<string, unknown>>): void {
  expect(Object.getPrototypeOf(flags)).toBe(Object.prototype);
  const { regions, region, sample, count, limit, timeout, acknowledge, account, plan, seed, tag } = flags;
  for (const each of [...list(regions), ...list(region)]) expect(each).toMatch(REGION_CODE);
  for (const each of list(acknowledge)) expect(HAZARDS).toContain(each);
  for (const each of list(account)) expect(each).toMatch(/^\d{12}$/);
  for (const each of list(plan)) expect(each).toMatch(RUN_ID);
  for (const number of [count, limit, timeout, flags.for, seed]) {
    if (number !== undefined) expect(number).toSatisfy(Number.isSafeInteger);
  }
  if (limit !== undefined) expect(limit).toSatisfy((number: number) => number >= 1 && number <= 100);
  if (sample !== undefined) expect(sample).toSatisfy((share: number) => share > 0 && share < 1);
  for (const value of Object.values(tag ?? {})) expect(value).toBeTypeOf('string');
}

function list(value: unknown): unknown[] {
  return value === undefined ? [] : [value].flat();
}

describe('a command line of anything is called with what it may be called with, or refused in one line', () => {
  fuzzed('arguments of the command line', lines, { past: ['called'], ended: ['help', 'refused'] }, (line) => {
    const outcome = outcomeOfLine(line);
    if (typeof outcome === 'object') {
      expect(outcome.refusal).toMatch(REFUSAL);
      return 'refused';
    }
    if (called) expectUsable(called.flags);
    return outcome;
  });

  it(`as a process, too: ${PROCESSES} of them`, async () => {
    const writable = lines.filter((line) =>
      line.every((text) => !text.includes('\0') && Buffer.from(text).toString() === text),
    );
    const refused = fc
      .sample(writable, { seed: 7, numRuns: 10 * PROCESSES })
      .flatMap((line) => {
        const outcome = outcomeOfLine(line);
        return typeof outcome === 'object' ? [{ line, stderr: outcome.refusal }] : [];
      })
      .slice(0, PROCESSES);
    expect(refused).toHaveLength(PROCESSES);
    for (let at = 0; at < refused.length; at += PROCESSES_AT_ONCE) {
      await Promise.all(
        refused.slice(at, at + PROCESSES_AT_ONCE).map(async ({ line, stderr }) => {
          expect(await run(line), JSON.stringify(line)).toEqual({ code: EXIT.usage, stdout: '', stderr });
        }),
      );
    }
  });
});
