import { randomUUID } from 'node:crypto';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  ResourceNotFoundException,
} from '@aws-sdk/client-lambda';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awsInspection } from '../../functions/adapters/aws/inspection.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { DEPLOYED, PARTS, type Part } from '../../functions/contract/deployment.ts';
import { FORMAT, type LedgerKey, runKey, stateKey } from '../../functions/contract/ledger.ts';
import { RELEASE, RELEASE_VARIABLE } from '../../functions/contract/release.ts';
import { textOfItem, type WireItem } from '../../functions/core/item.ts';
import { DeployedFunctions } from '../../local/deployed-functions.ts';
import { DeployedTables } from '../../local/deployed-tables.ts';
import { functionUpdated } from '../../local/installation.ts';
import { until } from '../../local/until.ts';
import { asking, itemTexts } from './asking.ts';
import { Deployed } from './deployed.ts';
import { Checkout, olderCommits } from './older-commit.ts';

/** Others than those of other tests, which may prepare theirs for the CDK at the same time. */
const HUB = 'ca-central-1';
const OTHER = 'eu-north-1';

/** Of this run alone, so that nothing is in its way in an emulator that is not new. */
const PREFIX = `e2e-${randomUUID().slice(0, 8)}`;
const WATCHED = `${PREFIX}-api`;
const ORDERS = `${PREFIX}-orders`;
const LEADS = `${PREFIX}-leads`;

/** Orders, each of which was written twice: several batches of an apply. */
const DOUBLES = 150;
const ALL_ORDERS = Array.from({ length: 2 * DOUBLES }, (_, number) => order(number >> 1, number % 2));
/** A batch takes the worker 2.5 seconds, so that the run can be cancelled in the middle. */
const SLOW_WRITES = 80;
/** Read so slowly, and in so many pages, that a run is under way when an upgrade reaches its worker. */
const ALL_LEADS = Array.from({ length: 800 }, (_, number) => order(number, 0));
const SLOW_READS = 1;

const DEDUPE = { key: 'orderNumber', keep: 'oldest', by: 'createdAt' } as const;

const CONFIG = {
  prefix: PREFIX,
  hub: { region: HUB },
  replicas: [{ region: HUB }, { region: OTHER }],
  functions: [{ select: { name: WATCHED } }],
  tables: [
    { name: ORDERS, apply: true, dedupe: DEDUPE, writeUnitsPerSecond: SLOW_WRITES },
    { name: LEADS, dedupe: DEDUPE, readUnitsPerSecond: SLOW_READS },
  ],
} satisfies RecohereConfig;

/** A function of ours, as Lambda describes it. */
interface Described {
  readonly code: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
}

const commits = olderCommits();
const name =
  commits.length > 0
    ? 'an upgrade from an older commit'
    : 'an upgrade (skipped: no commit is here from before a change of functions)';

