import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CloudWatchLogsClient,
  paginateDescribeLogGroups,
  paginateFilterLogEvents,
} from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { expect } from 'vitest';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { DEPLOYED } from '../../functions/contract/deployment.ts';
import { bootstrap, deployStacks, deploySynthesized, synthesizeStacks } from '../../local/cdk.ts';
import { EMULATED_ACCOUNT } from '../../local/emulator.ts';
import { Installation } from '../../local/installation.ts';
import { deleteStack, emptyBucket, removeRetained } from './leftovers.ts';

/** Everything that an installation has written or printed, by where that is. */
export type Texts = Readonly<
  Record<'logs' | 'ledger' | 'letters' | 'printed' | 'written', readonly string[]>
>;

/** An installation that a test deploys with the CDK's command line, and takes away again. */
export class Deployed {
  readonly installation: Installation;
  /** What is retained when the stacks go. */
  readonly retained = { table: '', secret: '' };
  readonly #config: RecohereConfig;
  readonly #prefix: string;
  readonly #regions: readonly string[];
  /** Of those with tables. */
  readonly #dataRegions: readonly string[];
  readonly #printed: string[] = [];
  #folder: string | undefined;

  constructor(config: RecohereConfig & { readonly prefix: string }) {
    this.#config = config;
    this.#prefix = config.prefix;
    this.#regions = config.replicas.map(({ region }) => region);
    this.#dataRegions = [...new Set((config.tables ?? []).map(({ region = config.hub.region }) => region))];
    this.installation = new Installation(config.prefix, config.hub.region);
  }

  /**
   * Deploys, or deploys again.
   * @param change What of the config is not as before.
   * @param root The package whose stacks they are. @default this one
   * @param begin Called at the last moment before anything is deployed. @default nothing is
   */
  async deploy(
    change: Partial<RecohereConfig> = {},
    { root, begin }: { readonly root?: string; readonly begin?: () => Promise<void> } = {},
  ): Promise<void> {
    const isFirst = this.#folder === undefined;
    this.#folder ??= await mkdtemp(join(tmpdir(), 'recohere-deploy-'));
    const config = join(this.#folder, 'recohere.config.json');
    const options = { folder: this.#folder, config, ...(root !== undefined && { root }) };
    await writeFile(config, JSON.stringify({ ...this.#config, ...change }));
    if (isFirst) this.#printed.push(await bootstrap(options, this.#regions));
    if (begin) {
      this.#printed.push(await synthesizeStacks(options));
      await begin();
      this.#printed.push(await deploySynthesized(options));
    } else this.#printed.push(await deployStacks(options));
    const { RECOHERE_LEDGER: table = '', RECOHERE_KEY: secret = '' } =
      await this.installation.environmentOf('sweep');
    Object.assign(this.retained, { table, secret });
  }

  /** Deletes the stacks. Harmless where there is nothing. */
  async destroy(): Promise<void> {
    const { region } = this.installation;
    for (const each of this.#dataRegions) {
      await emptyBucket(each, DEPLOYED.bucket(this.#prefix, EMULATED_ACCOUNT, each));
      await deleteStack(each, DEPLOYED.stack(this.#prefix, 'data'));
    }
    for (const each of this.#regions) await deleteStack(each, DEPLOYED.stack(this.#prefix, 'region'));
    await deleteStack(region, DEPLOYED.stack(this.#prefix, 'hub'));
  }

  /** The same, with what is retained. */
  async remove(): Promise<void> {
    try {
      await this.destroy();
    } finally {
      const { table, secret } = this.retained;
      if (table !== '') await removeRetained(this.installation.region, table, secret);
      if (this.#folder !== undefined) await rm(this.#folder, { recursive: true });
    }
  }

  /** The logs are those of all functions of all regions whose names begin with the prefix. */
  async texts(): Promise<Texts> {
    const letters = (['verify-deploy', 'verify-rotation'] as const).map((part) =>
      this.installation.deadLetterTexts(part),
    );
    return {
      logs: await logsOf(this.#prefix, this.#regions),
      ledger: await itemsOf(this.installation.region, this.retained.table),
      letters: (await Promise.all(letters)).flat(),
      printed: this.#printed,
      written: await filesIn(join(this.#folder ?? '', 'cdk.out')),
    };
  }
}

/** In which of the texts one of the values is. */
export function placesWith(values: Iterable<string>, texts: Texts): string[] {
  const isIn = (text: string) => [...values].some((value) => text.includes(value));
  return Object.entries(texts).flatMap(([place, own]) => (own.some(isIn) ? [place] : []));
}

/** What an error looks like that nobody has handled, in a log of ours or in the emulator's. */
const TROUBLE =
  /stays in its queue|did not end well|Unhandled|Uncaught|Task timed out|Traceback|^\s*\w*Error\b|^\s+at .*index\.mjs/;

const TROUBLE_LINES_TOLD = 8;

/** What looks like an error, with the lines that follow it. */
export function troubleIn(lines: readonly string[]): string[] {
  return lines.flatMap((line, position) =>
    TROUBLE.test(line) ? [lines.slice(position, position + TROUBLE_LINES_TOLD).join('\n')] : [],
  );
}

/** The dead letter that a message is to become. */
export function letterOf(reason: string, body: string) {
  return {
    reason,
    messageId: expect.any(String),
    bytes: Buffer.byteLength(body),
    sha256: sha256Of(body),
    envelope: envelopeIn(body),
  };
}

export function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** What a dead letter may repeat of a message that is an object. */
function envelopeIn(body: string): Record<string, unknown> {
  try {
    const { id, source, 'detail-type': detailType, account, region, time } = JSON.parse(body);
    const envelope = { id, source, 'detail-type': detailType, account, region, time };
    return Object.fromEntries(Object.entries(envelope).filter(([, value]) => value !== undefined));
  } catch {
    return {};
  }
}

async function logsOf(prefix: string, regions: readonly string[]): Promise<string[]> {
  const lines: string[] = [];
  for (const region of regions) {
    const client = new CloudWatchLogsClient({ region });
    const groups = paginateDescribeLogGroups({ client }, { logGroupNamePrefix: `/aws/lambda/${prefix}` });
    for await (const { logGroups = [] } of groups) {
      for (const { logGroupName } of logGroups) {
        for await (const { events = [] } of paginateFilterLogEvents({ client }, { logGroupName })) {
          lines.push(...events.map(({ message = '' }) => message));
        }
      }
    }
  }
  return lines;
}

async function itemsOf(region: string, table: string): Promise<string[]> {
  const items: string[] = [];
  const client = new DynamoDBClient({ region });
  for await (const { Items = [] } of paginateScan({ client }, { TableName: table })) {
    items.push(...Items.map((item) => JSON.stringify(item)));
  }
  return items;
}

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')));
}
