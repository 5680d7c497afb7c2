import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SubjectState } from '../../functions/core/episode.ts';
import type { PlaceId } from '../../functions/core/place.ts';
import { HUB, RunSystem } from '../app/run-system.ts';
import { type Hub, startHub } from './hub.ts';
import { type Run, run } from './run.ts';

const US = HUB as PlaceId;
const EU = 'eu-west-1' as PlaceId;
const MINUTE = 60_000;
const MARK = '<!-- recohere report -->';

let folder: string;
let hub: Hub;
let now: number;
beforeEach(async () => {
  for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(console, level).mockReturnValue();
  folder = await mkdtemp(join(tmpdir(), 'recohere-'));
  const config = {
    hub: { region: HUB },
    replicas: [{ region: HUB }],
    functions: [{ select: { name: '*' } }],
  };
  await writeFile(join(folder, 'recohere.config.json'), JSON.stringify(config));
  const system = new RunSystem();
  now = system.clock.now();
  hub = await startHub(system);
  await hub.sweeps.swap({
    version: 1,
    status: {
      startedAt: now - MINUTE,
      endedAt: now - MINUTE,
      expected: 4,
      read: 4,
      left: 0,
      unread: [],
      unreadSubjects: [],
      unreadSubjectsLeft: 0,
    },
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await hub.stop();
  await rm(folder, { recursive: true });
});

function recohere(...args: string[]): Promise<Run> {
  return run(args, { cwd: folder, env: hub.env });
}

const agreed = (subject: string): SubjectState => ({
  subject,
  version: 1,
  wake: 0,
  agreed: { roots: { [US]: { env: 'v1.k:a' }, [EU]: { env: 'v1.k:a' } }, at: now - MINUTE },
});

/** A deploy reached one region. */
const apart = (subject: string, isOverdue: boolean): SubjectState => ({
  ...agreed(subject),
  open: {
    id: 'e-1',
    cause: { id: 'build-42', source: 'recohere.deploy', at: now - 10 * MINUTE },
    since: now - 10 * MINUTE,
    lastChangeAt: now - 10 * MINUTE,
    lastMovedAt: now - 9 * MINUTE,
    firstSeenAt: now - 9 * MINUTE,
    lastSeenAt: now - MINUTE,
    looks: 3,
    isOverdue,
    roots: { [US]: { env: 'v1.k:b' }, [EU]: { env: 'v1.k:a' } },
    findings: [{ replica: EU, facet: 'env', kind: 'missing', keys: ['FEATURE_X'], reference: US }],
    reached: { [US]: now - 9 * MINUTE },
  },
});

const known = (...states: SubjectState[]) =>
  Promise.all(states.map((state) => hub.ledgers.function.swap(state)));

describe('status', () => {
  it('says what does not agree, and by its exit code that something does not', async () => {
    await known(agreed('cart'), apart('checkout-api', true));
    const ran = await recohere('status');
    expect(ran).toMatchObject({ code: 1, stderr: '' });
    expect(ran.stdout).toMatch(/: 1 agreed, 1 diverged\.$/m);
    expect(ran.stdout).toMatch(/^checkout-api +diverged +10m /m);
    expect(ran.stdout).toContain('checkout-api · eu-west-1 · env FEATURE_X missing');
    expect(ran.stdout).toContain('read 4 of 4 replicas (100 %)');
    const json = await recohere('status', '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      prefix: 'recohere',
      subjects: [
        { subject: 'cart', verdict: 'agreed' },
        { subject: 'checkout-api', verdict: 'diverged' },
      ],
      episodes: [{ id: 'e-1', outcome: 'open' }],
      sweep: { expected: 4 },
      levels: { completeness: { percent: 100, isMet: true } },
    });
  });

  it('asks for page after page, until there is no next', async () => {
    await known(...Array.from({ length: 250 }, (_, position) => agreed(`f-${1000 + position}`)));
    const ran = await recohere('status', '--json');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(ran.stdout).subjects).toHaveLength(250);
    expect(hub.asked).toEqual([
      { kind: 'overview' },
      { kind: 'overview', after: 'function f-1099' },
      { kind: 'overview', after: 'function f-1199' },
    ]);
  });

  it('of a hub of another release, or none, says so', async () => {
    const mistakes = ['request.kind: is not something that can be asked for'];
    hub.instead = () => ({ status: 200, body: { error: { code: 'BAD_REQUEST', mistakes } } });
    expect(await recohere('status')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/does not take this, is it of another release\?\n {2}request\.kind/),
    });
    const config = {
      hub: { region: HUB },
      replicas: [{ region: HUB }],
      prefix: 'other',
      functions: [{ select: { name: '*' } }],
    };
    await writeFile(join(folder, 'other.json'), JSON.stringify(config));
    hub.instead = () => undefined;
    expect(await recohere('status', '--config', 'other.json')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no function other-reconcile in us-east-1: deploy it'),
    });
  });

  it('shows nothing of what a hub says that a terminal obeys', async () => {
    const mistakes = ['request.kind: \u001b[2Jis not known', 'prod\u009b31m/db\rgone'];
    hub.instead = () => ({ status: 200, body: { error: { code: 'BAD_REQUEST', mistakes } } });
    const { stderr } = await recohere('status');
    expect(stderr).toMatch(
      /\n {2}request\.kind: {2}\[2Jis not known\n {2}prod 31m\/db gone \(BAD_REQUEST\)\n$/,
    );
  });

  it('without a config does not know where the hub is', async () => {
    await rm(join(folder, 'recohere.config.json'));
    for (const command of ['status', 'report', 'doctor']) {
      expect(await recohere(command)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('no config is here'),
      });
    }
    expect(hub.asked).toEqual([]);
  });

  it('names the permission that is missing', async () => {
    hub.instead = () => ({
      status: 403,
      headers: { 'x-amzn-errortype': 'AccessDeniedException' },
      body: { Message: 'x is not authorized to perform: lambda:InvokeFunction on resource: y' },
    });
    expect(await recohere('status')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('missing permission lambda:InvokeFunction'),
    });
  });
});

