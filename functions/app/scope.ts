import type { ParsedConfig, Selection } from '../contract/config.ts';
import { DEPLOYED, partitionOf } from '../contract/deployment.ts';
import type { Place } from '../core/place.ts';
import type { LookScope } from './look.ts';
import { LOGICAL_ID_TAG, STACK_TAG } from './survey.ts';

/** What the flags of the command line ask for; each narrows what is looked at. */
export interface Narrowing extends Selection {
  readonly regions?: readonly string[] | undefined;
}

/**
 * The scope of a config. Regions choose among its replicas; one that it does not declare is taken in the caller's own
 * account. A group looks at what both its own selection and the flags select.
 */
export function scopeOfConfig(config: ParsedConfig, narrowing: Narrowing): LookScope {
  const { regions, ...select } = narrowing;
  const declared = placesOfConfig(config);
  const places =
    regions?.flatMap((region) => {
      const own = declared.filter((place) => place.region === region);
      return own.length > 0 ? own : [{ region }];
    }) ?? declared;
  return {
    places,
    primary: config.primary && placeOf(config, config.primary),
    groups: config.functions.map((group, position) => ({
      ...group,
      path: groupPath(position),
      select: [group.select, select],
    })),
    expected: 'everywhere',
    mustMatch: Object.values(narrowing).every((criterion) => criterion === undefined),
    pairByStack: false,
    deadlineSeconds: config.deadlineSeconds,
  };
}

/** The path of a group in the config. */
export function groupPath(position: number): string {
  return `functions[${position}]`;
}

/** Up to so many subjects are looked at one by one; beyond, the pages of all functions are fewer calls. */
const SUBJECTS_ONE_BY_ONE_MAX = 10;

/** How a look names a subject of which a group before has the name. Nothing but a look at all finds it. */
const OF_LATER_GROUP = / \(functions\[\d+\]\)$/;

/** The scope of a config, narrowed to subjects where that saves calls: it may hold others as well. */
export function scopeOfSubjects(config: ParsedConfig, subjects: readonly string[]): LookScope {
  const scope = scopeOfConfig(config, {});
  const isOfLaterGroup = (subject: string) => OF_LATER_GROUP.test(subject);
  if (subjects.length > SUBJECTS_ONE_BY_ONE_MAX || subjects.some(isOfLaterGroup)) return scope;
  const groups = scope.groups.flatMap((group) =>
    subjects
      .flatMap((subject) => selectionsOf(group, subject))
      .map((selection) => ({ ...group, select: [...group.select, selection] })),
  );
  return { ...scope, groups };
}

/** What selects the functions of one subject: its identity, and names that the config maps to it. */
function selectionsOf({ identity, names }: LookScope['groups'][number], subject: string): Selection[] {
  const odd = Object.entries(names)
    .filter(([, mapped]) => mapped === subject)
    .map(([name]) => ({ name }));
  if (identity === 'name') return [{ name: subject }, ...odd];
  if (identity !== 'stack+logicalId') return [{ tags: { [identity.tag]: subject } }, ...odd];
  const end = Math.max(0, subject.indexOf('/'));
  return [{ tags: { [STACK_TAG]: subject.slice(0, end), [LOGICAL_ID_TAG]: subject.slice(end + 1) } }, ...odd];
}

/** Where copies live, in the config's order. */
export function placesOfConfig(config: ParsedConfig): readonly Place[] {
  return config.replicas.map((replica) => placeOf(config, replica));
}

/**
 * Whether an account is the hub's or has replicas. On a bus that takes events of a whole organisation there are those of others too; what is
 * deployed then names the hub's account.
 */
export function isOfConfig({ hub, replicas }: ParsedConfig, account: string): boolean {
  return hub.account === undefined || [hub, ...replicas].some((each) => each.account === account);
}

type Replica = ParsedConfig['replicas'][number];

function placeOf(
  { prefix, hub }: ParsedConfig,
  { region, account = hub.account, role, externalId }: Replica,
): Place {
  if (account === hub.account) return { region, account };
  const roleArn = `arn:${partitionOf(region)}:iam::${account}:role/${role ?? DEPLOYED.readRole(prefix)}`;
  return { region, account, access: { roleArn, externalId } };
}
