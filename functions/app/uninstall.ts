import pMap from 'p-map';
import type { ParsedConfig } from '../contract/config.ts';
import { DEPLOYED, QUARANTINE, SPILLS } from '../contract/deployment.ts';
import type { Refusal } from '../contract/report.ts';
import { RecohereError, RefusedError } from '../core/errors.ts';
import type { BusRule } from '../ports/bus-rules.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectStore, ObjectStores } from '../ports/object-store.ts';
import type { RegionSource } from '../ports/region-source.ts';
import type { Stack, StackResource, Stacks } from '../ports/stacks.ts';
import { findRegions } from './account-scope.ts';
import { type DeployedPlace, deployedPlaces, partMadeBy, type StackKind } from './deployed-places.ts';

interface UninstallPorts {
  readonly stacks: Stacks;
  readonly objects: ObjectStores;
  readonly regions: RegionSource;
  /** Ids of the runs on which executions of a state machine work now. @throws RefusedError */
  readonly runsAtWork: (region: string, stateMachineArn: string) => Promise<readonly string[]>;
  /** All rules on a bus. @throws RefusedError */
  readonly rulesOn: (region: string, bus: string) => Promise<readonly BusRule[]>;
  readonly clock: Clock;
}

type Looking = Omit<UninstallPorts, 'clock'>;
type Deleting = Pick<UninstallPorts, 'stacks' | 'objects' | 'clock'>;

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

/** A bucket beside tables that is there, or, in another account, may be. */
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
  /** The hub's account, if it is another one: what is named like the hub's roles there, roles of these stacks trust. */
  readonly trusts?: string;
}

/** A stack to which nothing is done. */
export interface ForeignStack {
  readonly region: string;
  readonly name: string;
  /**
   * It has a name of ours and is not as ours are; or it is of a hub in another account, or, with a bucket, does not say of which; or
   * something else has made ours.
   */
  readonly why: 'not ours' | 'other hub' | 'any hub' | 'other name';
}

interface ForeignRule extends BusRule {
  readonly region: string;
  readonly bus: string;
}

