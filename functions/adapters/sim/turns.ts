import type { Clock } from '../../ports/clock.ts';
import { isOver, type Turn, type Turns } from '../../ports/turns.ts';
import { Answering } from './answering.ts';

/** Turns in memory. Faults are told the name that a call is about. */
export class SimulatedTurns extends Answering<keyof Turns, string> implements Turns {
  readonly #clock: Clock;
  readonly #taken = new Map<string, { readonly version: number; readonly until: number }>();

  /** @param latencyMs How long each call takes. */
  constructor(clock: Clock, latencyMs?: () => number) {
    super(clock, latencyMs);
    this.#clock = clock;
  }

  take(name: string, untilMs: number): Promise<Turn | undefined> {
    return this.answer('take', name, () => {
      const last = this.#taken.get(name) ?? { version: 0, until: 0 };
      if (!isOver(last.until, this.#clock.now())) return undefined;
      const version = last.version + 1;
      this.#taken.set(name, { version, until: untilMs });
      return { name, version };
    });
  }

  end({ name, version }: Turn): Promise<void> {
    return this.answer('end', name, () => {
      if (this.#taken.get(name)?.version === version)
        this.#taken.set(name, { version: version + 1, until: 0 });
    });
  }
}
