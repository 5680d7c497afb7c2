import type { Finding } from '../contract/report.ts';
import type { Open } from './swept.ts';

/** A replica of a secret is behind, missing or not one any more; not: it could not be read, or nobody expects it. */
export function isOfReplica({ facet, kind }: Finding): boolean {
  return kind !== 'unobservable' && kind !== 'extra' && (facet === 'version' || facet === 'replica');
}

export function isOfConsumer({ facet }: Finding): boolean {
  return facet === 'consumer';
}

export function isOfRotation({ facet }: Finding): boolean {
  return facet === 'rotation';
}

/** Whether a secret alarms since a version has not arrived in time. A rotation that failed moved none. */
export function isPastTarget({ episode, alarmOn }: Open): boolean {
  const isBehind = episode.findings.some((finding) => isOfReplica(finding) || isOfConsumer(finding));
  return alarmOn !== undefined && episode.isOverdue && isBehind;
}
