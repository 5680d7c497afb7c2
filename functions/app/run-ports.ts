import { BATCH } from '../core/run.ts';
import type { Clock } from '../ports/clock.ts';
import type { ItemStores } from '../ports/item-store.ts';
import type { ObjectStores } from '../ports/object-store.ts';
import type { Random } from '../ports/random.ts';
import type { RunLedger } from '../ports/run-ledger.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Transforms } from '../ports/transform.ts';

/** What a worker has room for, wherever it runs. */
export interface RunLimits {
  /** Longest time that a worker may live, in milliseconds. */
  readonly workerMs: number;
  /** Segments that are worked on at once. */
  readonly concurrency: number;
  /** Characters of records that one worker keeps until it writes them down. */
  readonly flushCharacters: number;
  /** Records of a partition that are looked at together. */
  readonly passRecords: number;
  /**
   * Entries of a plan that are applied together, with one quarantine object and one proof: the same for all who ever work on a run, since
   * their number tells where to go on. Divides `PLAN_CHUNK`.
   */
  readonly batchEntries: number;
}

/** Of a Lambda function with 1,024 MB, which works on one segment at a time. Large objects, since each costs. */
export const LAMBDA_LIMITS: RunLimits = {
  workerMs: 900_000,
  concurrency: 16,
  flushCharacters: 64 * 1024 * 1024,
  passRecords: 1_000_000,
  batchEntries: BATCH,
};

/** Of one machine, on which all workers share one process. */
export const PROCESS_LIMITS: RunLimits = {
  workerMs: 900_000,
  concurrency: 4,
  flushCharacters: 2 * 1024 * 1024,
  passRecords: 250_000,
  batchEntries: BATCH,
};

/** What runs work with. */
export interface RunPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly ledger: RunLedger;
  readonly items: ItemStores;
  readonly objects: ObjectStores;
  readonly transforms: Transforms;
  readonly telemetry: Telemetry;
  readonly limits: RunLimits;
}
