import type { Episode, EpisodeRules } from '../core/episode.ts';

export type AlarmOn = EpisodeRules['alarmOn'];

/** An open episode, and which facets of its subject alarm; `undefined` if it is only learnt. */
export interface Open {
  readonly episode: Episode;
  readonly alarmOn: AlarmOn;
}

/** What a sweep of all subjects of a kind comes to. */
export interface Swept {
  readonly open: readonly Open[];
  readonly unreadReplicas: number;
  /** Of single subjects; the others are done. */
  readonly errors: readonly unknown[];
}

/** A message is tried again as a whole, so one reason is enough. */
export function failFirst({ errors }: { readonly errors: readonly unknown[] }): void {
  if (errors.length > 0) throw errors[0];
}
