import type { Facet, Finding } from '../contract/report.ts';

/** What one episode past its deadline alarms about. */
export interface Alarm {
  /** Whether it is counted as stalled. */
  readonly isStalled: boolean;
  /** Replicas in which something is wrong, not counting those that could only not be read. */
  readonly driftedReplicas: number;
}

/**
 * What findings alarm about: those of the facets named, of a replica as a whole or its traffic, and whatever was asked for
 * and is not there. A replica or an environment that cannot be read stalls an episode, since that is no agreement, and is
 * no drift.
 * @param alarmOn `undefined` for a subject that is only learnt: nothing of it alarms.
 */
export function alarmOf(findings: readonly Finding[], alarmOn: readonly Facet[] | undefined): Alarm {
  if (alarmOn === undefined) return { isStalled: false, driftedReplicas: 0 };
  const facets: readonly Finding['facet'][] = [...alarmOn, 'replica', 'traffic'];
  const isUnread = ({ kind }: Finding) => kind === 'unobservable';
  const alarming = findings.filter(
    (finding) =>
      facets.includes(finding.facet) ||
      finding.kind === 'unexpected' ||
      (isUnread(finding) && finding.facet === 'env'),
  );
  const drifted = alarming.filter((finding) => !isUnread(finding));
  return {
    isStalled: alarming.length > 0,
    driftedReplicas: new Set(drifted.map(({ replica }) => replica)).size,
  };
}
