import { accessKey } from '../../contract/ledger.ts';
import type { Access, AccessMemory, RefusedAccess } from '../../ports/access-memory.ts';
import type { Clock } from '../../ports/clock.ts';

/** Which roles refused the hub, in memory. It keeps and gives copies, so that nobody shares what is remembered. */
export class SimulatedAccessMemory implements AccessMemory {
  readonly #clock: Clock;
  readonly #latencyMs: () => number;
  readonly #refused = new Map<string, RefusedAccess>();

  /** @param latencyMs How long each call takes. */
  constructor(clock: Clock, latencyMs: () => number) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  async read(access: Access): Promise<RefusedAccess | undefined> {
    await this.#clock.sleep(this.#latencyMs());
    return structuredClone(this.#refused.get(accessKey(access).pk));
  }

  async write(access: Access, refused: RefusedAccess | undefined): Promise<void> {
    const kept = structuredClone(refused);
    await this.#clock.sleep(this.#latencyMs());
    if (kept) this.#refused.set(accessKey(access).pk, kept);
    else this.#refused.delete(accessKey(access).pk);
  }
}
