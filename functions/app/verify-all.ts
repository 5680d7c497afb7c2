import type { ParsedConfig } from '../contract/config.ts';
import type { Finding } from '../contract/report.ts';
import type { SubjectState } from '../core/episode.ts';
import type { PlaceId } from '../core/place.ts';
import type { LookScope } from './look.ts';
import { scopeOfConfig } from './scope.ts';
import { statesOf } from './settle.ts';
import { turnOf } from './survey.ts';
import type { Swept, Unread } from './swept.ts';
import { type Subject, type VerifyPorts, verify } from './verify.ts';

/** Looks at functions of groups that are critical, and at no others. */
export async function verifyCritical(
  ports: VerifyPorts,
  config: ParsedConfig,
): Promise<Pick<Swept, 'standings' | 'errors'>> {
  const last = config.functions.findLastIndex(({ critical }) => critical);
  const { groups, ...scope } = scopeOfConfig(config, {});
  const order = { isWanted: isCritical };
  // groups after the last one take no functions from it
  return verify(ports, config, { scope: { ...scope, groups: groups.slice(0, last + 1), order } });
}

/**
 * Looks at all functions, whether or not an event told: first at those that are critical, then at the others from where the last sweep
 * stopped. Ends episodes of what is not watched any more. What could not be read since time was up stays as it was.
 * @param from Where to begin, as the last one said.
 */
export async function verifyAll(
  ports: VerifyPorts,
  config: ParsedConfig,
  from: string | undefined,
): Promise<Swept> {
  const known = await statesOf(ports.ledger);
  const order = {
    isFirst: isCritical,
    from,
    doubted: doubtedIn([...known.values()].flatMap((state) => state ?? [])),
  };
  const taken = await verify(ports, config, { scope: { ...scopeOfConfig(config, {}), order }, known });
  const { seen, left, standings, errors } = taken;
  const subjects = seen.subjects.filter((subject) => !left.has(subject));
  const unread = subjects.map(({ findings }) => findings.filter(isUnread));
  const refusals = seen.refusals.filter(({ refusal }) => refusal.code !== 'NOT_READ');
  const refused = new Set<string>(refusals.map(({ replica }) => replica));
  const names = new Set(seen.subjects.map(({ subject }) => subject));
  const notSeen = [...known.keys()].filter((name) => !names.has(name));
  const hidden = seen.refusals.length === 0 ? [] : notSeen.flatMap((name) => replicasKnown(known.get(name)));
  return {
    standings,
    errors,
    expected: sum(seen.subjects.map(({ expectedIn }) => expectedIn.length)) + hidden.length,
    read: sum(subjects.map(({ expectedIn, findings }) => expectedIn.length - unreadOf(expectedIn, findings))),
    unread: distinct([
      ...refusals.map((each) => ({ ...each, isWhole: true })),
      ...unread
        .flat()
        .filter(({ replica }) => !refused.has(replica))
        .flatMap(reasonOf),
    ]),
    unreadReplicas: Math.max(refused.size, sum(unread.map(replicasIn))),
    unreadSubjects: subjects.filter(({ findings }) => findings.some(isUnread)).map(({ subject }) => subject),
    left: left.size,
    from: nextTurn([...left], from),
    isSlow: refusals.length < seen.refusals.length,
  };
}

function isCritical({ critical }: LookScope['groups'][number]): boolean {
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

/** Replicas whose last look saw an update under way or failed, which lists do not show. */
function doubtedIn(states: readonly SubjectState[]): ReadonlySet<string> {
  return new Set(
    states.flatMap(({ subject, open }) =>
      (open?.findings ?? [])
        .filter(({ facet, kind }) => facet === 'replica' && (kind === 'unsettled' || kind === 'failed'))
        .map(({ replica }) => `${replica} ${subject}`),
    ),
  );
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

function reasonOf(finding: Finding): Unread[] {
  return finding.kind === 'unobservable' ? [{ replica: finding.replica, refusal: finding.refusal }] : [];
}

function distinct(unread: readonly Unread[]): Unread[] {
  return [...new Map(unread.map((each) => [JSON.stringify(each), each])).values()];
}

function replicasIn(findings: readonly Finding[]): number {
  return new Set(findings.map(({ replica }) => replica)).size;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
