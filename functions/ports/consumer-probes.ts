import type { Refusal } from '../core/errors.ts';
import type { Place } from '../core/place.ts';

/** What became of one probe: the version that it could use, or why there is no answer that counts. */
export type Probed = { readonly versionId: string } | { readonly refusal: Refusal };

/** Asks functions of the user which version of a secret they can use. Never throws: that a probe fails is an answer. */
export interface ConsumerProbes {
  /**
   * Invokes the function once, and waits for at most {@link PROBE_TIMEOUT_MS}.
   * @param functionName Its name, with `:alias` if one is wanted.
   * @param secret The name of the secret.
   * @returns A refusal `PROBE_FAILED` if it ran and could not use the secret, `PROBE_MISSING` if it
   * or its alias is not there, `PROBE_SILENT` if it did not answer in time,
   * `PROBE_UNREADABLE` if the answer is none; any other if it could not be invoked.
   */
  probe(place: Place, functionName: string, secret: string): Promise<Probed>;
}

/** For so long an answer is waited for, a cold start and a connection to a database included. */
export const PROBE_TIMEOUT_MS = 15_000;