describe.skipIf(commits.length === 0)(name, { timeout: 180_000 }, () => {
  const tables = new DeployedTables(HUB);
  const functions = new DeployedFunctions();
  const deployed = new Deployed(CONFIG);
  const { installation } = deployed;
  let previous: Checkout;
  let before: ReadonlyMap<Part, Described>;
  let after: ReadonlyMap<Part, Described>;
  let removedBefore: number;
  /** A run that was cancelled before the upgrade, and one that was not. */
  let cancelled: string;
  let underWay: string;

  beforeAll(async () => {
    previous = await Checkout.ofOther(commits);
    await Promise.all([
      deployed.deploy({}, { root: previous.root }),
      tables.create(ORDERS, { key: 'id', items: ALL_ORDERS, hasPointInTimeRecovery: true }),
      tables.create(LEADS, { key: 'id', items: ALL_LEADS }),
      release(HUB, 1),
      release(OTHER, 1),
    ]);
    await installation.sweep();
    await releaseAndTell(HUB, 2);
    await state('an episode has opened', ({ open }) => open !== undefined);

    const plan = await begun({ kind: 'dedupe', table: ORDERS });
    expect(await ended(plan)).toMatchObject({ state: 'finished', duplicates: DOUBLES });
    cancelled = await begun({ kind: 'dedupe', table: ORDERS, mode: 'apply', plan, count: DOUBLES });
    await statusWhen(cancelled, 'has removed some', ({ removed }) => removed > 0);
    await ask({ kind: 'cancel', run: cancelled });
    removedBefore = (await ended(cancelled)).removed;
    before = await describedParts();

    const begin = async () => {
      underWay = await begun({ kind: 'dedupe', table: LEADS });
    };
    await deployed.deploy({}, { begin });
    after = await describedParts();
  }, 400_000);

  afterAll(async () => {
    const ends = await Promise.allSettled([tables.removeAll(), functions.removeAll(), deployed.remove()]);
    await previous?.remove();
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  /** A release of the user's function. */
  const release = async (region: string, number: number) => {
    await functions.deploy(region, WATCHED, {
      environment: { RATE: `${number}` },
      code: 'export const handler = () => {};',
    });
    await functions.settled(region, WATCHED);
  };

  async function releaseAndTell(region: string, number: number): Promise<void> {
    await release(region, number);
    await installation.tell(region, functionUpdated('Shop', 'Api', WATCHED, region));
  }

  const state = async (what: string, willDo: (state: Awaited<ReturnType<typeof read>>) => boolean) =>
    until(what, read, willDo);
  const read = async () => (await installation.ledger()).read(WATCHED);

  const { ask, statusWhen, ended, begun } = asking(() => installation);
  const textsOf = (table: string) => itemTexts(tables, table);

  async function describedParts(): Promise<ReadonlyMap<Part, Described>> {
    const client = new LambdaClient({ region: HUB });
    const described = PARTS.map(async (part) => {
      const command = new GetFunctionConfigurationCommand({ FunctionName: DEPLOYED.part(PREFIX, part) });
      const found = await client.send(command).catch((error: unknown) => {
        if (error instanceof ResourceNotFoundException) return undefined; // not there yet
        throw error;
      });
      if (found === undefined) return [];
      const { CodeSha256: code, Environment, LastModified = '' } = found;
      const environment = Environment?.Variables ?? {};
      return [[part, { code, environment, modifiedAt: Date.parse(LastModified) }] as const];
    });
    return new Map((await Promise.all(described)).flat());
  }

  /** Not if neither its bundle nor its environment is another in this tree. */
  const isReplaced = (part: Part) => before.get(part)?.modifiedAt !== after.get(part)?.modifiedAt;

  async function itemAt(key: LedgerKey): Promise<ReturnType<typeof unmarshall>> {
    const command = new GetItemCommand({ TableName: deployed.retained.table, Key: marshall(key) });
    return unmarshall((await new DynamoDBClient({ region: HUB }).send(command)).Item ?? {});
  }

  it('replaces each function whose bundle is another', () => {
    const { commit, changed } = previous;
    for (const part of changed) {
      expect(after.get(part)?.code, part).not.toBe(before.get(part)?.code);
      expect(isReplaced(part), part).toBe(true);
    }
    process.stderr.write(`functions that differ between ${commit} and this tree: ${changed.join(', ')}\n`);
  });

  it('closes forward an episode that opened before', async () => {
    const { open } = await read();
    if (isReplaced('verify-deploy')) {
      expect(open?.firstSeenAt).toBeLessThan(after.get('verify-deploy')?.modifiedAt ?? 0);
    }
    await releaseAndTell(OTHER, 2);
    const { last } = await state(
      'the episode has closed',
      (now) => now.open === undefined && now.last !== undefined,
    );
    expect(last).toMatchObject({ id: open?.id, outcome: 'forward', cause: open?.cause });
    await installation.handled();
  });

  it('resumes a run that was cancelled before, and puts back what both releases removed', async () => {
    expect(removedBefore).toBeGreaterThan(0);
    expect(removedBefore).toBeLessThan(DOUBLES);
    expect(await textsOf(ORDERS)).toHaveLength(ALL_ORDERS.length - removedBefore);

    await begun({ kind: 'resume', run: cancelled });
    const applied = await ended(cancelled);
    expect(applied).toMatchObject({ state: 'finished', removed: DOUBLES, verified: DOUBLES, skipped: {} });
    expect(await textsOf(ORDERS)).toHaveLength(DOUBLES);
    const sound = { breaks: [], isRootSame: true };
    expect(await ask({ kind: 'audit', run: cancelled })).toMatchObject({
      ...sound,
      items: DOUBLES,
      isQuarantineRead: true,
    });

    const undo = await begun({ kind: 'undo', run: cancelled });
    expect(await ended(undo)).toMatchObject({ state: 'finished', restored: DOUBLES, skipped: {} });
    expect(await textsOf(ORDERS), 'byte for byte').toEqual(ALL_ORDERS.map(textOfItem).sort());
  });

  it('finishes a run that was under way, whose worker was replaced if it differs', async () => {
    expect(await ended(underWay)).toMatchObject({
      state: 'finished',
      scanned: ALL_LEADS.length,
      duplicates: 0,
      skipped: {},
    });
    if (!isReplaced('reconcile-worker')) return;
    const { startedAt, endedAt } = await itemAt(runKey(underWay));
    expect(after.get('reconcile-worker')?.modifiedAt).toBeGreaterThan(startedAt);
    expect(after.get('reconcile-worker')?.modifiedAt).toBeLessThan(endedAt);
  });

  it('leaves its release in every stack, function and item that it wrote', async () => {
    const { stack } = awsInspection();
    for (const [region, of] of [
      [HUB, 'hub'],
      [HUB, 'region'],
      [OTHER, 'region'],
      [HUB, 'data'],
    ] as const) {
      expect(await stack(region, DEPLOYED.stack(PREFIX, of)), `${of} in ${region}`).toMatchObject({
        release: RELEASE,
      });
    }
    for (const [part, { environment }] of after) expect(environment[RELEASE_VARIABLE], part).toBe(RELEASE);
    for (const key of [stateKey('function', WATCHED), runKey(cancelled), runKey(underWay)]) {
      expect(await itemAt(key), key.pk).toMatchObject({ format: FORMAT, release: RELEASE });
    }
    expect(await installation.deadLetters()).toEqual([]);
  });
});

function order(number: number, copy: number): WireItem {
  return {
    id: { S: `id-${number}-${copy}` },
    orderNumber: { S: `number-${number}` },
    createdAt: { S: `2026-01-05T09:00:0${copy}Z` },
    cents: { N: `${number}` },
  };
}
