import type { Finding } from '../contract/report.ts';
import type { Episode } from '../core/episode.ts';
import type { AlarmOn } from './swept.ts';

/** A replica of a secret is behind, missing or not one any more; not: it could not be read, or nobody expects it. */
function isOfReplica({ facet, kind }: Finding): boolean {
  return kind !== 'unobservable' && kind !== 'extra' && (facet === 'version' || facet === 'replica');
}

/** Replicas and consumers of a secret that alarm since a version has not arrived in time. A rotation that failed moved none. */
export function lateOf(
  { findings, isOverdue }: Pick<Episode, 'findings' | 'isOverdue'>,
  alarmOn: AlarmOn,
): { readonly staleReplicas: number; readonly staleConsumers: number } {
  const late = alarmOn !== undefined && isOverdue ? findings : [];
  return {
    staleReplicas: new Set(late.filter(isOfReplica).map(({ replica }) => replica)).size,
    staleConsumers: late.filter(({ facet }) => facet === 'consumer').length,
  };
}