/** What is deployed of one installation, as far as one account's credentials can see. */
export interface Installed {
  readonly prefix: string;
  readonly account: string;
  readonly stacks: readonly InstalledStack[];
  readonly buckets: readonly InstalledBucket[];
  /** Ids of the runs on which the hub works now. */
  readonly atWork: readonly string[];
  /** Rules that others have put on the hub's bus. EventBridge deletes no bus that has rules. */
  readonly foreignRules: readonly ForeignRule[];
  /** Whether this is the hub's account, and no hub is left that could put items back. */
  readonly isHubGone: boolean;
  /** Whose accounts may have stacks of regions although the config does not name them. */
  readonly organization?: string;
  readonly elsewhere: readonly Elsewhere[];
  readonly foreign: readonly ForeignStack[];
  readonly unread: readonly { readonly region: string; readonly refusal: Refusal }[];
  /** Regions that the config does not name, and in which nobody could look for more; without a region, all of them. */
  readonly unsearched: readonly { readonly region?: string; readonly refusal: Refusal }[];
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
 * quarantined meanwhile, CloudFormation refuses to delete its bucket, and the hub is still there to put it back. Stacks of another account
 * go by a command of their own, which does not see what the hub does.
 */
const ORDER = ['monitoring', 'region', 'data', 'hub'] as const satisfies readonly StackKind[];

const AT_ONCE = 5;
const REMOVALS_AT_ONCE = 20;
const POLL_MS = 2_000;
/** Of one try with a stack. Functions that stand in no network of the user's go within minutes. */
const DELETION_MS_MAX = 30 * 60_000;

/** States of a stack that has all of its parts. */
const WHOLE = ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE'];

/**
 * Looks at all stacks of an installation, and at the buckets beside its tables; changes nothing. It looks in all regions of the caller's
 * account, since what the config does not name any more is there until somebody deletes it.
 * @param account The caller's.
 */
export async function lookInstalled(
  { stacks, objects, regions, runsAtWork, rulesOn }: Looking,
  config: ParsedConfig,
  account: string,
  show: Show,
): Promise<Installed> {
  const { prefix, hub } = config;
  const hubAccount = hub.account ?? account;
  const isHubs = hubAccount === account;
  const kinds = ORDER.filter((kind) => isHubs || kind === 'region' || kind === 'data');
  const named = deployedPlaces(config);
  const enabled = await findRegions(regions);
  const others = ('regions' in enabled ? enabled.regions : [])
    .filter((region) => !named.some((place) => place.region === region && isOwn(place)))
    .map((region) => ({ region, account, stacks: [] }));
  const places = [...named, ...others];
  const found: InstalledStack[] = [];
  const buckets: InstalledBucket[] = [];
  const atWork: string[] = [];
  const foreignRules: ForeignRule[] = [];
  const elsewhere: Elsewhere[] = [];
  const foreign: ForeignStack[] = [];
  const unread: { region: string; refusal: Refusal }[] = [];
  const unsearched: { region?: string; refusal: Refusal }[] =
    'refusal' in enabled ? [{ refusal: enabled.refusal }] : [];
  let done = 0;

  function isOwn(place: DeployedPlace): boolean {
    return (place.account ?? account) === account;
  }

  async function lookForStack(kind: StackKind, { region, stacks: wanted }: DeployedPlace): Promise<void> {
    const name = DEPLOYED.stack(prefix, kind);
    const part = partMadeBy(kind, prefix, account, region);
    const stack = await stacks.read(region, name);
    if (stack === undefined) {
      if (!wanted.includes(kind)) return;
      const other = await stacks.ownerOf(region, part);
      if (other !== undefined) leaveAlone({ region, name: other, why: 'other name' });
      return;
    }
    const isOurs = stack.isOurs && (!WHOLE.includes(stack.status) || hasNamed(stack, part));
    if (!isOurs) leaveAlone({ region, name, why: 'not ours' });
    else if (!isOfHub(kind, stack, wanted)) {
      const isTold = kind !== 'data' || stack.hubAccount !== undefined;
      leaveAlone({ region, name, why: isTold ? 'other hub' : 'any hub' });
    } else {
      found.push({ kind, name, region, ...stackOf(stack) });
      for (const { type, name: id } of stack.resources) {
        if (type === 'AWS::StepFunctions::StateMachine') atWork.push(...(await runsAtWork(region, id)));
        if (type !== 'AWS::Events::EventBus') continue;
        const others = (await rulesOn(region, id)).filter(
          (rule) => !hasNamed(stack, rule.name, `${id}|${rule.name}`),
        );
        foreignRules.push(...others.map((rule) => ({ region, bus: id, ...rule })));
      }
    }
  }

  /** Hubs of two accounts may have one prefix; those of one account not, since roles are global. */
  function isOfHub(kind: StackKind, stack: Stack, wanted: readonly StackKind[]): boolean {
    if (kind === 'region') return (stack.hubAccount ?? account) === hubAccount;
    if (kind !== 'data') return isHubs;
    // one of an older release, or that was never whole, does not say it
    return stack.hubAccount === undefined ? wanted.includes('data') : stack.hubAccount === hubAccount;
  }

  function leaveAlone(stack: ForeignStack): void {
    const isTold = foreign.some(({ region, name }) => region === stack.region && name === stack.name);
    if (!isTold) foreign.push(stack);
  }

  async function look(place: DeployedPlace): Promise<void> {
    const { region, account: owner = account, stacks: wanted } = place;
    const isNamed = wanted.length > 0;
    if (isOwn(place)) {
      for (const kind of kinds) await lookForStack(kind, place);
    } else {
      const names = wanted.map((kind) => DEPLOYED.stack(prefix, kind));
      const trusts = owner === hubAccount ? {} : { trusts: hubAccount };
      elsewhere.push({ account: owner, region, stacks: names, ...trusts });
    }
    const data = DEPLOYED.stack(prefix, 'data');
    const isData = (stack: { region: string; name: string }) =>
      stack.region === region && stack.name === data;
    const leftFor = foreign.find(isData)?.why;
    const hasData = found.some(isData) || leftFor === 'any hub';
    if (isOwn(place) && leftFor === 'other hub') return; // this hub never puts back what is in its bucket
    // what is elsewhere matters where the hub goes; other accounts may not even have enabled that region
    if (isOwn(place) ? !isNamed && !hasData : !isHubs || !wanted.includes('data')) return;
    const bucket = { name: DEPLOYED.bucket(prefix, owner, region), region, account: owner };
    const quarantined = await runsIn(objects(bucket), isOwn(place));
    if (quarantined !== 'no bucket') buckets.push({ ...bucket, quarantined });
  }

  await pMap(
    places,
    async (place) => {
      const { region, stacks: wanted } = place;
      try {
        await look(place);
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        const { refusal } = error;
        // many accounts may use but a few of their regions; a later call is about something that is there
        const isUnsearched = wanted.length === 0 && refusal.call === 'cloudformation:DescribeStacks';
        (isUnsearched ? unsearched : unread).push({ region, refusal });
      }
      show(++done, places.length);
    },
    { concurrency: AT_ONCE },
  );
  const inOrder = ORDER.flatMap((kind) => found.filter((stack) => stack.kind === kind));
  // what is foreign there, or not read, may be the hub
  const isUnclear = [...foreign, ...unread].some(({ region }) => region === hub.region);
  const isHubGone = isHubs && !isUnclear && !found.some(({ kind }) => kind === 'hub');
  return {
    prefix,
    account,
    stacks: inOrder,
    buckets,
    atWork,
    foreignRules,
    isHubGone,
    ...(hub.organization !== undefined && { organization: hub.organization }),
    elsewhere,
    foreign,
    unread,
    unsearched,
  };
}

function hasNamed({ resources }: Stack, ...ids: readonly string[]): boolean {
  return resources.some(({ name }) => ids.includes(name));
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
    // by whatever name: S3 has others where the own account has not enabled the region, and then nothing mends it
    if (!isOwn && error instanceof RefusedError && !error.retryable) return null;
    throw error;
  }
  return [...runs].sort();
}

