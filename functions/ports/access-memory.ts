import type { Place } from '../core/place.ts';

/** A way into another account: its read role, and the external id that the role asks for. */
export type Access = NonNullable<Place['access']>;

/** That a role refused the hub, and when it may be asked again. */
export interface RefusedAccess {
  /** When it refused first, in epoch milliseconds. */
  readonly since: number;
  /** How often it has refused since, from 1. */
  readonly tries: number;
  /** Before this, in epoch milliseconds, nobody asks. */
  readonly nextAt: number;
}

/**
 * Remembers which roles refused the hub, for all processes. The last writer wins, with no compare-and-swap: two that write
 * at once have asked at once, and mean the same. What is lost is at most one wait, never a finding.
 */
export interface AccessMemory {
  /** `undefined` if no refusal is remembered. */
  read(access: Access): Promise<RefusedAccess | undefined>;
  /** @param refused `undefined` forgets. */
  write(access: Access, refused: RefusedAccess | undefined): Promise<void>;
}
