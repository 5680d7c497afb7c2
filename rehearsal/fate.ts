import { SeededRandom } from '../functions/adapters/sim/seeded-random.ts';
import type { Fault } from './faults.ts';

/** How often a fault strikes, of a million times that it may. */
export type Odds = Readonly<Partial<Record<Fault, number>>>;

const MILLION = 1_000_000;

/**
 * Says which faults strike, and remembers them. Each chance has a name, so that the same chances meet the same fate however the rest of the
 * world has changed: what struck can be replayed as a list, and made shorter.
 */
export class Fate {
  readonly seed: number;
  /** Names of the chances that struck, in order: `<fault>@<of>#<n>`. */
  readonly struck: string[];
  readonly #odds: Odds;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #chances = new Map<string, number>();
  #isOver = false;

  /**
   * @param only Chances that strike, and no others. @default what the odds say
   * @param struck Where to note what strikes, for whoever wants to know it though what is played throws.
   */
  constructor(seed: number, odds: Odds, only?: readonly string[], struck: string[] = []) {
    this.seed = seed;
    this.struck = struck;
    this.#odds = odds;
    this.#only = only && new Set(only);
  }

  /**
   * Whether one of some faults strikes now.
   * @param of What it would strike; asked of the same thing again, it is another chance.
   */
  strikes<F extends Fault>(faults: readonly F[], of: string): F | undefined {
    const possible = faults.filter((fault) => (this.#odds[fault] ?? 0) > 0);
    if (this.#isOver || possible.length === 0) return undefined;
    const key = `${of} ${faults.join()}`;
    const number = (this.#chances.get(key) ?? 0) + 1;
    this.#chances.set(key, number);
    const nameOf = (fault: F) => `${fault}@${of}#${number}`;
    const fault = this.#only
      ? possible.find((each) => this.#only?.has(nameOf(each)))
      : this.#drawn(possible, `${key} ${number}`);
    if (fault !== undefined) this.struck.push(nameOf(fault));
    return fault;
  }

  /** Randomness of its own for each purpose and id. */
  random(purpose: string, id = ''): SeededRandom {
    return new SeededRandom(this.seed, purpose, id);
  }

  /** From now on nothing strikes. */
  end(): void {
    this.#isOver = true;
  }

  #drawn<F extends Fault>(faults: readonly F[], chance: string): F | undefined {
    let drawn = this.random('fate', chance).below(MILLION);
    for (const fault of faults) {
      drawn -= this.#odds[fault] ?? 0;
      if (drawn < 0) return fault;
    }
    return undefined;
  }
}

/** The fault of a chance that struck. */
export function faultOf(struck: string): Fault {
  return struck.slice(0, struck.indexOf('@')) as Fault;
}
