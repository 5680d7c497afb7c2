import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { exitCodeOfRun } from '../../bin/reconcile.ts';
import { startLocalDynamo } from '../../functions/adapters/aws/local-dynamo.ts';
import { createFilledTable } from '../../functions/adapters/aws/local-table.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { RefusedError } from '../../functions/core/errors.ts';
import { textOfItem } from '../../functions/core/item.ts';
import { COPIES, DEDUPE, HUB, ORDERS, orderItem, RunSystem } from '../app/run-system.ts';
import { type Hub, startHub } from './hub.ts';
import { COMMAND, type Run, run } from './run.ts';

type Tables = NonNullable<RecohereConfig['tables']>;

/** In primary keys, and in all else that items hold. */
const KEY = 'hunter2';
const VALUE = 'swordfish';
const BACKFILL: Tables = [{ name: ORDERS, backfill: { to: COPIES, transform: 'transform.ts' }, apply: true }];

let folder: string;
let hub: Hub | undefined;
let system: RunSystem;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recohere-'));
  for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(console, level).mockReturnValue();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await hub?.stop();
  hub = undefined;
  await rm(folder, { recursive: true });
});

/** A hub that is deployed with a config, which also lies in the folder. */
async function deployed(tables: Tables = DEDUPE): Promise<Hub> {
  system = new RunSystem(tables);
  await written(tables);
  hub = await startHub(system);
  return hub;
}

async function written(tables: Tables, more: Partial<RecohereConfig> = {}): Promise<void> {
  const config = { hub: { region: HUB }, replicas: [{ region: HUB }], tables, ...more };
  await writeFile(join(folder, 'recohere.config.json'), JSON.stringify(config));
}

/** Orders of which some are there twice, and one a second time without the attribute that says when. */
function fill({ twice = 0, timeless = 0 }: { twice?: number; timeless?: number }): void {
  const put = (id: string, order: number) =>
    system.orders.put(orderItem(`${KEY}-${id}-${order}`, `${VALUE}-${order}`, 1000 + order));
  for (let order = 0; order < 20; order++) {
    put('first', order);
    if (order < twice) put('second', order);
    if (order >= twice && order < twice + timeless) {
      const { at: _, ...item } = orderItem(`${KEY}-second-${order}`, `${VALUE}-${order}`, 0);
      system.orders.put(item);
    }
  }
}

/** Runs a command; it never shows what items hold. */
async function recohere(...args: string[]): Promise<Run> {
  const ran = await run(args, { cwd: folder, ...(hub && { env: hub.env }) });
  expect(ran.stdout + ran.stderr).not.toContain(VALUE);
  if (!args.includes('--show-keys')) expect(ran.stdout + ran.stderr).not.toContain(KEY);
  return ran;
}

/** The words of the command that an output tells to run next. */
function nextCommand(stdout: string): string[] {
  const line = stdout.split('\n').findLast((each) => each.startsWith('  recohere '));
  return line?.trim().split(' ').slice(1) ?? [];
}

const contentOf = () => system.orders.items().map(textOfItem);

