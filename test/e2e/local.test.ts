import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../local/until.ts';

/** What is not a part of a checkout that was only built. */
const NOT_LINKED = new Set(['.emulator', '.git']);

const READY = 'It runs until Ctrl-C.';
const SET_UP_MS = 240_000;
const COMMAND_MS = 120_000;

interface Expected {
  readonly command: RegExp;
  readonly code: number;
  readonly shows: readonly RegExp[];
}

/** What each printed command does, in the order in which they are printed. */
const EXPECTED: readonly Expected[] = [
  { command: /^\. \.emulator\/env$/, code: 0, shows: [/^$/] },
  {
    command: / scan /,
    code: 1,
    shows: [/^pricing +diverged +ok +differs +ok$/m, /eu-west-1 · env FEATURE_X/],
  },
  {
    command: / episodes$/,
    code: 0,
    shows: [/^cart +none/m, /^checkout +forward/m, /^pricing +open, overdue/m, /^shop\/orders-db +none/m],
  },
  {
    command: / status /,
    code: 1,
    shows: [/^pricing +diverged /m, /eu-west-1 · env FEATURE_X missing/, /read 12 of 12 replicas/],
  },
  { command: / diff pricing /, code: 1, shows: [/^env FEATURE_X +reference +missing +ok$/m] },
  { command: / silence pricing /, code: 0, shows: [/^pricing raises no alarm until /m] },
  { command: / report /, code: 0, shows: [/^Wrote .*recohere-report\.html$/m] },
  { command: / deploy pricing /, code: 0, shows: [/^pricing +forward/m] },
  {
    command: / rotate shop\/orders-db$/,
    code: 0,
    shows: [/^1 +us-east-1 +- +agreed +described/m, /^3 +us-east-1 +Shop-worker +agreed +reported/m],
  },
  {
    command: / reconcile orders --dedupe /,
    code: 1,
    shows: [
      /^scanned +2,000 /m,
      /^duplicates +20 /m,
      /^ {2}recohere reconcile orders --dedupe --apply --plan dedupe-dry-orders-\S+ --count 20 /m,
    ],
  },
  { command: / runs /, code: 0, shows: [/^dedupe-dry-orders-\S+ +finished +20 found$/m] },
  { command: / event .*"build-42"/, code: 0, shows: [/has been handled/] },
  { command: / event .*42 \}/, code: 0, shows: [/has been handled/] },
  { command: / dead-letters$/, code: 0, shows: [/^NOT_AN_EVENT +\d+ +Deploy Finished +\S+$/m] },
  { command: / sweep$/, code: 0, shows: [/^ConfigDriftCount +0$/m, /^SweepHeartbeat +1$/m] },
  { command: / verify pricing --wait /, code: 0, shows: [/^pricing +agreed /m] },
  {
    command: / doctor /,
    code: 1,
    shows: [
      /^ok · stack recohere-hub /m,
      /^wrong · stack recohere-monitoring .* is not there$/m,
      /^wrong · queue recohere-verify-deploy-dead-letters /m,
      / 2 wrong, 0 unknown\.$/m,
    ],
  },
  {
    command: / metrics$/,
    code: 0,
    shows: [
      /^ConvergenceTime +2 +\d+ Milliseconds +pricing$/m,
      /^DuplicatesPerMillion +1 +10000 Count +dedupe-dry-orders-/m,
      /^SecretPropagationTime +1 +\d+ Milliseconds +shop\/orders-db$/m,
    ],
  },
  { command: /^npx cdk deploy /, code: 0, shows: [/Recohere\/hub/, /✅/] },
];

