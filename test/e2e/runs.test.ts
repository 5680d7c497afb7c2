import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dynamoRunLedger } from '../../functions/adapters/aws/run-ledger.ts';
import { s3ObjectStores } from '../../functions/adapters/aws/s3-objects.ts';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { DATA_EVENT } from '../../functions/contract/messages.ts';
import type { WrittenRequest } from '../../functions/contract/requests.ts';
import { textOfItem, type WireItem } from '../../functions/core/item.ts';
import { OBJECT_NAMES } from '../../functions/core/run.ts';
import { DeployedFunctions } from '../../local/deployed-functions.ts';
import { DeployedSecrets } from '../../local/deployed-secrets.ts';
import { DeployedTables } from '../../local/deployed-tables.ts';
import { EMULATED_ACCOUNT } from '../../local/emulator.ts';
import { eventOf } from '../../local/installation.ts';
import { until } from '../../local/until.ts';
import { asking, itemTexts } from './asking.ts';
import { Deployed, placesWith, troubleIn } from './deployed.ts';
import { emulatorEndpoint } from './emulator.ts';

/** Another one than those of other tests, which may prepare theirs for the CDK at the same time. */
const HUB = 'ap-northeast-1';

/** Of this run alone, so that nothing is in its way in an emulator that is not new. */
const PREFIX = `e2e-${randomUUID().slice(0, 8)}`;
const ORDERS = `${PREFIX}-orders`;
const CUSTOMERS = `${PREFIX}-customers`;
const CUSTOMERS_V2 = `${PREFIX}-customers-v2`;
const LEADS = `${PREFIX}-leads`;
const WATCHED = `${PREFIX}-api`;
const SECRET = `${PREFIX}/db`;

/** Begin every value and every key of the user's items: as text, as digits of a number, and as bytes. */
const PLANTED = `planted-${randomUUID()}-`;
const PLANTED_DIGITS = String(BigInt(`0x${randomUUID().slice(0, 8)}`) + 10n ** 11n);
const PLANTED_BYTES = Buffer.from(randomUUID().slice(0, 12)); // a multiple of three, so that base64 begins with theirs

const planted = (value: string) => ({ S: `${PLANTED}${value}` });

/** Orders, and those of them that were written twice: three batches of an apply. */
const ORIGINALS = Array.from({ length: 2_250 }, (_, number) => order(number, 0));
const COPIES = Array.from({ length: 150 }, (_, number) => order(number * 15, 1));
/** Not an order, and so nothing that is looked at. */
const NOTE: WireItem = { id: planted('note'), type: planted('note') };
const ALL = ORIGINALS.length + COPIES.length + 1;
const DOUBLES = COPIES.length;
/** Of which the only worker of so small a table has a quarter: a batch takes it 2.5 seconds, so that it can be cancelled in the middle. */
const SLOW_UNITS_PER_SECOND = 80;

/** Customers, of whom each tenth has left. */
const CUSTOMER_COUNT = 300;
const LEFT = 30;
const CUSTOMERS_BEFORE = Array.from({ length: CUSTOMER_COUNT }, (_, number) => customer(number));
/** What becomes of the others. */
const AFTER = Array.from({ length: CUSTOMER_COUNT }, (_, number) => customerV2(number, 2)).filter(
  (_, number) => !hasLeft(number),
);
/** What is there before: one that is older, one that is newer, and one that nothing is made of. */
const THERE: readonly WireItem[] = [customerV2(0, 1), customerV2(1, 9), { pk: planted('nobody') }];

/** A customer of whom the transform can make nothing; and others, more than are borne. */
const NAMELESS: WireItem = { id: planted('nameless') };
const NAMELESS_LEADS: readonly WireItem[] = ['a', 'b'].map((id) => ({ id: planted(id) }));

/** What every piece of the smallest run is. */
const SEGMENTS = [0, 1, 2, 3];

const configWith = (transform: string) =>
  ({
    prefix: PREFIX,
    hub: { region: HUB },
    replicas: [{ region: HUB }],
    functions: [{ select: { name: WATCHED } }],
    secrets: [{ name: SECRET }],
    tables: [
      {
        name: ORDERS,
        apply: true,
        dedupe: { key: 'orderNumber', keep: 'oldest', by: 'createdAt', where: { type: 'order' } },
        writeUnitsPerSecond: SLOW_UNITS_PER_SECOND,
      },
      {
        name: CUSTOMERS,
        apply: true,
        backfill: { to: CUSTOMERS_V2, version: 'version', transform },
        writeUnitsPerSecond: 10_000,
      },
      { name: LEADS, backfill: { to: CUSTOMERS_V2, transform }, maxErrors: 1 },
    ],
  }) satisfies RecohereConfig;