describe('reconcile', () => {
  it('makes a dry run, and says how to apply it', async () => {
    const { asked } = await deployed();
    fill({ twice: 5 });
    const before = contentOf();
    const ran = await recohere('reconcile', ORDERS, '--dedupe');
    expect(ran).toMatchObject({ code: 1, stderr: '' });
    expect(ran.stdout).toMatch(/^dry-run of dedupe · orders · finished in /);
    expect(ran.stdout).toMatch(/^scanned +25 {2}were read$/m);
    expect(ran.stdout).toMatch(/^duplicates +5 {2}/m);
    expect(ran.stdout).toContain('0.125 USD for a million read units');
    const [, id] = ran.stdout.split('\n');
    expect(nextCommand(ran.stdout).join(' ')).toBe(
      `reconcile orders --dedupe --apply --plan ${id} --count 5`,
    );
    expect(contentOf()).toEqual(before);
    const statuses = asked.slice(1);
    expect(asked[0]).toEqual({
      kind: 'dedupe',
      table: ORDERS,
      token: expect.stringMatching(/^\d{8}T\d{6}-[0-9a-f]{4}$/),
    });
    expect(new Set(statuses.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify({ kind: 'status', run: id })]),
    );
  });

  it('ends with 0 if nothing is found', async () => {
    await deployed();
    fill({});
    const ran = await recohere('reconcile', ORDERS, '--dedupe');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).not.toContain('recohere reconcile');
  });

  it('applies, audits, undoes and forgets by the commands that it says', async () => {
    await deployed();
    fill({ twice: 5 });
    const before = contentOf();
    const dry = await recohere('reconcile', ORDERS, '--dedupe');
    const applied = await recohere(...nextCommand(dry.stdout));
    expect(applied).toMatchObject({ code: 0, stderr: '' });
    expect(applied.stdout).toMatch(/^removed +5 /m);
    expect(applied.stdout).toMatch(/^verified +5 /m);
    expect(contentOf()).toHaveLength(20);
    const [kind, id = ''] = nextCommand(applied.stdout);
    expect(kind).toBe('undo');

    const audit = await recohere('audit', id);
    expect(audit).toMatchObject({ code: 0, stderr: '' });
    expect(audit.stdout).toContain('No link is missing, and none was changed.');
    const undone = await recohere('undo', id);
    expect(undone).toMatchObject({ code: 0, stderr: '' });
    expect(undone.stdout).toMatch(/^restored +5 /m);
    expect(contentOf()).toEqual(before);

    const listed = await recohere('runs');
    expect(listed.code).toBe(0);
    expect(listed.stdout.split('\n').map((line) => line.split(/ {2,}/).slice(1))).toEqual([
      ['STATE', 'RESULT'],
      ['finished', '5 put back'],
      ['finished', '5 removed'],
      ['finished', '5 found'],
      [],
    ]);
    expect(JSON.parse((await recohere('runs', '--limit', '1', '--json')).stdout)).toMatchObject({
      runs: [{ mode: 'undo', restored: 5 }],
    });

    expect(await recohere('forget', id)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('--yes'),
    });
    expect(await recohere('forget', id, '--yes')).toMatchObject({ code: 0, stderr: '' });
    const again = await recohere('undo', `${id}`);
    expect(again).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('(FORGOTTEN)') });
  });

  it('fills the gaps of another table', async () => {
    await deployed(BACKFILL);
    fill({});
    const dry = await recohere('reconcile', ORDERS, '--backfill');
    expect(dry.code).toBe(1);
    expect(dry.stdout).toMatch(/^missing +20 /m);
    const applied = await recohere(...nextCommand(dry.stdout));
    expect(applied).toMatchObject({ code: 0, stderr: '' });
    expect(applied.stdout).toMatch(/^written +20 /m);
    expect(system.table(COPIES).items()).toHaveLength(20);
    expect((await recohere('reconcile', ORDERS, '--backfill')).code).toBe(0);
  });

  it('names items that were left alone by hashes, and by their keys if asked', async () => {
    await deployed();
    fill({ timeless: 1 });
    const hashed = await recohere('reconcile', ORDERS, '--dedupe');
    expect(hashed.code).toBe(1);
    expect(hashed.stdout).toMatch(/^BY_MISSING +2 {2}a copy lacks/m);
    expect(hashed.stdout.match(/^BY_MISSING {2}[0-9a-f]{32}$/gm)).toHaveLength(2);
    const [, id = ''] = hashed.stdout.split('\n');
    for (const args of [
      ['reconcile', ORDERS, '--dedupe'],
      ['runs', id],
    ]) {
      const named = await recohere(...args, '--show-keys');
      expect(named.code).toBe(1);
      expect(named.stdout).toContain(`BY_MISSING  {"id":{"S":"${KEY}-first-0"}}`);
    }
    expect(JSON.parse((await recohere('runs', id, '--json')).stdout)).not.toHaveProperty('keys');
    const named = JSON.parse((await recohere('runs', id, '--json', '--show-keys')).stdout);
    expect(named.keys).toHaveLength(2);
  });

  it('prints one JSON document', async () => {
    await deployed();
    fill({ twice: 5 });
    const ran = await recohere('reconcile', ORDERS, '--dedupe', '--json', '--token', 'Monday');
    expect(ran).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(ran.stdout)).toMatchObject({
      id: expect.stringContaining('-monday-'),
      state: 'finished',
      duplicates: 5,
      scanned: 25,
    });
  });

  it('estimates the whole by a sample, which cannot be applied', async () => {
    await deployed();
    fill({ twice: 20 });
    const { stdout } = await recohere('reconcile', ORDERS, '--dedupe', '--sample', '50%');
    expect(stdout).toContain('50 % of the table was read.');
    expect(hub?.asked[0]).toMatchObject({ sample: 0.5 });
    expect(stdout).not.toContain('--apply');
  });

  it('begins and does not wait; the run is cancelled, and resumed', async () => {
    const own = await deployed();
    fill({ twice: 5 });
    own.isWorking = false;
    const begun = await recohere('reconcile', ORDERS, '--dedupe', '--no-wait');
    expect(begun).toMatchObject({ code: 0, stderr: '' });
    const [, id = ''] = begun.stdout.split('\n');
    expect(begun.stdout).toContain(`  recohere runs ${id}\n  recohere cancel ${id}\n`);
    expect((await recohere('runs', id)).stdout).toContain('running for');
    own.isWorking = true;
    const cancelled = await recohere('cancel', id);
    expect(cancelled).toMatchObject({ code: 0, stderr: '' });
    expect(cancelled.stdout).toContain('cancelled after');
    expect((await recohere('runs', id)).code).toBe(1);
    const resumed = await recohere('resume', id);
    expect(resumed).toMatchObject({ code: 1, stderr: '' });
    expect(resumed.stdout).toMatch(/^duplicates +5 /m);
    expect(await recohere('cancel', id)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('(ENDED)'),
    });
  });

  it('ends with 1 if an audit finds something wrong', async () => {
    await deployed();
    fill({ twice: 5 });
    const applied = await recohere(...nextCommand((await recohere('reconcile', ORDERS, '--dedupe')).stdout));
    const [, id = ''] = nextCommand(applied.stdout);
    for await (const name of system.objects.list('quarantine/')) await system.objects.remove(name);
    const ran = await recohere('audit', id);
    expect(ran).toMatchObject({ code: 1, stderr: '' });
    expect(ran.stdout).toContain('a quarantined batch is missing');
    expect(JSON.parse((await recohere('audit', id, '--json')).stdout)).toMatchObject({ isRootSame: true });
  });

  it('says what a shell needs to run it again with another config', async () => {
    await deployed();
    fill({ twice: 1 });
    const file = 'the config.json';
    await writeFile(
      join(folder, file),
      JSON.stringify({ hub: { region: HUB }, replicas: [{ region: HUB }], tables: DEDUPE }),
    );
    const { stdout } = await recohere('reconcile', ORDERS, '--dedupe', '--region', HUB, '--config', file);
    expect(stdout).toContain(`recohere reconcile orders --dedupe --region ${HUB} --apply --plan`);
    expect(stdout).toContain(" --count 1 --config 'the config.json'\n");
  });
});

