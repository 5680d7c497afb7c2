import { STALE_MS_MAX } from '../functions/adapters/sim/simulated-regions.ts';
import { placesOfConfig } from '../functions/app/scope.ts';
import { placesOfSecret, subjectOfSecret } from '../functions/app/secret-scope.ts';
import { type Watched, watchedBy } from '../functions/app/watched.ts';
import type { ParsedConfig, WatchedSecret } from '../functions/contract/config.ts';
import type { SubjectKind } from '../functions/contract/ledger.ts';
import type { ClosedEpisode, SubjectState } from '../functions/core/episode.ts';
import { type PlaceId, placeId } from '../functions/core/place.ts';
import type { InvariantNumber } from './invariants.ts';
import { SKEW_MS_MAX } from './process.ts';
import { type Truth, type View, WHOLE } from './truth.ts';

/** What every value of the simulated world has in it, so that it is found wherever it gets out. */
export const MARKER = 'kept-secret';

/** How much earlier than it says a look may have seen something: its clock is wrong, and what it is shown is old. */
export const BLUR_MS = SKEW_MS_MAX + STALE_MS_MAX;

/** What a process of a consumer is called in the truth. */
export function processName(consumer: string, process: string): string {
  return `${consumer} ${process}`;
}

/** By replica and facet. */
export type Roots = Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;

/** What is true of what the hub watches. */
export interface World {
  readonly truth: Readonly<Record<SubjectKind, Truth>>;
  /** What each process of a consumer has used, by {@link processName}; not there where nobody notes it. */
  readonly processes?: Truth;
  /** When something last befell the world: a region that cannot be reached, an answer that is old. */
  disturbedAt(): number;
  /** When anybody told of a subject, by the time that he says. */
  toldAt(subject: string): readonly number[];
  /** How long its replicas may differ before they have diverged. */
  deadlineMs(subject: string): number;
  now(): number;
}

/** Whether an invariant holds, and if it does not, why. */
export type Expect = (invariant: InvariantNumber, holds: boolean, words: () => string) => void;

/** Where copies of a subject are to be. */
export function placesOf(config: ParsedConfig, kind: SubjectKind, subject: string): readonly PlaceId[] {
  if (kind === 'function') return placesOfConfig(config).map(placeId);
  const secret = secretOf(config, subject);
  return secret ? placesOfSecret(config, secret).map(placeId) : [];
}

export function secretOf(config: ParsedConfig, subject: string): WatchedSecret | undefined {
  return config.secrets.find((secret) => subjectOfSecret(config, secret) === subject);
}

/** The episode that a step has ended. */
export function endedIn(before: SubjectState | undefined, { last }: SubjectState): ClosedEpisode | undefined {
  return last?.id === before?.last?.id ? undefined : last;
}

/** What a config says of a subject, by what is remembered of it: nothing of a secret that is not watched any more. */
export function ruleOf(config: ParsedConfig, kind: SubjectKind, state: SubjectState): Watched | undefined {
  const watched = watchedBy(config);
  return kind === 'function' ? watched.function(state) : watched.secret(state.subject);
}

/** What a config leaves out of an environment; of a secret, nothing. */
export function viewOf({ functions }: ParsedConfig, kind: SubjectKind): View {
  if (kind === 'secret') return WHOLE;
  const ignored = new Set(functions.flatMap(({ ignore }) => ignore));
  return (content) => {
    const entries = (JSON.parse(content) as [string, string][]).filter(([name]) => !ignored.has(name));
    return JSON.stringify(entries);
  };
}

/** What roots begin with that can be compared. */
export function prefixesIn(roots: Roots): string {
  return [...new Set(Object.values(roots).flatMap(({ env }) => env?.split(':')[0] ?? []))].sort().join();
}

/** The roots that each replica was last seen with. */
export function rootsIn(state: SubjectState | undefined): Roots {
  return { ...state?.agreed?.roots, ...state?.open?.roots };
}

/** The same, whatever became of the update. */
export function settled(content: string): string {
  return content.replace(/,?\["","[a-z ]*"\]/, '');
}

export function timestamp(at: number): string {
  return new Date(at).toISOString();
}

export function timeText(at: number): string {
  return timestamp(at).slice(11, 19);
}