/** A module of a user, in TypeScript. Those who have left are not taken over. */
const TRANSFORM = `
interface Customer { readonly id: string; readonly left?: boolean; readonly [name: string]: unknown }
export default function transform({ id, left, ...rest }: Customer) {
  if (rest.name === undefined) throw new Error(\`\${id} has no name\`);
  return left ? null : { pk: \`CUSTOMER#\${id}\`, ...rest, schema: 2 };
}
`;

/** Characters of a token that are part of the id of a run. */
const TOKEN_SHOWN = 24;

/** Why requests are refused here, which the function logs. */
const REFUSED = [
  'NO_PLAN',
  'OTHER_COUNT',
  'NO_SUCH_RUN',
  'HAZARDS',
  'NOT_UNDOABLE',
  'NO_SUCH_TABLE',
  'NO_RULE',
  'APPLY_OFF',
] as const;

describe('runs over tables', { timeout: 90_000 }, () => {
  const tables = new DeployedTables(HUB);
  const functions = new DeployedFunctions();
  const secrets = new DeployedSecrets();
  let folder: string;
  let deployed: Deployed;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recohere-transform-'));
    const transform = join(folder, 'customers-v2.ts');
    await writeFile(transform, TRANSFORM);
    deployed = new Deployed(configWith(transform));
    await Promise.all([
      deployed.deploy(),
      tables.create(ORDERS, { key: 'id', items: [...ORIGINALS, ...COPIES, NOTE] }),
      tables.create(CUSTOMERS, { key: 'id', items: [...CUSTOMERS_BEFORE, NAMELESS] }),
      tables.create(LEADS, { key: 'id', items: NAMELESS_LEADS }),
      tables.create(CUSTOMERS_V2, { key: 'pk', items: THERE, hasPointInTimeRecovery: true }),
      functions.deploy(HUB, WATCHED, { code: 'export const handler = () => {};' }),
      secrets.create(HUB, SECRET, `${PLANTED}secret`, []),
    ]);
  });

  afterAll(async () => {
    const ends = await Promise.allSettled([tables.removeAll(), functions.removeAll(), secrets.removeAll()]);
    await deployed.remove();
    await rm(folder, { recursive: true });
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  const { ask, statusWhen, ended, begun } = asking(() => deployed.installation);
  const textsOf = (table: string) => itemTexts(tables, table);

  async function executionsOf(run: string): Promise<Readonly<Record<string, string | undefined>>> {
    const { RECOHERE_RUNS: stateMachineArn } = await deployed.installation.environmentOf('reconcile');
    const listed = await new SFNClient({ region: HUB }).send(new ListExecutionsCommand({ stateMachineArn }));
    const own = (listed.executions ?? []).filter(({ name }) => name?.startsWith(`${run}-`));
    return Object.fromEntries(own.map(({ name = '', status }) => [name.slice(run.length + 1), status]));
  }

  async function allRuns(): Promise<readonly RunStatus[]> {
    const { runs } = (await deployed.installation.invoke('reconcile', { kind: 'runs' })) as {
      readonly runs: readonly RunStatus[];
    };
    return runs;
  }

  const objectsOf = () =>
    s3ObjectStores({ prefix: PREFIX, account: EMULATED_ACCOUNT, endpoint: emulatorEndpoint() })({
      name: ORDERS,
      region: HUB,
    });

  async function objectNames(begin: string): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const name of objectsOf().list(begin)) names.push(name);
    return names;
  }

  const allSucceed = (run: string, attempts: number) =>
    until(
      `all executions of ${run} have ended`,
      () => executionsOf(run),
      (found) => {
        const states = Object.values(found);
        return states.length === attempts && states.every((state) => state === 'SUCCEEDED');
      },
    );

  it('removes what was written twice, is cancelled and resumed in between, and puts it all back', async () => {
    const before = await textsOf(ORDERS);
    expect(before).toHaveLength(ALL);

    const plan = await begun({ kind: 'dedupe', table: ORDERS });
    const found = await ended(plan);
    expect(found).toMatchObject({
      state: 'finished',
      scanned: ALL,
      duplicates: DOUBLES,
      removed: 0,
      counts: { unkeyed: 1, groups: DOUBLES },
      skipped: {},
    });
    expect(found.costUsd).toBeGreaterThan(0);
    expect(await textsOf(ORDERS), 'a dry run changes nothing').toEqual(before);
    const ledger = dynamoRunLedger({ region: HUB }, deployed.retained.table);
    for (const segment of SEGMENTS) {
      const { isDone, tally } = await ledger.readSegment(plan, 'scatter', segment);
      expect({ isDone, scanned: tally.counts.scanned }).toEqual({
        isDone: true,
        scanned: expect.any(Number),
      });
    }
    expect(await allSucceed(plan, 1)).toEqual({ 1: 'SUCCEEDED' });

    const apply = { kind: 'dedupe', table: ORDERS, mode: 'apply' } as const;
    const refusals: [WrittenRequest, (typeof REFUSED)[number]][] = [
      [apply, 'NO_PLAN'],
      [{ ...apply, plan }, 'NO_PLAN'],
      [{ ...apply, plan, count: DOUBLES + 1 }, 'OTHER_COUNT'],
      [{ ...apply, plan: 'dedupe-dry-none', count: DOUBLES }, 'NO_SUCH_RUN'],
      [{ ...apply, plan, count: DOUBLES }, 'HAZARDS'],
    ];
    for (const [request, code] of refusals) {
      expect(await ask(request), code).toMatchObject({ error: { code } });
    }
    expect(await textsOf(ORDERS), 'a refused apply changes nothing').toEqual(before);

    const meant = { ...apply, plan, count: DOUBLES, acknowledge: ['no-point-in-time-recovery' as const] };
    const run = await begun(meant);
    expect(await begun(meant), 'what is asked for twice is one run').toBe(run);
    await statusWhen(run, 'has removed some', ({ removed }) => removed > 0);
    await ask({ kind: 'cancel', run });
    const cancelled = await ended(run);
    expect(cancelled.state).toBe('cancelled');
    expect(cancelled.removed).toBeGreaterThan(0);
    expect(cancelled.removed).toBeLessThan(DOUBLES);
    expect(await textsOf(ORDERS)).toHaveLength(before.length - cancelled.removed);

    await begun({ kind: 'resume', run });
    const applied = await ended(run);
    expect(applied).toMatchObject({
      state: 'finished',
      removed: DOUBLES,
      verified: DOUBLES,
      skipped: {},
      problems: [],
    });
    expect(applied.counts.unconfirmed ?? 0).toBe(0);
    expect(await textsOf(ORDERS)).toEqual([...ORIGINALS, NOTE].map(textOfItem).sort());
    // the first, the one that came to settle what the first held, and the one that went on
    expect(await allSucceed(run, 3)).toEqual({ 1: 'SUCCEEDED', 2: 'SUCCEEDED', 3: 'SUCCEEDED' });
    const sound = { breaks: [], isRootSame: true };
    expect(await ask({ kind: 'audit', run })).toMatchObject({
      ...sound,
      items: DOUBLES,
      isQuarantineRead: true,
    });

    const undo = await begun({ kind: 'undo', run });
    expect(await ended(undo)).toMatchObject({ state: 'finished', restored: DOUBLES, skipped: {} });
    expect(await textsOf(ORDERS), 'byte for byte').toEqual(before);
    expect(await ask({ kind: 'audit', run: undo })).toMatchObject(sound);
  });

  it('writes what another table lacks or has in an older version, as a module of the user makes it', async () => {
    const plan = await begun({ kind: 'backfill', table: CUSTOMERS });
    const found = await ended(plan);
    const missing = CUSTOMER_COUNT - LEFT - 2;
    expect(found).toMatchObject({
      state: 'finished',
      counts: { missing, older: 1, newer: 1, extra: 1, unkeyed: LEFT },
      skipped: { TRANSFORM_FAILED: 1 },
      problems: [{ reason: 'TRANSFORM_FAILED', key: expect.stringMatching(/^[0-9a-f]{32}$/) }],
    });
    expect(await ask({ kind: 'status', run: plan, showKeys: true })).toMatchObject({
      keys: [{ reason: 'TRANSFORM_FAILED', key: textOfItem(NAMELESS) }],
    });
    expect(await textsOf(CUSTOMERS_V2)).toHaveLength(THERE.length);

    const apply = { kind: 'backfill', table: CUSTOMERS, mode: 'apply', plan } as const;
    const run = await begun({ ...apply, count: missing + 1 });
    const applied = await ended(run);
    expect(applied).toMatchObject({ state: 'finished', verified: missing + 1, skipped: {} });
    expect(applied.counts.written).toBe(missing + 1);
    const [, newer, extra] = THERE;
    const wanted = [...AFTER.filter((_, position) => position !== 1), newer, extra];
    expect(await textsOf(CUSTOMERS_V2)).toEqual(wanted.map((item) => textOfItem(item ?? {})).sort());
    expect(await ask({ kind: 'audit', run })).toMatchObject({ breaks: [], isRootSame: true });
    expect(await ask({ kind: 'undo', run })).toMatchObject({ error: { code: 'NOT_UNDOABLE' } });
  });

  it('fails, with its execution, when the transform fails too often', async () => {
    const run = await begun({ kind: 'backfill', table: LEADS });
    expect(await ended(run)).toMatchObject({ state: 'failed', failure: { code: 'TOO_MANY_ERRORS' } });
    await until(
      'its execution has failed too',
      () => executionsOf(run),
      (found) => found['1'] === 'FAILED',
    );
    const apply = { kind: 'backfill', table: LEADS, mode: 'apply', plan: run, count: 0 } as const;
    expect(await ask(apply)).toMatchObject({ error: { code: 'APPLY_OFF' } });
  });

  it('says what is wrong with a request, and repeats nothing of it', async () => {
    const bad = { kind: 'dedupe', table: 7, [`${PLANTED}name`]: `${PLANTED}value`, mode: `${PLANTED}mode` };
    const answer = await deployed.installation.invoke('reconcile', bad);
    expect(answer).toEqual({
      error: { code: 'BAD_REQUEST', mistakes: expect.arrayContaining([expect.stringContaining('table')]) },
    });
    expect(JSON.stringify(answer)).not.toMatch(/planted|\bat .*index\.mjs/);
    expect(await ask({ kind: 'dedupe', table: 'unknown' })).toMatchObject({
      error: { code: 'NO_SUCH_TABLE' },
    });
    expect(await ask({ kind: 'dedupe', table: CUSTOMERS })).toMatchObject({ error: { code: 'NO_RULE' } });
  });

  it('has functions and secrets looked at when it is asked to', async () => {
    const { installation } = deployed;
    const request: WrittenRequest = { kind: 'verify', subjects: [WATCHED, SECRET] };
    expect(await ask(request)).toEqual({ at: expect.any(Number), functions: [WATCHED], secrets: [SECRET] });
    for (const [kind, subject] of [
      ['function', WATCHED],
      ['secret', SECRET],
    ] as const) {
      const ledger = await installation.ledger(kind);
      await until(
        `${subject} was looked at`,
        () => ledger.read(subject),
        ({ agreed }) => agreed !== undefined,
      );
    }
  });

  it('makes one dry run of an event that is delivered twice', async () => {
    const { installation } = deployed;
    const told = {
      ...DATA_EVENT,
      detail: { table: ORDERS, kind: 'dedupe', mode: 'apply', token: 'not-this-one' },
    };
    const id = await installation.put(installation.bus, told);
    const ofEvent = async () =>
      (await allRuns()).filter((run) => run.id.includes(id.replaceAll('-', '').slice(0, TOKEN_SHOWN)));
    const [{ id: run } = { id: '' }] = await until(
      'the event begins a run',
      ofEvent,
      ({ length }) => length > 0,
    );
    await installation.invoke('reconcile', { ...eventOf(HUB, told), id });
    expect(await ended(run)).toMatchObject({ mode: 'dry-run', duplicates: DOUBLES });
    expect(await ofEvent()).toHaveLength(1);
    expect(Object.keys(await executionsOf(run))).toEqual(['1']);
  });

  it('logs metrics of each run once, when it ends', async () => {
    const runs = await allRuns();
    expect(runs.map(({ kind, mode, state }) => `${kind} ${mode} ${state}`).sort()).toEqual([
      'backfill apply finished',
      'backfill dry-run failed',
      'backfill dry-run finished',
      'dedupe apply finished',
      'dedupe dry-run finished',
      'dedupe dry-run finished',
      'dedupe undo finished',
    ]);
    const samples = await until(
      'all runs are in the log',
      async () => {
        // MiniStack logs the last lines of an invocation with the next one: here, a task of a run that has ended
        await deployed.installation.invoke('reconcile-worker', { task: 'steer', run: runs[0]?.id });
        return (await deployed.installation.samples()).filter(({ run }) => run !== undefined);
      },
      (logged) => runs.every(({ id }) => logged.some(({ run }) => run === id)),
    );
    const cancelled = samples.filter(({ metric, value }) => metric === 'ReconcileSucceeded' && value === 0);
    expect(cancelled, 'one was cancelled, and one failed').toHaveLength(2);
    for (const { id, kind, mode, state, costUsd, skipped } of runs) {
      // of one that was cancelled and resumed, the last end
      const own = new Map(samples.filter(({ run }) => run === id).map((each) => [each.metric, each.value]));
      expect(Object.fromEntries(own), id).toEqual({
        ReconcileSucceeded: state === 'finished' ? 1 : 0,
        ReconcileFailed: state === 'failed' ? 1 : 0,
        ReconcileRetries: 0,
        ReconcileCostUsd: state === 'finished' ? costUsd : expect.any(Number),
        ...(mode === 'dry-run' && { SchemaErrorCount: skipped.TRANSFORM_FAILED ?? 0 }),
        ...(mode === 'dry-run' && kind === 'dedupe' && { DuplicatesPerMillion: (DOUBLES / ALL) * 1_000_000 }),
      });
    }
  });

  it('lets no value out, and no key, and logs no error', async () => {
    const texts = await deployed.texts();
    const names = await objectNames('');
    const objects = await Promise.all(names.map(async (name) => String(await objectsOf().read(name))));

    // the search finds what is there
    const planted = [PLANTED, PLANTED_DIGITS, PLANTED_BYTES.toString('base64')];
    for (const each of planted) expect(objects.some((content) => content.includes(each))).toBe(true);
    expect(placesWith([ORDERS], texts)).toEqual(expect.arrayContaining(['logs', 'ledger', 'written']));

    expect(placesWith(planted, texts)).toEqual([]);
    expect(troubleIn(texts.logs)).toEqual([]);
    const logs = texts.logs.join('\n');
    for (const code of REFUSED) expect(logs).toContain(`'${code}'`);
  });

  it('erases what it has quarantined when it is told to', async () => {
    const runs = await allRuns();
    const run = runs.find(({ kind, mode }) => kind === 'dedupe' && mode === 'apply')?.id ?? '';
    const begin = OBJECT_NAMES.quarantineOf(run);
    expect(await objectNames(begin)).not.toEqual([]);
    expect(await ask({ kind: 'forget', run })).toMatchObject({ id: run, state: 'finished' });
    expect(await objectNames(begin)).toEqual([]);
    expect(await ask({ kind: 'audit', run })).toMatchObject({ breaks: [], isQuarantineRead: false });
  });
});

function order(number: number, copy: number): WireItem {
  return {
    id: planted(`id-${number}-${copy}`),
    type: { S: 'order' },
    orderNumber: planted(`number-${number}`),
    createdAt: { S: `2026-01-05T09:00:0${copy}Z` },
    cents: { N: `${PLANTED_DIGITS}${number}` },
    signature: { B: Buffer.concat([PLANTED_BYTES, Buffer.from([number % 256, copy])]) },
    tags: { SS: [`${PLANTED}a`, `${PLANTED}b`] },
    lines: { L: [{ M: { sku: planted('sku'), count: { N: '2' } } }, { NULL: true }, { BOOL: false }] },
  };
}

function hasLeft(number: number): boolean {
  return number % 10 === 9;
}

function customer(number: number): WireItem {
  return {
    id: planted(String(number)),
    name: planted(`name-${number}`),
    version: { N: '2' },
    ...(hasLeft(number) && { left: { BOOL: true } }),
  };
}

/** As the transform makes it. */
function customerV2(number: number, version: number): WireItem {
  return {
    pk: { S: `CUSTOMER#${PLANTED}${number}` },
    name: planted(`name-${number}`),
    version: { N: String(version) },
    schema: { N: '2' },
  };
}
