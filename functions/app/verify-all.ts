import type { ParsedConfig } from '../contract/config.ts';
import type { Finding } from '../contract/report.ts';
import type { SubjectState } from '../core/episode.ts';
import type { PlaceId } from '../core/place.ts';
import { scopeOfConfig } from './scope.ts';
import { statesOf } from './settle.ts';
import { type Cursors, turnOf } from './survey.ts';
import { distinct, reasonsIn, type Swept } from './swept.ts';
import { doubtedIn, type Subject, type VerifyPorts, verify } from './verify.ts';

/** How far a sweep is to go, and where to begin. */
interface Course {
  /** Where the one before it has stopped, among what is critical and among the others. */
  readonly from: Cursors;
  /** Until when what is critical is read if it takes too long, in epoch milliseconds. */
  readonly firstUntil: number;
}

/** What a sweep of critical functions alone comes to. */
export interface SweptCritical extends Pick<Swept, 'standings' | 'errors' | 'criticalFrom'> {
  /** Whether all of them were found; else nothing is said of those that were not. */
  readonly isWhole: boolean;
}

/** Looks at functions of groups that are critical, and at no others. @param from Where to begin, as the last one said. */
export async function verifyCritical(
  ports: VerifyPorts,
  config: ParsedConfig,
  from: string | undefined,
): Promise<SweptCritical> {
  const last = config.functions.findLastIndex(isCritical);
  const { groups, ...scope } = scopeOfConfig(config, {});
  const order = { isWanted: isCritical, isFirst: isCritical, from: { first: from } };
  // groups after the last one take no functions from it
  const taken = await verify(ports, config, {
    scope: { ...scope, groups: groups.slice(0, last + 1), order },
  });
  const { seen, standings, left, errors } = taken;
  return { standings, errors, isWhole: seen.refusals.length === 0, criticalFrom: nextTurn([...left], from) };
}

/**
 * Looks at all functions, whether or not an event told: first at those that are critical, then at the others, each from where the last
 * sweep stopped. Ends episodes of what is not watched any more. What could not be read since time was up stays as it was.
 */
export async function verifyAll(
  ports: VerifyPorts,
  config: ParsedConfig,
  { from, firstUntil }: Course,
): Promise<Swept> {
  const known = await statesOf(ports.ledger);
  const doubted = doubtedIn([...known.values()].flatMap((state) => state ?? []));
  const order = { isFirst: isCritical, firstUntil, from, doubted };
  const taken = await verify(ports, config, { scope: { ...scopeOfConfig(config, {}), order }, known });
  const { seen, standings, errors } = taken;
  const left = [...taken.left];
  const subjects = seen.subjects.filter((subject) => !taken.left.has(subject));
  const unread = subjects.map(({ findings }) => findings.filter(isUnread));
  const refused = new Set<string>(seen.refusals.map(({ replica }) => replica));
  const seenIn = new Set<string>(seen.subjects.flatMap((subject) => subject.seenIn));
  const names = new Set(seen.subjects.map(({ subject }) => subject));
  const notSeen = [...known.keys()].filter((name) => !names.has(name));
  const hidden = refused.size === 0 ? [] : notSeen.flatMap((name) => replicasKnown(known.get(name)));
  return {
    standings,
    errors,
    expected: sum(seen.subjects.map(({ expectedIn }) => expectedIn.length)) + hidden.length,
    read: sum(subjects.map(({ expectedIn, findings }) => expectedIn.length - unreadOf(expectedIn, findings))),
    unread: distinct([
      ...seen.refusals.map((each) => ({ ...each, ...(!seenIn.has(each.replica) && { isWhole: true }) })),
      ...reasonsIn(unread.flat().filter(({ replica }) => !refused.has(replica))),
    ]),
    unreadReplicas: Math.max(refused.size, sum(unread.map(replicasIn))),
    unreadSubjects: subjects.filter(({ findings }) => findings.some(isUnread)).map(({ subject }) => subject),
    left: left.length,
    from: nextTurn(
      left.filter((subject) => !isCritical(subject.seen.group)),
      from.others,
    ),
    criticalFrom: nextTurn(
      left.filter((subject) => isCritical(subject.seen.group)),
      from.first,
    ),
    isSlow: seen.refusals.some(({ refusal }) => refusal.code === 'NOT_READ'),
  };
}

function isCritical({ critical }: { readonly critical: boolean }): boolean {
  return critical;
}

function isUnread({ kind }: Finding): boolean {
  return kind === 'unobservable';
}

/** Where the next sweep begins: with the first of those that this one left, in its own order. */
function nextTurn(left: readonly Subject[], from = ''): string | undefined {
  const turns = left.map(({ seen: { group, name } }) => turnOf(group, name)).sort();
  return turns.find((turn) => turn >= from) ?? turns[0];
}

function unreadOf(expectedIn: readonly PlaceId[], findings: readonly Finding[]): number {
  return new Set(
    findings
      .filter((finding) => isUnread(finding) && expectedIn.includes(finding.replica as PlaceId))
      .map(({ replica }) => replica),
  ).size;
}

function replicasKnown(state: SubjectState | undefined): readonly string[] {
  return Object.keys(state?.open?.roots ?? state?.agreed?.roots ?? {});
}

function replicasIn(findings: readonly Finding[]): number {
  return new Set(findings.map(({ replica }) => replica)).size;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
