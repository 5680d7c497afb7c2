/** What one file of measurements found. */
export interface Measured {
  /** By key: ratios, unless the key names a unit. */
  readonly values: Readonly<Record<string, number>>;
  /** The most that a value should be, for those that have an aim. */
  readonly aims: Readonly<Record<string, number>>;
  /** The least that a value should be, for those of which more is better. */
  readonly floors?: Readonly<Record<string, number>>;
}

/** How long a thing takes, by itself and as a multiple of something simple on the same machine. */
export interface Comparison {
  /** Median of the rounds' ratios. */
  readonly ratio: number;
  /** Median of one run of what is measured. */
  readonly micros: number;
}

/**
 * Times two things in turns, so that a machine that is slow for a while is slow for both.
 * @param runs Runs of each in a round; more for what takes less than the clock can tell.
 */
export function compare(
  measured: () => void,
  baseline: () => void,
  { rounds, warmUps, runs }: { rounds: number; warmUps: number; runs: number },
): Comparison {
  const ratios: number[] = [];
  const micros: number[] = [];
  for (let round = -warmUps; round < rounds; round++) {
    const baselineMicros = timeMicros(baseline, runs);
    const ownMicros = timeMicros(measured, runs);
    if (round < 0) continue;
    ratios.push(ownMicros / baselineMicros);
    micros.push(ownMicros);
  }
  return { ratio: median(ratios), micros: median(micros) };
}

function timeMicros(work: () => void, runs: number): number {
  const start = performance.now();
  for (let run = 0; run < runs; run++) work();
  return ((performance.now() - start) * 1000) / runs;
}

/** The middle of the values; the upper one of the two, if their number is even. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
