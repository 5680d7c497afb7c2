import type { Phase, Run } from '../../functions/core/run.ts';
import type { Clock } from '../../functions/ports/clock.ts';
import type { ItemStore } from '../../functions/ports/item-store.ts';
import { instead } from '../haunted.ts';
import type { TableOracle } from './table-oracle.ts';

/** What the answer to a call of a table says that it took. */
interface Consumed {
  readonly readUnits?: number;
  readonly writeUnits?: number;
}

/** Units that one batch may take before they are paid for, for each of its entries: what must not wait does not. */
const READS_PER_ENTRY_MAX = 6; // both copies, twice; the one that stays after a removal, and what is in the way of what is put back
const WRITES_PER_ENTRY_MAX = 2; // a removal, and what is put back

/** Holds what one worker consumes against its share of what its run says that it takes a second. */
export class Meter {
  readonly #oracle: TableOracle;
  readonly #clock: Clock;
  readonly #run: string;
  readonly #phase: Phase | undefined;
  readonly #batchEntries: number;
  /** When it was first answered, in epoch milliseconds. */
  #since: number | undefined;
  #readUnits = 0;
  #writeUnits = 0;

  /** @param phase What the worker works on, if it does. */
  constructor(
    oracle: TableOracle,
    clock: Clock,
    run: string,
    phase: Phase | undefined,
    batchEntries: number,
  ) {
    this.#oracle = oracle;
    this.#clock = clock;
    this.#run = run;
    this.#phase = phase;
    this.#batchEntries = batchEntries;
  }

  /** A table as the worker has it. */
  of(store: ItemStore): ItemStore {
    const noted = <T extends Consumed>(answer: T): T => {
      this.#consumed(answer);
      return answer;
    };
    return instead(store, {
      scan: async (request) => noted(await store.scan(request)),
      get: async (keys) => noted(await store.get(keys)),
      removeIfSame: async (item) => noted(await store.removeIfSame(item)),
      putIfAbsent: async (item) => noted(await store.putIfAbsent(item)),
      replaceIfSame: async (item, before) => noted(await store.replaceIfSame(item, before)),
    });
  }

  #consumed({ readUnits = 0, writeUnits = 0 }: Consumed): void {
    const run = this.#oracle.runs.get(this.#run);
    if (run === undefined || this.#phase === undefined) return;
    const now = this.#clock.now();
    this.#since ??= now;
    this.#readUnits += readUnits;
    this.#writeUnits += writeUnits;
    const seconds = (now - this.#since) / 1000;
    const { readUnitsPerSecond, writeUnitsPerSecond } = run.layout;
    const workers = workersOf(run, this.#phase);
    this.#judge('read', this.#readUnits, readUnitsPerSecond / workers, seconds, READS_PER_ENTRY_MAX);
    this.#judge('write', this.#writeUnits, writeUnitsPerSecond / workers, seconds, WRITES_PER_ENTRY_MAX);
  }

  #judge(what: string, units: number, perSecond: number, seconds: number, perEntry: number): void {
    const most = perSecond * seconds + perEntry * this.#batchEntries;
    const why = () =>
      `${this.#run} says ${perSecond} ${what} units a second for a worker, and one takes ${units} in ${seconds} s`;
    this.#oracle.expect(17, units <= most, why);
  }
}

/** How many work at once. */
function workersOf({ layout }: Run, phase: Phase): number {
  return phase === 'scatter' ? layout.concurrency : Math.min(layout.concurrency, layout.partitions);
}
