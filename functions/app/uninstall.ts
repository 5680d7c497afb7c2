import pMap from 'p-map';
import type { ParsedConfig } from '../contract/config.ts';
import { DEPLOYED, QUARANTINE, SPILLS } from '../contract/deployment.ts';
import type { Refusal } from '../contract/report.ts';
import { RecohereError, RefusedError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectStore, ObjectStores } from '../ports/object-store.ts';
import type { Stack, StackResource, Stacks } from '../ports/stacks.ts';
import { type DeployedPlace, deployedPlaces, type StackKind } from './deployed-places.ts';

export interface UninstallPorts {
  readonly stacks: Stacks;
  readonly objects: ObjectStores;
  readonly clock: Clock;
}

/** A stack of the caller's account that is there. */
export interface InstalledStack {
  readonly kind: StackKind;
  readonly name: string;
  readonly region: string;
  readonly status: string;
  readonly isProtected: boolean;
  /** How many resources go with it, by their type. */
  readonly goes: Readonly<Record<string, number>>;
  readonly retained: readonly Omit<StackResource, 'isRetained'>[];
}

/** A bucket beside tables that is there. */
export interface InstalledBucket {
  readonly name: string;
  readonly region: string;
  readonly account: string;
  /** Ids of the runs whose removed items are in it; `null` if these credentials may not see it. */
  readonly quarantined: readonly string[] | null;
}

/** What is to be in another account than the caller's, by the config; whether it is, nobody sees from here. */
interface Elsewhere {
  readonly account: string;
  readonly region: string;
  readonly stacks: readonly string[];
}

/** What is deployed of one installation, as far as one account's credentials can see. */
export interface Installed {
  readonly prefix: string;
  readonly account: string;
  readonly stacks: readonly InstalledStack[];
  readonly buckets: readonly InstalledBucket[];
  readonly elsewhere: readonly Elsewhere[];
  /** Stacks that have a name of ours, and were made by somebody else: nothing is done to them. */
  readonly foreign: readonly { readonly region: string; readonly name: string }[];
  readonly unread: readonly { readonly region: string; readonly refusal: Refusal }[];
}

/** Why a stack was not deleted. */
interface Undeleted {
  readonly stack: InstalledStack;
  /** In words of CloudFormation's own, unescaped, or in ours; empty if it was refused. */
  readonly reasons: readonly string[];
  readonly refusal?: Refusal;
}

export interface Uninstalled {
  readonly deleted: readonly InstalledStack[];
  readonly failed: readonly Undeleted[];
  /** Not tried, since something failed that goes before. */
  readonly untried: readonly InstalledStack[];
}

type Show = (done: number, of: number) => void;

/**
 * Who sends goes before who is sent to, so that nothing is sent to what is not there. But the hub is the last: should something be
 * quarantined meanwhile, CloudFormation refuses to delete its bucket, and the hub is still there to put it back.
 */
const ORDER = ['monitoring', 'region', 'data', 'hub'] as const satisfies readonly StackKind[];

const AT_ONCE = 5;
const REMOVALS_AT_ONCE = 20;
const POLL_MS = 2_000;
/** Of one stack. Functions that stand in no network of the user's go within minutes. */
const DELETION_MS_MAX = 30 * 60_000;

/**
 * Looks at all stacks of an installation, and at the buckets beside its tables; changes nothing.
 * @param account The caller's.
 */
export async function lookInstalled(
  { stacks, objects }: Omit<UninstallPorts, 'clock'>,
  config: ParsedConfig,
  account: string,
  show: Show,
): Promise<Installed> {
  const { prefix } = config;
  const places = deployedPlaces(config);
  const found: InstalledStack[] = [];
  const buckets: InstalledBucket[] = [];
  const elsewhere: Elsewhere[] = [];
  const foreign: { region: string; name: string }[] = [];
  const unread: { region: string; refusal: Refusal }[] = [];
  let done = 0;

  async function look({ region, account: owner = account, stacks: wanted }: DeployedPlace): Promise<void> {
    const isOwn = owner === account;
    // what the config no longer names is there until somebody deletes it
    const kinds: StackKind[] = isOwn ? [...new Set([...wanted, 'region', 'data'] as const)] : [...wanted];
    for (const kind of isOwn ? kinds : []) {
      const name = DEPLOYED.stack(prefix, kind);
      const stack = await stacks.read(region, name);
      if (stack?.isOurs) found.push({ kind, name, region, ...stackOf(stack) });
      else if (stack) foreign.push({ region, name });
    }
    if (!isOwn) {
      elsewhere.push({ account: owner, region, stacks: kinds.map((kind) => DEPLOYED.stack(prefix, kind)) });
    }
    if (!kinds.includes('data')) return;
    const name = DEPLOYED.bucket(prefix, owner, region);
    const bucket = { name, region, account: owner };
    const quarantined = await runsIn(objects({ name, region, account: owner }), isOwn);
    if (quarantined !== 'no bucket') buckets.push({ ...bucket, quarantined });
  }

  await pMap(
    places,
    async (place) => {
      try {
        await look(place);
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        unread.push({ region: place.region, refusal: error.refusal });
      }
      show(++done, places.length);
    },
    { concurrency: AT_ONCE },
  );
  const stacksInOrder = ORDER.flatMap((kind) => found.filter((stack) => stack.kind === kind));
  return { prefix, account, stacks: stacksInOrder, buckets, elsewhere, foreign, unread };
}

