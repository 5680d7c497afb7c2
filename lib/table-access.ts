import { Aws } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { ParsedConfig } from '../functions/contract/config.ts';
import { DEPLOYED } from '../functions/contract/deployment.ts';
import {
  BUCKET_ACTIONS,
  OBJECT_ACTIONS,
  TABLE_LOOK_ACTIONS,
  TABLE_PUT_ACTIONS,
  TABLE_READ_ACTIONS,
  TABLE_REMOVE_ACTIONS,
} from './permissions.ts';

/** An account and region with tables that runs work on, by their names. */
export interface DataPlace {
  readonly prefix: string;
  /** `undefined` for the hub's own, if the config does not name it. */
  readonly account: string | undefined;
  /** Whether the hub is in the account, and so works there with the roles of its own functions. */
  readonly isHub: boolean;
  readonly region: string;
  /** Whether its stack makes the role that the hub works with: roles are global, so the first of each account does. */
  readonly makesRole: boolean;
  readonly tables: readonly string[];
  /** Tables that runs may write items to, */
  readonly put: readonly string[];
  /** and from which they may remove some. */
  readonly remove: readonly string[];
}

/** What a role may do in the places of an account: all that runs take, or what a request needs that begins, tells of or forgets one. */
export type DataAccess = 'work' | 'tell';

/**
 * Characters of the ARNs of one account. The policies of a role may have 10,240 in all, of which some 3,000 are for the rest. Enough for
 * 30 tables with names of 20 characters from which items may be removed.
 */
const ARNS_CHARACTERS_MAX = 7_000;

/** The places of a config, in its order. */
export function dataPlacesOf({ prefix, hub, tables }: ParsedConfig): DataPlace[] {
  const places = new Map<string, { account: string | undefined; region: string; tables: typeof tables }>();
  for (const table of tables) {
    const { account = hub.account, region = hub.region } = table;
    const id = JSON.stringify([account, region]);
    places.set(id, { account, region, tables: [...(places.get(id)?.tables ?? []), table] });
  }
  const all = [...places.values()];
  return all.map((place, position) => {
    const isHub = place.account === hub.account;
    const applied = place.tables.filter(({ apply }) => apply);
    const targetsOf = (of: typeof tables) => of.flatMap(({ backfill }) => backfill?.to ?? []);
    const deduped = applied.filter(({ dedupe }) => dedupe).map(({ name }) => name);
    return {
      prefix,
      account: place.account,
      isHub,
      region: place.region,
      makesRole: !isHub && all.findIndex(({ account }) => account === place.account) === position,
      tables: unique([...place.tables.map(({ name }) => name), ...targetsOf(place.tables)]),
      put: unique([...deduped, ...targetsOf(applied)]),
      remove: unique(deduped),
    };
  });
}

/** What a policy has no room for. */
export function tableMistakes(places: readonly DataPlace[]): string[] {
  return unique(places.map(({ account }) => account)).flatMap((account) => {
    const own = places.filter((place) => place.account === account);
    const arns = own.flatMap((place) =>
      [...place.tables, ...place.put, ...place.remove].map(
        (table) => `arn:aws-us-gov:dynamodb:${place.region}:${'0'.repeat(12)}:table/${table}`,
      ),
    );
    if (JSON.stringify(arns).length <= ARNS_CHARACTERS_MAX) return [];
    const owner = account === undefined ? 'the account of the hub' : `account ${account}`;
    return [
      `tables: ${owner} has more tables than a policy has room for: let another installation have some`,
    ];
  });
}

/** Lets a role do its part in some places of one account. */
export function dataStatements(places: readonly DataPlace[], access: DataAccess): PolicyStatement[] {
  const isWork = access === 'work';
  return places.flatMap((place) => {
    const bucket = bucketArn(place);
    const allow = (actions: readonly string[], resources: readonly string[]) =>
      resources.length === 0
        ? []
        : [new PolicyStatement({ actions: [...actions], resources: [...resources] })];
    const arns = (names: readonly string[]) => names.map((name) => tableArn(place, name));
    return [
      ...allow([...TABLE_LOOK_ACTIONS, ...(isWork ? TABLE_READ_ACTIONS : [])], arns(place.tables)),
      ...allow(TABLE_PUT_ACTIONS, arns(place.put)),
      ...allow(TABLE_REMOVE_ACTIONS, arns(place.remove)),
      ...allow(OBJECT_ACTIONS[access], [`${bucket}/*`]),
      ...allow(BUCKET_ACTIONS, [bucket]),
    ];
  });
}

/** The bucket of a place. */
export function bucketName({ prefix, account = Aws.ACCOUNT_ID, region }: DataPlace): string {
  return DEPLOYED.bucket(prefix, account, region);
}

function bucketArn(place: DataPlace): string {
  return `arn:${Aws.PARTITION}:s3:::${bucketName(place)}`;
}

function tableArn({ account = Aws.ACCOUNT_ID, region }: DataPlace, name: string): string {
  return `arn:${Aws.PARTITION}:dynamodb:${region}:${account}:table/${name}`;
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