describe('diff', () => {
  it('shows keys, replicas and the episode', async () => {
    await known(apart('checkout-api', false));
    const ran = await recohere('diff', 'checkout-api');
    expect(ran).toMatchObject({ code: 1, stderr: '' });
    expect(ran.stdout).toMatch(/^KEY +us-east-1 +eu-west-1\nenv FEATURE_X +reference +missing$/m);
    expect(ran.stdout).toContain('Episode e-1: open, its deadline has not passed');
    expect(ran.stdout).toContain('told by recohere.deploy build-42');
    const json = JSON.parse((await recohere('diff', 'checkout-api', '--json')).stdout);
    expect(json).toMatchObject({ subjects: [{ subject: 'checkout-api' }], episodes: [{ id: 'e-1' }] });
  });

  it('does not know what nobody knows', async () => {
    expect(await recohere('diff', 'chekout-api')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('(UNKNOWN_SUBJECT)'),
    });
  });
});

describe('verify', () => {
  it('asks for a look, and does not wait', async () => {
    const ran = await recohere('verify', 'cart', 'cart', 'prod/db');
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(hub.asked).toEqual([{ kind: 'verify', subjects: ['cart', 'prod/db'] }]);
    expect(JSON.parse((await recohere('verify', 'cart', '--json')).stdout)).toMatchObject({
      at: expect.any(Number),
      functions: ['cart'],
    });
  });

  it.each([
    { seen: agreed, code: 0, words: /^cart +agreed +-/m, reason: 'the gate opens' },
    {
      seen: (subject: string) => apart(subject, true),
      code: 1,
      words: /^cart +diverged/m,
      reason: 'it stays shut',
    },
  ])('waits for what a look sees: $reason', async ({ seen, code, words }) => {
    await known(apart('cart', false));
    hub.look = ({ subject }) => ({ open: undefined, ...seen(subject) });
    const ran = await recohere('verify', 'cart', '--wait');
    expect(ran).toMatchObject({ code, stderr: '' });
    expect(ran.stdout).toMatch(words);
    expect(JSON.parse((await recohere('verify', 'cart', '--wait', '--json')).stdout)).toMatchObject({
      isSettled: true,
      unseen: [],
      subjects: [{ subject: 'cart' }],
    });
  });

  it.each([
    {
      known: agreed,
      look: false,
      code: 3,
      words: 'nobody has looked in time at cart',
      reason: 'nobody knows',
    },
    {
      known: (subject: string) => apart(subject, true),
      look: false,
      code: 1,
      words: 'nobody has looked',
      reason: 'it differs, as far as is known',
    },
    {
      known: (subject: string) => apart(subject, false),
      look: true,
      code: 1,
      words: 'before all have agreed',
      reason: 'it is still on its way',
    },
  ])('gives up in time: $reason', async ({ known: stateOf, look, code, words }) => {
    await known(stateOf('cart'));
    if (look) hub.look = (state) => state;
    const ran = await recohere('verify', 'cart', '--wait', '--timeout', '0s');
    expect(ran).toMatchObject({ code, stderr: expect.stringContaining(words) });
    expect(ran.stdout).toMatch(/^cart /m);
  });

  it('of a release without ids of looks cannot wait', async () => {
    hub.instead = () => ({ status: 200, body: { functions: ['cart'], secrets: [] } });
    expect(await recohere('verify', 'cart', '--wait')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('deploy again'),
    });
    expect((await recohere('verify', 'cart')).code).toBe(0);
  });

  it('waits if it is said for how long', async () => {
    await known(agreed('cart'));
    expect(await recohere('verify', 'cart', '--timeout', '0s')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('nobody has looked in time at cart'),
    });
  });

  it('does not ask for what has no name', async () => {
    for (const names of [[''], ['cart', '']]) {
      expect(await recohere('verify', ...names)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('It must not be empty.'),
      });
    }
    expect(hub.asked).toEqual([]);
  });

  it('does not take more names than one request has room for', async () => {
    const names = Array.from({ length: 101 }, (_, position) => `f-${position}`);
    expect(await recohere('verify', ...names)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('100'),
    });
    expect(hub.asked).toEqual([]);
  });
});