describe('a run that is refused', () => {
  it.each([
    { args: ['--count', '4'], code: 'OTHER_COUNT' },
    { args: ['--plan', 'dedupe-dry-orders-x'], code: 'NO_SUCH_RUN' },
  ])('ends with 2 and $code', async ({ args, code }) => {
    await deployed();
    fill({ twice: 5 });
    const next = nextCommand((await recohere('reconcile', ORDERS, '--dedupe')).stdout);
    const ran = await recohere(...next, ...args);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(new RegExp(`^recohere: .* \\(${code}\\)\\n$`));
    expect(contentOf()).toHaveLength(25);
  });

  it('ends with 2 if the config that is deployed does not let it change the table', async () => {
    await deployed([{ ...DEDUPE[0], apply: false } as Tables[number]]);
    fill({ twice: 5 });
    const next = nextCommand((await recohere('reconcile', ORDERS, '--dedupe')).stdout);
    expect(await recohere(...next)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('(APPLY_OFF)'),
    });
  });

  it('ends with 2 until what makes a table special is acknowledged', async () => {
    await deployed();
    fill({ twice: 5 });
    system.orders.set({ hasStream: true });
    const next = nextCommand((await recohere('reconcile', ORDERS, '--dedupe')).stdout);
    const ran = await recohere(...next);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain('acknowledge: streams (HAZARDS)');
    expect((await recohere(...next, '--acknowledge', 'streams')).code).toBe(0);
  });

  it('is not asked for if the config does not name its table', async () => {
    const { asked } = await deployed();
    const ran = await recohere('reconcile', 'users', '--dedupe');
    expect(ran).toEqual({
      code: 2,
      stdout: '',
      stderr: 'recohere: recohere.config.json does not name this table; it names orders in us-east-1\n',
    });
    await written([DEDUPE[0], { ...DEDUPE[0], region: 'eu-west-1' }] as Tables);
    expect((await recohere('reconcile', ORDERS, '--dedupe')).stderr).toContain('(AMBIGUOUS_TABLE)');
    expect((await recohere('reconcile', ORDERS, '--dedupe', '--account', '1'.repeat(12))).code).toBe(2);
    expect(asked).toEqual([]);
  });

  it('ends with 3 and the permission that the function lacks', async () => {
    await deployed();
    system.orders.inject('describe', () => {
      const call = 'dynamodb:DescribeTable';
      throw new RefusedError({ code: 'ACCESS_DENIED', call, permission: call });
    });
    expect(await recohere('reconcile', ORDERS, '--dedupe')).toEqual({
      code: 3,
      stdout: '',
      stderr: 'recohere: access denied: missing permission dynamodb:DescribeTable\n',
    });
  });

  it('fails with 1 and the permission that its workers lack, and says how to go on', async () => {
    await deployed();
    fill({ twice: 5 });
    system.orders.inject('scan', () => {
      throw new RefusedError({ code: 'ACCESS_DENIED', call: 'dynamodb:Scan', permission: 'dynamodb:Scan' });
    });
    const ran = await recohere('reconcile', ORDERS, '--dedupe');
    expect(ran).toMatchObject({ code: 1, stderr: '' });
    expect(ran.stdout).toContain('failed · access denied: missing permission dynamodb:Scan\n');
    expect(nextCommand(ran.stdout)[0]).toBe('resume');
  });
});