function stackOf({ status, isProtected, resources }: Stack) {
  const goes: Record<string, number> = {};
  for (const { type } of resources.filter(({ isRetained }) => !isRetained))
    goes[type] = (goes[type] ?? 0) + 1;
  const retained = resources.flatMap(({ isRetained, type, name }) => (isRetained ? [{ type, name }] : []));
  return { status, isProtected, goes, retained };
}

/** Whose removed items a bucket has. S3 tells everybody that a bucket is not there, and of those of others no more than that it is. */
async function runsIn(
  bucket: ObjectStore,
  isOwn: boolean,
): Promise<InstalledBucket['quarantined'] | 'no bucket'> {
  const runs = new Set<string>();
  try {
    for await (const name of bucket.list(QUARANTINE.prefix)) {
      runs.add(name.slice(QUARANTINE.prefix.length).split('/', 1).join());
    }
  } catch (error) {
    if (error instanceof RecohereError && error.code === 'NO_SUCH_BUCKET') return 'no bucket';
    const isDenied = error instanceof RefusedError && error.refusal.code === 'ACCESS_DENIED';
    if (isDenied && !isOwn) return null;
    throw error;
  }
  return [...runs].sort();
}

/** Buckets because of which nothing is deleted, unless it is told that they may stay: with the hub goes the only way to put items back. */
export function quarantinesIn({ stacks, buckets }: Installed): readonly InstalledBucket[] {
  const hasHub = stacks.some(({ kind }) => kind === 'hub');
  return buckets.filter(({ quarantined }) => (quarantined === null ? hasHub : quarantined.length > 0));
}

/** The stacks that go; that of a bucket with removed items stays. */
export function goingOf(installed: Installed): readonly InstalledStack[] {
  const kept = quarantinesIn(installed).filter(({ account }) => account === installed.account);
  return installed.stacks.filter(
    ({ kind, region }) => kind !== 'data' || !kept.some((bucket) => bucket.region === region),
  );
}

/** A stack that CloudFormation would not begin to delete. */
export function isBusy({ status }: Pick<InstalledStack, 'status'>): boolean {
  return status.endsWith('_IN_PROGRESS') && !/^(DELETE|REVIEW)_/.test(status);
}

/**
 * Deletes {@link goingOf} what was found, one kind of stack after the other, and what runs wrote down in buckets that go. It can be done
 * again.
 */
export async function uninstall(
  ports: UninstallPorts,
  installed: Installed,
  show: Show,
): Promise<Uninstalled> {
  const going = goingOf(installed);
  const deleted: InstalledStack[] = [];
  const failed: Undeleted[] = [];
  for (const kind of ORDER) {
    if (failed.length > 0) break;
    const group = going.filter((stack) => stack.kind === kind);
    await pMap(
      group,
      async (stack) => {
        const why = await deletionOf(ports, installed, stack);
        if (why) failed.push({ stack, ...why });
        else deleted.push(stack);
        show(deleted.length + failed.length, going.length);
      },
      { concurrency: AT_ONCE },
    );
  }
  const tried = [...deleted, ...failed.map(({ stack }) => stack)];
  return { deleted, failed, untried: going.filter((stack) => !tried.includes(stack)) };
}

/** `undefined` once the stack is gone. */
async function deletionOf(
  { stacks, objects, clock }: UninstallPorts,
  { prefix, account }: Installed,
  { kind, name, region }: InstalledStack,
): Promise<Omit<Undeleted, 'stack'> | undefined> {
  const deadline = clock.now() + DELETION_MS_MAX;
  try {
    if (kind === 'data') {
      await emptySpills(objects({ name: DEPLOYED.bucket(prefix, account, region), region, account }));
    }
    await stacks.remove(region, name);
    for (;;) {
      await clock.sleep(POLL_MS); // also lest the failure of an earlier deletion is taken for that of this one
      const isOver = clock.now() >= deadline;
      const deletion = await stacks.deletion(region, name).catch((error: unknown) => {
        if (isOver || !(error instanceof RefusedError) || !error.retryable) throw error;
        return 'not known' as const;
      });
      if (deletion === undefined) return undefined;
      if (deletion === 'not known') continue;
      if (deletion.status === 'DELETE_FAILED') return { reasons: deletion.reasons };
      if (isOver) return { reasons: [`is still there: ${deletion.status}`] };
    }
  } catch (error) {
    if (error instanceof RefusedError) return { reasons: [], refusal: error.refusal };
    throw error;
  }
}

/** Without what runs wrote down, a bucket is empty, and CloudFormation deletes it. */
async function emptySpills(bucket: ObjectStore): Promise<void> {
  try {
    const names = bucket.list(SPILLS.prefix);
    await pMap(names, (name) => bucket.remove(name), { concurrency: REMOVALS_AT_ONCE });
  } catch (error) {
    if (!(error instanceof RecohereError) || error.code !== 'NO_SUCH_BUCKET') throw error;
  }
}
