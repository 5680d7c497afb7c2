import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../bin/failure.ts';
import { blockIn } from '../readme-blocks.ts';

/** What the README calls subjects and runs that are the reader's own. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  SUBJECT: 'checkout-api',
  SECRET: 'prod/db',
  RUN: 'run-1',
};

/** Commands that write into the folder. */
const FOR_LATER = /^npx recohere init|--output/;

const INSTALLED_WITHIN_MS = 300_000;
const ENDED_WITHIN_MS = 240_000;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const readme = readFileSync('README.md', 'utf8');
let clone = '';

beforeAll(() => {
  clone = mkdtempSync(join(tmpdir(), 'recohere-newcomer-'));
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
  });
  for (const file of listed.split('\0').filter(Boolean)) cpSync(file, join(clone, file));
  execFileSync('npm', ['install', '--no-audit', '--no-fund'], {
    cwd: clone,
    stdio: 'pipe',
    timeout: INSTALLED_WITHIN_MS,
  });
});

afterAll(() => rmSync(clone, { recursive: true, force: true }));

/** Runs a line of a shell in the clone, where nobody has credentials of AWS. */
function type(line: string): Promise<Ended> {
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'))),
    HOME: clone,
    AWS_EC2_METADATA_DISABLED: 'true',
    COLUMNS: '80',
    NO_COLOR: '1',
  };
  return new Promise((resolve, reject) => {
    const options = { cwd: clone, env, timeout: ENDED_WITHIN_MS, maxBuffer: 64 * 1024 * 1024 };
    execFile('sh', ['-c', line], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(error);
    });
  });
}

/** A block of the README, without its marks and fences. */
function shown(name: string): string {
  return words((blockIn(readme, name) ?? '').replace(/^```\n|\n```\n$/g, ''));
}

/** A text without its lines: a terminal is as wide as it is, and a pipe has no width. */
function words(text: string): string {
  return text.split(/\s+/).join(' ').trim();
}

/** The sample config has no table and no secret, and `forget` asks to be told twice; all else wants credentials, which nobody has. */
function endOf(line: string): number {
  if (line.startsWith('npx recohere rehearse')) return EXIT.agreed;
  return /^npx recohere (reconcile|forget \S+$|scan --secrets$)/.test(line) ? EXIT.usage : EXIT.refused;
}

/** What stands in fences that name no language, and in single backticks outside of all fences, where `recohere` alone stands for the command. */
function typed(): string[] {
  const lines: string[] = [];
  let fence: string | undefined;
  for (const line of readme.split('\n')) {
    const [, language] = /^\s*```(\w*)$/.exec(line) ?? [];
    if (language !== undefined) fence = fence === undefined ? language : undefined;
    else if (fence === '') lines.push(line.replace(/ +# .*/, ''));
    else if (fence === undefined)
      lines.push(
        ...[...line.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text.replace(/^recohere /, 'npx $&')),
      );
  }
  return lines;
}

/** Every command line of Recohere that the README shows, once, with names in place of what is the reader's own. */
function commandLines(): string[] {
  const lines = typed()
    .map((line) => line.trim())
    .filter((line) => /\brecohere [a-z]/.test(line) && !/[[\]…<]|=/.test(line));
  const named = lines.map((line) =>
    line.replace(/\b(SUBJECT|SECRET|RUN)\b/g, (word) => PLACEHOLDERS[word] ?? word),
  );
  return [...new Set(named)].filter((line) => !FOR_LATER.test(line)).sort();
}

describe('who has cloned the repository, and installed it', () => {
  it('sees with `npm start` what the README shows', async () => {
    const { code, stdout } = await type('npm start --silent');
    expect(code).toBe(0);
    for (const name of ['demo', 'day', 'runs']) expect(words(stdout)).toContain(shown(name));
  });

  it('gets the same bytes for one seed', async () => {
    const [one, other] = [
      await type('npm start --silent -- --json --seed 7'),
      await type('npm start --silent -- --json --seed 7'),
    ];
    expect(JSON.parse(one.stdout)).toBeTypeOf('object');
    expect(other.stdout).toBe(one.stdout);
  });

  it('sees with `npx recohere rehearse` what the README shows', async () => {
    const { code, stdout } = await type(
      'mkdir empty && cd empty && npx recohere rehearse --scenario bad-deploy',
    );
    expect(code).toBe(0);
    expect(words(stdout)).toContain(shown('rehearsal'));
  });

  it('synthesizes all stacks', async () => {
    const { code, stdout } = await type('npx cdk synth --quiet && npx cdk list');
    expect(code).toBe(0);
    expect(stdout).toContain('Recohere/hub');
  });

  it.each(commandLines())('can type: %s', async (line) => {
    const { code, stderr } = await type(line);
    expect(stderr).not.toMatch(/error:|at .*\.js:\d+/); // what is typed wrong, and a defect
    expect(code).toBe(endOf(line));
  });

  it.each([
    'npx recohere uninstall --yes',
    'npx recohere diff checkout-api',
    'npx recohere reconcile orders --dedupe',
  ])('is shown: %s', (line) => expect(commandLines()).toContain(line));
});
