import { randomUUID } from 'node:crypto';
import type { RecohereConfig } from '../functions/contract/config.ts';
import { bundled } from './bundled.ts';
import { DeployedFunctions } from './deployed-functions.ts';
import { DeployedSecrets } from './deployed-secrets.ts';
import { DeployedTables } from './deployed-tables.ts';
import { EMULATED_ACCOUNT } from './emulator.ts';
import { functionUpdated, type Installation } from './installation.ts';

const STACK = 'Shop';

export const PREFIX = 'recohere';
export const HUB_REGION = 'us-east-1';
export const REGIONS = [HUB_REGION, 'eu-west-1', 'ap-southeast-2'] as const;
export type Region = (typeof REGIONS)[number];

/** What the functions of the shop do, each in every region. It is also the name of the subject. */
export const SERVICES = ['cart', 'checkout', 'pricing'] as const;
export type Service = (typeof SERVICES)[number];

/** What the shop's worker uses, in the region of the hub. It is replicated to all others. */
export const SECRET = 'shop/orders-db';
const WORKER = `${STACK}-worker`;
const WORKER_CACHE_SECONDS = 3;

/** What the shop writes its orders to, in the region of the hub; some it has written twice. */
export const TABLE = 'orders';
export const ORDERS = 2_000;
const DOUBLES = 20;
const OPENED = Date.UTC(2026, 0, 5, 9);
const BETWEEN_MS = 60_000;
/** After so long an order was written again. */
const AGAIN_MS = 4_000;

/** Short, so that nobody has to wait for something to have diverged. */
export const DEADLINE_SECONDS = 5;

/** What is watched: the names of functions differ per region, so a tag tells which are copies. */
export const CONFIG: RecohereConfig = {
  prefix: PREFIX,
  hub: { region: HUB_REGION },
  replicas: REGIONS.map((region) => ({ region })),
  functions: [{ select: { tags: { team: 'shop' } }, identity: { tag: 'service' } }],
  secrets: [{ name: SECRET, consumers: [{ name: WORKER, cacheSeconds: 60, regions: [HUB_REGION] }] }],
  tables: [{ name: TABLE, apply: true, dedupe: { key: 'order', keep: 'oldest', by: 'at' } }],
  deadlineSeconds: DEADLINE_SECONDS,
};

/** Functions, a secret and a table of a user, to be watched. */
export class Shop {
  readonly #functions = new DeployedFunctions();
  readonly #secrets = new DeployedSecrets();
  readonly #tables = new DeployedTables(HUB_REGION);
  readonly #installation: Installation;

  constructor(installation: Installation) {
    this.#installation = installation;
  }

  /** Brings a release to one region, and nobody tells of it. */
  async place(service: Service, region: Region, release: number): Promise<void> {
    const name = nameOf(service, region);
    await this.#functions.deploy(region, name, {
      environment: {
        RELEASE: `build-${release}`,
        ORDERS_TABLE: `arn:aws:dynamodb:${region}:${EMULATED_ACCOUNT}:table/orders`,
        ...(release > 1 && { FEATURE_X: 'on' }),
      },
      tags: { team: 'shop', service },
    });
    await this.#functions.settled(region, name);
  }

  /** Brings a release to one region, and tells of it as CloudFormation does. */
  async deploy(service: Service, region: Region, release: number): Promise<void> {
    await this.place(service, region, release);
    await this.#installation.tell(region, functionUpdated(STACK, service, nameOf(service, region), region));
  }

  /** Makes the secret, and the worker, which loads it. */
  async openDatabase(): Promise<void> {
    const [, ...others] = REGIONS;
    await this.#secrets.create(HUB_REGION, SECRET, randomUUID(), others);
    await this.#functions.deploy(HUB_REGION, WORKER, {
      code: await bundled('local/consumer.ts'),
      environment: { SECRET_NAME: SECRET, CACHE_SECONDS: String(WORKER_CACHE_SECONDS) },
      timeoutSeconds: 10,
    });
    await this.#functions.settled(HUB_REGION, WORKER);
    await this.work();
  }

  /** Makes the table, whose removals can be taken back. */
  async openOrders(): Promise<void> {
    await this.#tables.create(TABLE, { key: 'id', items: orders(), hasPointInTimeRecovery: true });
  }

  /** The worker uses the secret once: the version that it keeps, or the current one. */
  async work(): Promise<void> {
    await this.#functions.invoke(HUB_REGION, WORKER);
  }

  /** Gives the secret a new value. Secrets Manager tells of it by itself. @returns the id of the version */
  async rotate(): Promise<string> {
    return this.#secrets.rotate(HUB_REGION, SECRET, randomUUID());
  }
}

/** As CloudFormation names functions: with an ending of their own in each region. */
function nameOf(service: Service, region: Region): string {
  return `${STACK}-${service}-${region.replaceAll('-', '').toUpperCase()}`;
}

/** A process wrote some of them again, a little later, under another key. */
function orders(): object[] {
  const order = (number: number, copy: number) => ({
    id: { S: randomUUID() },
    order: { S: `A-${String(number).padStart(5, '0')}` },
    cents: { N: String(500 + ((number * 37) % 20_000)) },
    at: { S: new Date(OPENED + number * BETWEEN_MS + copy * AGAIN_MS).toISOString() },
  });
  const originals = Array.from({ length: ORDERS - DOUBLES }, (_, number) => order(number, 0));
  const spread = Math.floor(originals.length / DOUBLES);
  return [...originals, ...Array.from({ length: DOUBLES }, (_, double) => order(double * spread, 1))];
}