describe('npm run local', { timeout: SET_UP_MS + EXPECTED.length * COMMAND_MS }, () => {
  const checkouts: string[] = [];
  const started: ChildProcess[] = [];
  let first: Started;

  beforeAll(async () => {
    first = await start();
  });

  afterAll(async () => {
    for (const child of started) if (isAlive(child)) child.kill('SIGKILL'); // the emulator ends with it
    for (const checkout of checkouts) await rm(checkout, { recursive: true });
  });

  interface Started {
    readonly checkout: string;
    readonly child: ChildProcess;
    /** What it has printed so far. */
    text(): string;
    prints(words: string): Promise<void>;
    /** @returns The exit code. */
    interrupted(): Promise<unknown>;
  }

  /** On its own, without any AWS and emulator of this test run: as on a machine that is new. */
  async function start(change: Readonly<Record<string, string>> = {}): Promise<Started> {
    const checkout = await makeCheckout();
    checkouts.push(checkout);
    let text = '';
    const child = spawn(process.execPath, ['dist/local/main.js'], {
      cwd: checkout,
      env: { ...environmentIn(checkout), ...change },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
    }
    return {
      checkout,
      child,
      text: () => text,
      async prints(words) {
        const isThere = (now: string) => now.includes(words) || !isAlive(child);
        expect(await until(`"${words}" is printed`, async () => text, isThere, SET_UP_MS)).toContain(words);
      },
      async interrupted() {
        child.kill('SIGINT');
        const [code] = await once(child, 'close');
        return code;
      },
    };
  }

  it('tells what it did and what to try next, and each command works as it is printed', async () => {
    await first.prints(READY);
    expect(first.text()).toMatch(/pricing +Release 2 never came to eu-west-1/);
    expect(first.text()).toMatch(/eu-west-1: env FEATURE_X missing, env RELEASE different/);
    expect(first.text(), 'no value is printed').not.toContain('build-2');

    const commands = [...first.text().matchAll(/^ {4}(\S.*)$/gm)].map(([, command = '']) => command);
    expect(commands.length).toBe(EXPECTED.length);
    const [source = ''] = commands;
    for (const [position, { command, code, shows }] of EXPECTED.entries()) {
      const printed = commands[position] ?? '';
      expect(printed).toMatch(command);
      if (printed.includes('cdk deploy')) await edit(join(first.checkout, '.emulator/recohere.config.json'));
      const pasted = await paste(first.checkout, position === 0 ? [source] : [source, printed]);
      expect(pasted, printed).toMatchObject({ code });
      for (const shown of shows) expect(pasted.output, printed).toMatch(shown);
    }
  });

  it('removes what a dry run has found with the command that this one prints', async () => {
    const recohere = 'node dist/bin/recohere.js';
    const found = await paste(first.checkout, [
      '. .emulator/env',
      `${recohere} reconcile orders --dedupe --config .emulator/recohere.config.json`,
    ]);
    const [, printed = ''] = /^ {2}recohere (.* --apply .*)$/m.exec(found.output) ?? [];
    const { code, output } = await paste(first.checkout, ['. .emulator/env', `${recohere} ${printed}`]);
    expect(output).toMatch(/^removed +20 /m);
    expect(output).toMatch(/^verified +20 /m);
    expect(code).toBe(0);
  });

  it('uses the emulator that AWS_ENDPOINT_URL names, and leaves there what it has deployed', async () => {
    const [, endpoint = ''] = /at (http:\S+),/.exec(first.text()) ?? [];
    const second = await start({ AWS_ENDPOINT_URL: endpoint, AWS_PROFILE: 'not-there' });
    await second.prints(READY);
    expect(await second.interrupted()).toBe(0);
    expect(second.text()).toContain(`Stopping … ended; what was deployed stays in ${endpoint}.\n`);
    const { code, output } = await paste(second.checkout, [
      '. .emulator/env',
      'node dist/local/try.js episodes',
    ]);
    expect(output).toMatch(/^pricing +open, overdue/m);
    expect(code).toBe(0);
  });

  it('ends with Ctrl-C, without a trace', async () => {
    const running = await descendantsOf(first.child.pid);
    expect(running.length, 'the list of processes shows some').toBeGreaterThan(0);
    expect(await first.interrupted()).toBe(0);
    expect(first.text()).toMatch(/Stopping … ended\.\n$/);
    expect(await stillRunning(running)).toEqual([]);
    expect(existsSync(join(first.checkout, '.emulator/env'))).toBe(false);
  });

  it('ends with Ctrl-C while it is still at work', async () => {
    const early = await start();
    await early.prints('Deploying Recohere');
    const running = await descendantsOf(early.child.pid);
    expect(running.length).toBeGreaterThan(0);
    expect(await early.interrupted()).toBe(130);
    expect(early.text()).toMatch(/Stopping … ended\.\n$/);
    expect(await stillRunning(running)).toEqual([]);
  });

  it('says in words what it will not do', async () => {
    const { child, text } = await start({ AWS_ENDPOINT_URL: 'https://lambda.us-east-1.amazonaws.com' });
    const [code] = await once(child, 'close');
    expect(text()).toContain('local: AWS_ENDPOINT_URL names AWS itself');
    expect(text()).not.toMatch(/^\s+at /m);
    expect(code).toBe(1);
  });

  it('proposes nothing that works without its emulator', async () => {
    const { code, output } = await paste(first.checkout, ['node dist/local/try.js episodes']);
    expect(output).toBe('try: AWS_ENDPOINT_URL does not name an AWS emulator.\n');
    expect(code).toBe(1);
  });
});

function environmentIn(checkout: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: checkout };
}

/** Pastes lines into a shell of their own. */
function paste(cwd: string, lines: readonly string[]): Promise<{ code: unknown; output: string }> {
  const options = { cwd, env: environmentIn(cwd), timeout: COMMAND_MS };
  return new Promise((done) => {
    execFile('sh', ['-c', lines.join('\n')], options, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : error.code, output: stdout + stderr }),
    );
  });
}

/** A change of the config, such as a user makes. */
async function edit(path: string): Promise<void> {
  const config = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...config, deadlineSeconds: config.deadlineSeconds + 1 }));
}

/** A folder like this checkout, whose own `.emulator` may be in use. */
async function makeCheckout(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'recohere-local-'));
  for (const name of await readdir('.')) {
    if (!NOT_LINKED.has(name)) await symlink(resolve(name), join(folder, name));
  }
  return folder;
}

function isAlive({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

interface Process {
  readonly pid: string;
  readonly parent: string;
  /** When and as what it was started: its number may be given to another. */
  readonly identity: string;
}

/** Those that run; what has ended and is only not yet forgotten does not. */
async function processes(): Promise<readonly Process[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,lstart=,args=']);
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, identity] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    const isRunning = identity !== undefined && !identity.endsWith('<defunct>');
    return pid && parent && isRunning ? [{ pid, parent, identity }] : [];
  });
}

async function descendantsOf(pid: number | undefined): Promise<readonly Process[]> {
  const all = await processes();
  const found: Process[] = [];
  const parents = new Set([String(pid)]);
  for (let before = -1; before < found.length; ) {
    before = found.length;
    for (const process of all) {
      if (!parents.has(process.parent) || parents.has(process.pid)) continue;
      parents.add(process.pid);
      found.push(process);
    }
  }
  return found;
}

async function stillRunning(those: readonly Process[]): Promise<readonly Process[]> {
  const all = await processes();
  return those.filter(({ pid, identity }) => all.some((one) => one.pid === pid && one.identity === identity));
}
