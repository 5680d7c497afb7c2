import type { Finding } from '../contract/report.ts';
import type { Open } from './swept.ts';

/** A replica of a secret is behind, missing or not one any more; not: it could not be read, or nobody expects it. */
function isOfReplica({ facet, kind }: Finding): boolean {
  return kind !== 'unobservable' && kind !== 'extra' && (facet === 'version' || facet === 'replica');
}

/** Replicas and consumers of a secret that alarm since a version has not arrived in time. A rotation that failed moved none. */
export function lateOf({ episode, alarmOn }: Open): {
  readonly staleReplicas: number;
  readonly staleConsumers: number;
} {
  const late = alarmOn !== undefined && episode.isOverdue ? episode.findings : [];
  return {
    staleReplicas: new Set(late.filter(isOfReplica).map(({ replica }) => replica)).size,
    staleConsumers: late.filter(({ facet }) => facet === 'consumer').length,
  };
}