describe('a hub', () => {
  it('that is not there ends with 2, and how it is deployed', async () => {
    await deployed();
    await written(DEDUPE, { prefix: 'other' });
    expect(await recohere('runs')).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'recohere: there is no function other-reconcile in us-east-1: deploy it with npx cdk deploy --all (NOT_DEPLOYED)\n',
    });
  });

  it('that may not be invoked ends with 3, and the permission', async () => {
    const own = await deployed();
    own.instead = () => ({
      status: 403,
      headers: { 'x-amzn-errortype': 'AccessDeniedException' },
      body: { Message: `User: ${VALUE} is not authorized to perform: lambda:InvokeFunction on resource: x` },
    });
    for (const args of [['runs'], ['reconcile', ORDERS, '--dedupe'], ['undo', 'x'], ['audit', 'x']]) {
      expect(await recohere(...args)).toEqual({
        code: 3,
        stdout: '',
        stderr: 'recohere: access denied: missing permission lambda:InvokeFunction\n',
      });
    }
  });

  it('that fails while it is waited for ends with 3, and how to see the run', async () => {
    const own = await deployed();
    fill({ twice: 5 });
    own.instead = ({ kind }) =>
      kind === 'status'
        ? { status: 200, headers: { 'x-amz-function-error': 'Unhandled' }, body: { errorMessage: VALUE } }
        : undefined;
    const ran = await recohere('reconcile', ORDERS, '--dedupe');
    expect(ran).toMatchObject({ code: 3, stdout: '' });
    expect(ran.stderr).toContain('/aws/lambda/recohere-reconcile in us-east-1 says why');
    expect(ran.stderr).toMatch(/The run goes on.*\n {2}recohere runs dedupe-dry-orders-/);
  });

  it('of which the credentials are not there ends with 3', async () => {
    await written(DEDUPE);
    const ran = await recohere('runs');
    expect(ran).toMatchObject({ code: 3, stdout: '' });
    expect(ran.stderr).toContain('no usable AWS credentials');
  });

  it('goes on with a run whose waiting was ended by Ctrl-C', async () => {
    const own = await deployed();
    fill({ twice: 5 });
    own.isWorking = false;
    const child = spawn(process.execPath, [COMMAND, 'reconcile', ORDERS, '--dedupe'], {
      cwd: folder,
      env: own.env,
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    await vi.waitFor(() => expect(own.asked.some(({ kind }) => kind === 'status')).toBe(true), 20_000);
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    expect(code).toBe(130);
    expect(stderr).toMatch(/^The run goes on.*\n {2}recohere runs (dedupe-\S+)\n {2}recohere cancel \1\n$/);
  });
});