describe('silence', () => {
  it('begins and ends', async () => {
    await known(agreed('cart'));
    const begun = await recohere('silence', 'cart', '--for', '2h', '--reason', 'failover drill');
    expect(begun).toMatchObject({ code: 0, stderr: '' });
    expect(begun.stdout).toMatch(/^cart raises no alarm until 2026-01-05 02:00 UTC\./);
    const { silence } = await hub.ledgers.function.read('cart');
    expect(silence).toMatchObject({ reason: 'failover drill' });
    expect((await recohere('status')).stdout).toContain('1 silenced');
    const ended = await recohere('silence', 'cart', '--end', '--json');
    expect(JSON.parse(ended.stdout)).toMatchObject({ subject: 'cart', silence: null });
    expect(hub.asked.at(-1)).toMatchObject({ kind: 'silence', seconds: 0 });
  });

  it.each([
    { args: ['--for', '2h'], words: '--reason', reason: 'it says not why' },
    { args: ['--reason', 'x'], words: '--for', reason: 'it says not for how long' },
    { args: [], words: '--for', reason: 'it says nothing' },
    { args: ['--for', '2 hours', '--reason', 'x'], words: '90s, 30m, 2h or 3d', reason: 'a typo' },
    { args: ['--for', '31d', '--reason', 'x'], words: '30d', reason: 'too long' },
    { args: ['--for', '0s', '--reason', 'x'], words: '1s', reason: 'no time at all' },
    { args: ['--for', '2h', '--end'], words: 'cannot be used with', reason: 'both at once' },
    { args: ['--for', '2h', '--reason', 'x'.repeat(201)], words: '200 characters', reason: 'a long story' },
  ])('is refused: $reason', async ({ args, words }) => {
    expect(await recohere('silence', 'cart', ...args)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(words),
    });
    expect(hub.asked).toEqual([]);
  });

  it('does not know what nobody knows', async () => {
    expect(await recohere('silence', 'chekout-api', '--for', '2h', '--reason', 'x')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('(UNKNOWN_SUBJECT)'),
    });
  });
});

