import type { ComparedFacet, Presence, Refusal, Unsettled } from '../contract/report.ts';
import type { FacetFingerprint } from './fingerprint.ts';

/** One facet of one replica: read and fingerprinted, or refused. */
export type FacetObservation = { readonly fingerprint: FacetFingerprint } | { readonly refusal: Refusal };

/** What is wrong with a replica without a look at the others. */
export type Remark = Omit<Presence, 'replica'> | Omit<Unsettled, 'replica'>;

/** What was read of one replica. Times are epoch milliseconds; `at` is when the read began. */
export type Observation =
  | {
      readonly state: 'present';
      readonly at: number;
      /** When the replica last changed, as AWS says. */
      readonly movedAt: number;
      readonly remarks: readonly Remark[];
      /** The facets that are compared; one that is switched off is not here. */
      readonly facets: Readonly<Partial<Record<ComparedFacet, FacetObservation>>>;
    }
  | {
      readonly state: 'absent';
      readonly at: number;
      /** Set when the function exists and only this alias of it does not. */
      readonly alias?: string | undefined;
    }
  | { readonly state: 'unobservable'; readonly at: number; readonly refusal: Refusal };