describe('reconcile --here', () => {
  const env = (endpoint: string) => ({
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ACCESS_KEY_ID: 'any',
    AWS_SECRET_ACCESS_KEY: 'any',
    AWS_ENDPOINT_URL_DYNAMODB: endpoint,
    TMPDIR: folder,
  });

  it('makes a dry run of a live table, and keeps nothing', async () => {
    const dynamo = await startLocalDynamo();
    try {
      const orders = Array.from({ length: 300 }, (_, id) =>
        orderItem(`${KEY}-${id}`, `${VALUE}-${id % 290}`, id),
      );
      await createFilledTable(dynamo.client, ORDERS, 'id', orders);
      await createFilledTable(dynamo.client, COPIES, 'id', orders.slice(0, 250));
      await written([{ ...DEDUPE[0], ...BACKFILL[0] } as Tables[number]]);
      await writeFile(
        join(folder, 'transform.ts'),
        'export default function transform(item: Record<string, unknown>) { return item; }\n',
      );
      const here = async (...args: string[]) => {
        const ran = await run(['reconcile', ORDERS, '--here', ...args], {
          cwd: folder,
          env: env(dynamo.endpoint),
        });
        expect(ran.stdout + ran.stderr).not.toMatch(new RegExp(`${KEY}|${VALUE}`));
        return ran;
      };
      const dedupe = await here('--dedupe');
      expect(dedupe).toMatchObject({ code: 1, stderr: '' });
      expect(dedupe.stdout).toMatch(/^scanned +300 /m);
      expect(dedupe.stdout).toMatch(/^duplicates +10 /m);
      expect(nextCommand(dedupe.stdout)).toEqual(['reconcile', ORDERS, '--dedupe']);
      const backfill = await here('--backfill', '--json');
      expect(backfill).toMatchObject({ code: 1, stderr: '' });
      expect(JSON.parse(backfill.stdout)).toMatchObject({
        state: 'finished',
        counts: { missing: 50, equal: 250 },
      });
      expect((await readdir(folder)).toSorted()).toEqual(['recohere.config.json', 'transform.ts']);

      await written(DEDUPE, { hub: { region: HUB, account: '1'.repeat(12) } });
      const other = await here('--dedupe');
      expect(other).toMatchObject({ code: 3, stdout: '' });
      expect(other.stderr).toContain('another account than the config names');
    } finally {
      await dynamo.stop();
    }
  });

  it('ends with 2 if there is no such table, and with 3 without credentials', async () => {
    await written(DEDUPE);
    expect(await recohere('reconcile', ORDERS, '--dedupe', '--here')).toMatchObject({ code: 3, stdout: '' });
    const dynamo = await startLocalDynamo();
    try {
      const ran = await run(['reconcile', ORDERS, '--dedupe', '--here'], {
        cwd: folder,
        env: env(dynamo.endpoint),
      });
      expect(ran).toMatchObject({ code: 2, stdout: '' });
      expect(ran.stderr).toContain(`there is no table ${ORDERS} in us-east-1 (NO_SUCH_TABLE)`);
    } finally {
      await dynamo.stop();
    }
  });
});

