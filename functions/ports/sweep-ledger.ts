import type { SweepMemory } from '../core/sweep.ts';

/** How far sweeps are. Only whoever has the turn to sweep writes it. */
export interface SweepLedger {
  /** Strongly consistent; of version 0 before the first sweep. */
  read(): Promise<SweepMemory>;
  /**
   * Replaces what is there by the next, whose version must be one more.
   * @returns Whether it did; if not, somebody else has swept meanwhile.
   */
  swap(next: SweepMemory): Promise<boolean>;
}