describe('report', () => {
  it('is one file, which the next one replaces', async () => {
    await known(apart('checkout-api', true));
    const file = join(folder, 'recohere-report.html');
    const ran = await recohere('report');
    expect(ran).toMatchObject({ code: 0, stderr: '', stdout: `Wrote ${file}\n` });
    const page = await readFile(file, 'utf8');
    expect(page.split('\n')[1]).toBe(MARK);
    expect(page).toContain('checkout-api');
    await writeFile(file, `<!doctype html>\r\n${MARK}\r\nan older one`);
    const again = await recohere('report', '--out', file, '--json');
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(again.stdout)).toEqual({ file });
    expect(await readFile(file, 'utf8')).toContain('checkout-api');
  });

  it.each([
    { text: `${MARK}\n<!doctype html>`, reason: 'the mark is elsewhere' },
    { text: '<!doctype html>\n<p>my thesis</p>', reason: 'it is something else' },
    { text: '', reason: 'it is empty' },
  ])('does not replace what is none of ours: $reason', async ({ text: written }) => {
    await writeFile(join(folder, 'mine.html'), written);
    expect(await recohere('report', '--out', 'mine.html')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is no report of Recohere'),
    });
    expect(await readFile(join(folder, 'mine.html'), 'utf8')).toBe(written);
    expect(hub.asked).toEqual([]);
  });

  it('says why it cannot be written', async () => {
    await mkdir(join(folder, 'a-folder'));
    expect(await recohere('report', '--out', 'a-folder')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('a-folder is no file'),
    });
    execFileSync('mkfifo', [join(folder, 'a-pipe')]);
    expect(await recohere('report', '--out', 'a-pipe')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('a-pipe is no file'),
    });
    expect(await recohere('report', '--out', 'nowhere/report.html')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`there is no folder ${join(folder, 'nowhere')}`),
    });
  });
});

describe('doctor', () => {
  it('without credentials says that, and no more', async () => {
    const ran = await run(['doctor', '--json'], { cwd: folder });
    expect(ran).toMatchObject({ code: 3, stderr: '' });
    expect(JSON.parse(ran.stdout)).toMatchObject({
      checks: [
        { check: 'config', state: 'ok', words: 'recohere.config.json is valid' },
        { check: 'credentials', state: 'unknown', words: expect.stringContaining('sts:GetCallerIdentity') },
      ],
    });
  });

  it('where nothing is deployed says how that is done', async () => {
    const account = `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111111111111</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`;
    const absent = `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id x does not exist</Message></Error></ErrorResponse>`;
    const aws = createServer(async (request, response) => {
      const isStack = (await text(request)).includes('Action=DescribeStacks');
      response.writeHead(isStack ? 400 : 200, { 'content-type': 'text/xml' }).end(isStack ? absent : account);
    }).listen(0, '127.0.0.1');
    await once(aws, 'listening');
    const { port } = aws.address() as AddressInfo;
    hub.instead = () => ({ status: 404, headers: { 'x-amzn-errortype': 'ResourceNotFoundException' } });
    const env = { ...hub.env, AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` };
    const ran = await run(['doctor'], { cwd: folder, env });
    aws.closeAllConnections();
    aws.close();
    expect(ran).toMatchObject({ code: 1, stderr: '' });
    expect(ran.stdout).toBe(`\
ok · config · recohere.config.json is valid
ok · credentials · account 111111111111, which is that of the hub
wrong · stack recohere-hub · us-east-1 · is not there
  → npx cdk deploy --all
wrong · stack recohere-monitoring · us-east-1 · is not there
  → npx cdk deploy --all
wrong · stack recohere-region · us-east-1 · is not there
  → npx cdk deploy --all
wrong · stack CDKToolkit · us-east-1 · is not there
  → npx cdk bootstrap aws://111111111111/us-east-1
wrong · sweep · us-east-1 · there is no function recohere-reconcile in us-east-1: deploy it with npx cdk deploy --all
  → npx cdk deploy --all

7 checks: 2 ok, 5 wrong, 0 unknown.
`);
  });
});