describe('the command line of runs', () => {
  const apply = ['reconcile', ORDERS, '--dedupe', '--apply', '--plan', 'x', '--count', '1'];

  it.each([
    { args: ['reconcile'], words: "missing required argument 'table'", reason: 'no table' },
    { args: ['reconcile', ORDERS], words: '--dedupe or --backfill', reason: 'nothing to look for' },
    { args: ['reconcile', ORDERS, '--dedupe', '--backfill'], words: 'cannot be used with', reason: 'both' },
    { args: [...apply, '--sample', '1%'], words: 'cannot be used with', reason: 'an apply of a sample' },
    { args: [...apply, '--token', 'x'], words: 'cannot be used with', reason: 'an apply with a token' },
    {
      args: ['reconcile', ORDERS, '--dedupe', '--apply', '--here'],
      words: 'quarantine',
      reason: 'an apply here',
    },
    {
      args: ['reconcile', ORDERS, '--dedupe', '--here', '--no-wait'],
      words: 'cannot be used with',
      reason: 'no waiting here',
    },
    {
      args: ['reconcile', ORDERS, '--dedupe', '--apply', '--count', '1'],
      words: '--plan ID --count N',
      reason: 'an apply of nothing',
    },
    {
      args: ['reconcile', ORDERS, '--dedupe', '--apply', '--plan', 'x'],
      words: '--plan ID --count N',
      reason: 'an apply without its count',
    },
    {
      args: ['reconcile', ORDERS, '--dedupe', '--count', '1'],
      words: 'say --apply',
      reason: 'a count without an apply',
    },
    {
      args: [...apply, '--acknowledge', 'dragons'],
      words: 'streams,replicas,',
      reason: 'a hazard that is none',
    },
    ...['0%', '100%', '1', '%', '-1%', '1e1%', '0.0%', '101%', '1 %'].map((sample) => ({
      args: ['reconcile', ORDERS, '--dedupe', '--sample', sample],
      words: 'Write a percentage above 0 and below 100',
      reason: `a sample of ${sample}`,
    })),
    {
      args: ['reconcile', ORDERS, '--dedupe', '--region', 'narnia'],
      words: 'not the code',
      reason: 'no region',
    },
    { args: ['reconcile', ORDERS, '--dedupe', '--account', '12'], words: '12 digits', reason: 'no account' },
    {
      args: ['reconcile', ORDERS, '--dedupe', '--token', 'a b'],
      words: 'letters, digits',
      reason: 'no token',
    },
    { args: [...apply.slice(0, -1), 'x'], words: 'whole number', reason: 'no count' },
    { args: ['runs', 'X Y'], words: 'not the id of a run', reason: 'no id' },
    { args: ['runs', '--limit', '0'], words: 'from 1 to 100', reason: 'a list of none' },
    { args: ['runs', '--limit', '101'], words: 'from 1 to 100', reason: 'too long a list' },
    { args: ['runs', '--show-keys'], words: 'name the run', reason: 'keys of all runs' },
    { args: ['undo'], words: "missing required argument 'run'", reason: 'an undo of nothing' },
    { args: ['forget', 'x'], words: '--yes', reason: 'forgetting without --yes' },
  ])('ends with 2 for $reason, and asks for nothing', async ({ args, words }) => {
    const { asked } = await deployed();
    const ran = await recohere(...args);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain(words);
    expect(asked).toEqual([]);
  });

  it.each(['reconcile', 'runs', 'audit', 'undo', 'cancel', 'resume', 'forget'])(
    'ends with 2 for %s where no config is, and has help',
    async (command) => {
      const args = command === 'reconcile' ? [ORDERS, '--dedupe'] : ['x'];
      const ran = await recohere(command, ...args, ...(command === 'forget' ? ['--yes'] : []));
      expect(ran).toMatchObject({ code: 2, stdout: '' });
      expect(ran.stderr).toContain('no config is here');
      const help = await recohere(command, '--help');
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toContain('Exit codes:');
      expect(Math.max(...help.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    },
  );
});

describe('the exit code of a run', () => {
  const base = {
    id: 'x',
    kind: 'dedupe',
    mode: 'dry-run',
    state: 'finished',
    table: ORDERS,
    scanned: 9,
    duplicates: 0,
    removed: 0,
    restored: 0,
    verified: 0,
    counts: {},
    skipped: {},
    problems: [],
    readUnits: 1,
    writeUnits: 0,
    costUsd: 0,
    durationMs: 1,
  } as const;

  it.each([
    { run: {}, code: 0, reason: 'nothing was found' },
    { run: { duplicates: 1 }, code: 1, reason: 'copies were found' },
    { run: { kind: 'backfill', counts: { missing: 1 } }, code: 1, reason: 'a gap was found' },
    { run: { kind: 'backfill', counts: { older: 1 } }, code: 1, reason: 'an older item was found' },
    {
      run: { kind: 'backfill', counts: { extra: 1, equal: 1, newer: 1 } },
      code: 0,
      reason: 'the target has more',
    },
    { run: { kind: 'backfill', skipped: { DIFFERENT: 1 } }, code: 1, reason: 'an item differs' },
    { run: { mode: 'apply', removed: 1, verified: 1 }, code: 0, reason: 'all was applied' },
    { run: { mode: 'apply', skipped: { CHANGED: 1 } }, code: 1, reason: 'an item was left alone' },
    { run: { mode: 'apply', counts: { returned: 1 } }, code: 1, reason: 'an item was put back at once' },
    { run: { mode: 'undo', restored: 1 }, code: 0, reason: 'all was put back' },
    { run: { mode: 'undo', skipped: { RECREATED: 1 } }, code: 1, reason: 'an item was not put back' },
    { run: { state: 'failed' }, code: 1, reason: 'it failed' },
    { run: { state: 'cancelled' }, code: 1, reason: 'somebody cancelled it' },
    { run: { state: 'running', duplicates: 1 }, code: 0, reason: 'it goes on' },
  ] as const)('is $code if $reason', ({ run, code }) => {
    expect(exitCodeOfRun({ ...base, ...run } as Parameters<typeof exitCodeOfRun>[0])).toBe(code);
  });

  it('is 0 if it was to be cancelled', () => {
    expect(exitCodeOfRun({ ...base, problems: [], state: 'cancelled' }, true)).toBe(0);
  });
});
