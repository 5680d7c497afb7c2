import type { SweepMemory } from '../../core/sweep.ts';
import type { SweepLedger } from '../../ports/sweep-ledger.ts';
import { Answering, keptOf } from './answering.ts';

/** How far sweeps are, in memory. */
export class SimulatedSweepLedger extends Answering<keyof SweepLedger> implements SweepLedger {
  #memory: SweepMemory = { version: 0 };

  read(): Promise<SweepMemory> {
    return this.answer('read', undefined, () => this.#memory);
  }

  swap(next: SweepMemory): Promise<boolean> {
    const kept = keptOf(next);
    return this.answer('swap', undefined, () => {
      if (kept.version !== this.#memory.version + 1) return false;
      this.#memory = kept;
      return true;
    });
  }
}
