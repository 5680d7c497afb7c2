import type { Place } from '../core/place.ts';
import type { SecretDescription } from '../core/secret.ts';

/**
 * Reads what is known about secrets, never a value; changes nothing.
 * @throws RefusedError from every method, if AWS or the way to it refuses
 */
export interface SecretSource {
  /** The replica of a secret in one place; `undefined` if none is there. One call. */
  describe(place: Place, name: string): Promise<SecretDescription | undefined>;
  /** Whether the secret has, or lately had, this version, with or without a label. Some calls, a page each. */
  hasVersion(place: Place, name: string, versionId: string): Promise<boolean>;
}
