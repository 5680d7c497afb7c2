import { type RunKind, type RunMode, UNIT_PRICES } from '../contract/tables.ts';
import type { Count, Problem, Run, RunState, Skip, Tally } from './run.ts';

/** What is told of a run. Counts are of items unless said otherwise; one that is not there is 0. */
export interface RunReport {
  readonly id: string;
  readonly kind: RunKind;
  readonly mode: RunMode;
  readonly state: RunState;
  readonly table: string;
  /** The dry run that was applied, or the apply that was undone. */
  readonly of?: string | undefined;
  readonly scanned: number;
  readonly duplicates: number;
  readonly removed: number;
  readonly restored: number;
  readonly verified: number;
  /** All other counts that are not 0. */
  readonly counts: Readonly<Partial<Record<Count, number>>>;
  /** Items that were left alone, by reason, */
  readonly skipped: Readonly<Partial<Record<Skip, number>>>;
  /** and the first of them, by hashes of their keys. */
  readonly problems: readonly Problem[];
  readonly readUnits: number;
  readonly writeUnits: number;
  /** Of these units, at {@link UNIT_PRICES}. */
  readonly costUsd: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly proofRoot?: string | undefined;
  readonly failure?: Run['failure'];
  /** Of a run that read a sample. */
  readonly estimate?: Estimate | undefined;
}

/** What the whole table is thought to have, judged by a sample of it. */
interface Estimate {
  /** Share of the table that was read. */
  readonly share: number;
  readonly items: number;
  readonly readUnits: number;
  readonly costUsd: number;
  /** Dedupe only. Two copies are both in the sample with the square of its share. */
  readonly duplicates?: Interval | undefined;
}

/** A number that is not known exactly: what is most likely, and bounds that hold with 95 %. */
interface Interval {
  readonly likely: number;
  readonly least: number;
  readonly most: number;
}

const HEADLINES: readonly Count[] = ['scanned', 'duplicates', 'removed', 'restored', 'verified'];

/** @param tally What was counted so far. @default what was counted when the run ended */
export function reportOf(run: Run, now: number, tally: Tally | undefined = run.tally): RunReport {
  const { counts = {}, skipped = {}, readUnits = 0, writeUnits = 0 } = tally ?? {};
  const others = Object.entries(counts).filter(
    ([name, count]) => count !== 0 && !HEADLINES.includes(name as Count),
  );
  return {
    id: run.id,
    kind: run.rule.kind,
    mode: run.mode,
    state: run.state,
    table: run.table.name,
    ...(run.of !== undefined && { of: run.of }),
    scanned: counts.scanned ?? 0,
    duplicates: counts.duplicates ?? 0,
    removed: counts.removed ?? 0,
    restored: counts.restored ?? 0,
    verified: counts.verified ?? 0,
    counts: Object.fromEntries(others),
    skipped,
    problems: run.problems ?? [],
    readUnits,
    writeUnits,
    costUsd: costOf(readUnits, writeUnits),
    startedAt: run.startedAt,
    durationMs: (run.endedAt ?? now) - run.startedAt,
    ...(run.proofRoot !== undefined && { proofRoot: run.proofRoot }),
    ...(run.failure && { failure: run.failure }),
    ...(isSample(run) && { estimate: estimateOf(run, counts, readUnits) }),
  };
}

/** Whether a run has read a part of the table only. Such a run cannot be applied. */
export function isSample({ mode, layout }: Run): boolean {
  return mode === 'dry-run' && layout.totalSegments > layout.segments;
}

function costOf(readUnits: number, writeUnits: number): number {
  return readUnits * UNIT_PRICES.readUsd + writeUnits * UNIT_PRICES.writeUsd;
}

function estimateOf({ layout, rule }: Run, counts: Tally['counts'], readUnits: number): Estimate {
  const share = layout.segments / layout.totalSegments;
  const units = readUnits / share;
  const square = share * share;
  const seen = counts.duplicates ?? 0;
  const { least, most } = poissonBounds(seen);
  return {
    share,
    items: Math.round((counts.scanned ?? 0) / share),
    readUnits: units,
    costUsd: costOf(units, 0),
    ...(rule.kind === 'dedupe' && {
      duplicates: {
        likely: Math.round(seen / square),
        least: Math.floor(least / square),
        most: Math.ceil(most / square),
      },
    }),
  };
}

/**
 * Bounds of the mean of a Poisson distribution that gave a count, each with 97.5 %.
 * @see Ulm, "A simple method to calculate the confidence interval of a standardized mortality ratio", 1990; the quantiles of chi-square by Wilson and Hilferty
 */
function poissonBounds(count: number): { readonly least: number; readonly most: number } {
  const quantile = (mean: number, z: number) =>
    mean === 0 ? 0 : mean * (1 - 1 / (9 * mean) + (z / 3) * Math.sqrt(1 / mean)) ** 3;
  return { least: quantile(count, -1.96), most: quantile(count + 1, 1.96) };
}