/** Buckets because of which nothing is deleted, unless it is told that they may stay: with the hub goes the only way to put items back. */
export function quarantinesIn({ stacks, buckets }: Installed): readonly InstalledBucket[] {
  const hasHub = stacks.some(({ kind }) => kind === 'hub');
  return buckets.filter(({ quarantined }) => (quarantined === null ? hasHub : quarantined.length > 0));
}

/** The stacks that go; that of a bucket with removed items stays, and that with the role that gets to them. */
export function goingOf(installed: Installed): readonly InstalledStack[] {
  const kept = quarantinesIn(installed).filter(({ account }) => account === installed.account);
  return installed.stacks.filter(({ kind, region, goes }) => {
    const makesRole = goes['AWS::IAM::Role'] !== undefined; // of the account, for all its buckets
    return kind !== 'data' || !kept.some((bucket) => makesRole || bucket.region === region);
  });
}

/** A stack that CloudFormation would not begin to delete. */
export function isBusy({ status }: Pick<InstalledStack, 'status'>): boolean {
  return status.endsWith('_IN_PROGRESS') && !/^(DELETE|REVIEW)_/.test(status);
}

/**
 * Deletes {@link goingOf} what was found, one kind of stack after the other, and what runs wrote down in buckets that go. It can be done
 * again.
 */
export async function uninstall(ports: Deleting, installed: Installed, show: Show): Promise<Uninstalled> {
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
  ports: Deleting,
  installed: Installed,
  stack: InstalledStack,
  isAgain = false,
): Promise<Omit<Undeleted, 'stack'> | undefined> {
  const { stacks, objects, clock } = ports;
  const { prefix, account } = installed;
  const { kind, name, region } = stack;
  const deadline = clock.now() + DELETION_MS_MAX;
  try {
    const refusal = await stacks.remove(region, name);
    if (refusal !== undefined) return { reasons: [refusal] };
    if (kind === 'data') {
      // not before, lest plans are gone and nothing is uninstalled
      await emptySpills(objects({ name: DEPLOYED.bucket(prefix, account, region), region, account }));
    }
    for (;;) {
      await clock.sleep(POLL_MS); // also lest the failure of an earlier deletion is taken for that of this one
      const isOver = clock.now() >= deadline;
      const deletion = await stacks.deletion(region, name).catch((error: unknown) => {
        if (isOver || !(error instanceof RefusedError) || !error.retryable) throw error;
        return 'not known' as const;
      });
      if (deletion === undefined) return undefined;
      if (deletion === 'not known') continue;
      if (deletion.status === 'DELETE_FAILED') {
        if (kind !== 'data' || isAgain) return { reasons: deletion.reasons };
        return deletionOf(ports, installed, stack, true); // its bucket's turn may have come before that was empty
      }
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
