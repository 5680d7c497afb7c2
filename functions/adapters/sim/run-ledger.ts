import {
  FORMAT,
  type LedgerKey,
  PROOF_PREFIX,
  proofKey,
  runKey,
  runSubject,
  segmentKey,
  segmentPartition,
  tableKey,
} from '../../contract/ledger.ts';
import { compareTexts } from '../../core/decimal.ts';
import { invariant, RecohereError } from '../../core/errors.ts';
import { newSegment, type Phase, type Proof, type Run, type Segment } from '../../core/run.ts';
import type { RunLedger } from '../../ports/run-ledger.ts';
import { Answering, keptOf } from './answering.ts';

/** The calls of {@link RunLedger}. */
export type RunLedgerCall = keyof RunLedger;

/** Something as it lies there, with the format of the release that wrote it. */
interface Stored<T> {
  format: number;
  readonly kept: T;
}

/** Everything of one kind, by its key as text. */
type Shelf<T> = Map<string, Stored<T>>;

/** What is remembered of runs, in memory. Faults are told the partition that a call is about. */
export class SimulatedRunLedger extends Answering<RunLedgerCall> implements RunLedger {
  readonly #runs: Shelf<Run> = new Map();
  readonly #segments: Shelf<Segment> = new Map();
  readonly #proofs: Shelf<Proof> = new Map();
  readonly #tables: Shelf<{ readonly run?: string }> = new Map();

  /** What lies there, whoever wrote it. */
  stored(key: LedgerKey): unknown {
    return structuredClone(this.#at(key));
  }

  /** From now on, a later release has written what lies there. */
  makeFuture(key: LedgerKey): void {
    const stored = this.#at(key);
    invariant(stored !== undefined, 'what is of a later release is there');
    stored.format = FORMAT + 1;
  }

  readRun(id: string): Promise<Run | undefined> {
    const key = runKey(id);
    return this.answer('readRun', key.pk, () => known(this.#runs, key));
  }

  swapRun(next: Run): Promise<boolean> {
    return this.#swap('swapRun', this.#runs, runKey(next.id), next);
  }

  runs(limit: number): Promise<readonly string[]> {
    return this.answer('runs', undefined, () => {
      const runs = [...this.#runs.values()].map(({ kept }) => kept);
      const newestFirst = runs.sort((a, b) => compareTexts(runSubject(b), runSubject(a)));
      return newestFirst.slice(0, limit).map(({ id }) => id);
    });
  }

  readSegment(run: string, phase: Phase, index: number): Promise<Segment> {
    const key = segmentKey(run, phase, index);
    return this.answer(
      'readSegment',
      key.pk,
      () => known(this.#segments, key) ?? newSegment(run, phase, index),
    );
  }

  swapSegment(next: Segment): Promise<boolean> {
    const key = segmentKey(next.run, next.phase, next.index);
    return this.#swap('swapSegment', this.#segments, key, next, ({ epoch }) => epoch <= next.epoch);
  }

  async record(proof: Proof): Promise<void> {
    const kept = keptOf(proof);
    const key = proofKey(proof.run, proof.phase, proof.index, proof.number);
    return this.answer('record', key.pk, () => {
      const there = this.#proofs.get(textOf(key));
      if (there === undefined || (there.format <= FORMAT && there.kept.epoch <= kept.epoch)) {
        this.#proofs.set(textOf(key), { format: FORMAT, kept });
      }
    });
  }

  async *proofs(run: string, phase: Phase, index: number): AsyncGenerator<Proof> {
    const pk = segmentPartition(run, phase, index);
    const begin = textOf({ pk, sk: PROOF_PREFIX });
    yield* await this.answer('proofs', pk, () => {
      const chain = [...this.#proofs].filter(([at]) => at.startsWith(begin));
      return chain.sort(([a], [b]) => compareTexts(a, b)).map(([, stored]) => contentOf(stored));
    });
  }

  takeTable(arn: string, run: string, insteadOf?: string): Promise<string> {
    const key = tableKey(arn);
    return this.answer('takeTable', key.pk, () => {
      const holder = known(this.#tables, key)?.run;
      if (holder !== undefined && holder !== insteadOf) return holder;
      this.#tables.set(textOf(key), { format: FORMAT, kept: { run } });
      return run;
    });
  }

  releaseTable(arn: string, run: string): Promise<void> {
    const key = tableKey(arn);
    return this.answer('releaseTable', key.pk, () => {
      const there = this.#tables.get(textOf(key));
      if (there === undefined || there.format > FORMAT || there.kept.run !== run) return;
      this.#tables.set(textOf(key), { format: FORMAT, kept: {} });
    });
  }

  async #swap<T extends Run | Segment>(
    call: RunLedgerCall,
    shelf: Shelf<T>,
    key: LedgerKey,
    next: T,
    mayFollow: (before: T) => boolean = () => true,
  ): Promise<boolean> {
    const kept = keptOf(next);
    return this.answer(call, key.pk, () => {
      invariant(kept.version >= 1, 'what is swapped is written with a version');
      const there = shelf.get(textOf(key));
      if ((there?.kept.version ?? 0) !== kept.version - 1) return false;
      if (there !== undefined && (there.format > FORMAT || !mayFollow(there.kept))) return false;
      shelf.set(textOf(key), { format: FORMAT, kept });
      return true;
    });
  }

  #at(key: LedgerKey): Stored<unknown> | undefined {
    const shelves: readonly Shelf<unknown>[] = [this.#runs, this.#segments, this.#proofs, this.#tables];
    return shelves.map((shelf) => shelf.get(textOf(key))).find((stored) => stored !== undefined);
  }
}

function known<T>(shelf: Shelf<T>, key: LedgerKey): T | undefined {
  const stored = shelf.get(textOf(key));
  return stored && contentOf(stored);
}

/** @throws RecohereError `FUTURE_ITEM` */
function contentOf<T>({ format, kept }: Stored<T>): T {
  if (format > FORMAT) throw new RecohereError('FUTURE_ITEM', 'a later release wrote this item');
  return kept;
}

function textOf({ pk, sk }: LedgerKey): string {
  return `${pk} ${sk}`;
}
