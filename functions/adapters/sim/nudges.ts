import type { Nudges } from '../../ports/notices.ts';

/** Counts who asks for notices, and does what it is given, at each. */
export class SimulatedNudges implements Nudges {
  count = 0;
  readonly #act: () => Promise<void>;

  constructor(act: () => Promise<void> = async () => {}) {
    this.#act = act;
  }

  async nudge(): Promise<void> {
    this.count++;
    await this.#act();
  }
}
