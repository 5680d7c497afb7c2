import { RecohereError, RefusedError } from '../core/errors.ts';
import {
  added,
  type Count,
  NOTHING,
  OBJECT_NAMES,
  PROBLEMS_PER_SEGMENT_MAX,
  type Run,
  type Segment,
  type Skip,
  salted,
  type Tally,
} from '../core/run.ts';
import { Allowance } from './allowance.ts';
import type { RunPorts } from './run-ports.ts';
import type { Counted } from './run-state.ts';

/** How long a worker may be silent before another one takes its segment. */
export const LEASE_MS = 60_000;
/** How often a worker that has nothing to write down says that it lives. */
const RENEW_MS = 10_000;
/** Tries of one call, the first included. With the waits below, half a minute. */
const TRIES_MAX = 8;
const FIRST_WAIT_MS = 100;
/** Keys of items left alone that are kept between two checkpoints. The rest is counted. */
const NAMED_MAX = 1_000;

/** What changes at a checkpoint. */
type Progress = Partial<
  Pick<Segment, 'cursor' | 'isDone' | 'spills' | 'records' | 'held' | 'proofs' | 'head'>
>;

/**
 * A worker's hold on one segment. Whatever it counts becomes true with the next checkpoint, in the same write as where it goes on from;
 * a worker that somebody took over from can write no checkpoint.
 */
export class Grip {
  readonly run: Run;
  readonly reading: Allowance;
  readonly writing: Allowance;
  readonly #ports: RunPorts;
  readonly #until: number;
  #segment: Segment;
  #tally: Tally = NOTHING;
  #named: { reason: Skip; key: string }[] = [];
  #saidAt: number;
  #seen = 0;
  #isStopped = false;

  /** @param until When to stop, in epoch milliseconds. */
  constructor(ports: RunPorts, run: Run, segment: Segment, until: number) {
    this.run = run;
    this.#ports = ports;
    this.#segment = segment;
    this.#until = until;
    this.#saidAt = ports.clock.now();
    this.#seen = segment.tally.counts.scanned ?? 0;
    const { readUnitsPerSecond, writeUnitsPerSecond, partitions } = run.layout;
    // no more workers are at it than there are pieces
    const concurrency = Math.min(run.layout.concurrency, segment.phase === 'scatter' ? Infinity : partitions);
    this.reading = new Allowance(ports.clock, readUnitsPerSecond / concurrency);
    this.writing = new Allowance(ports.clock, writeUnitsPerSecond / concurrency);
  }

  /** As it was last written. */
  get segment(): Segment {
    return this.#segment;
  }

  /** What was counted since the last checkpoint. */
  get tally(): Tally {
    return this.#tally;
  }

  /** Whether it was told to stop before time was over: the run goes on no more, or not now. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  count(name: Count, by = 1): void {
    this.#tally = added(this.#tally, { ...NOTHING, counts: { [name]: by } });
    if (name === 'scanned') this.#seen += by;
  }

  /** @param key Text of a primary key. */
  skip(reason: Skip, key: string): void {
    this.skipUnnamed(reason, 1);
    if (this.#named.length < NAMED_MAX) this.#named.push({ reason, key });
  }

  /** For items whose keys are not known, or too many. */
  skipUnnamed(reason: Skip, items: number): void {
    if (items === 0) return;
    this.#tally = added(this.#tally, { ...NOTHING, skipped: { [reason]: items } });
  }

  /** Asked before each page: whether there is time left, nobody has cancelled the run, and the segment is still ours. */
  async mayGoOn(): Promise<boolean> {
    const now = this.#ports.clock.now();
    // when what was consumed is paid for, so that what was found is written down before, and not lost
    if (now + Math.max(this.reading.waitMs, this.writing.waitMs) >= this.#until) return false;
    const run = await this.#ports.ledger.readRun(this.run.id);
    this.#isStopped = run?.state !== 'running';
    if (this.#isStopped) return false;
    if (now - this.#saidAt >= RENEW_MS) await this.renew();
    return true;
  }

  /** Says that it lives. @throws RecohereError `FENCED` if somebody else has taken the segment */
  async renew(): Promise<void> {
    await this.#swap({ seen: this.#seen });
  }

  /**
   * Makes a call that reads, when it is its turn, and again while it is refused for a while.
   * @throws RefusedError; RecohereError `TIME_OVER`
   */
  read<T extends Read>(call: () => Promise<T>): Promise<T> {
    return this.#patiently(call, { allowance: this.reading, isRepeatable: true, unitsOf: readUnits });
  }

  /** The same, at once: for what must not wait, since something is half done. */
  readNow<T extends Read>(call: () => Promise<T>): Promise<T> {
    return this.#patiently(call, {
      allowance: this.reading,
      isRepeatable: true,
      isUrgent: true,
      unitsOf: readUnits,
    });
  }

  /**
   * Makes a call that writes, when it is its turn.
   * @throws RefusedError; RecohereError `TIME_OVER`
   */
  async write<T extends Wrote>(call: () => Promise<T>): Promise<T> {
    await this.turnToWrite();
    return this.writeOnce(call);
  }

  /** The same without waiting, for who has waited. Again while it is throttled: of any other refusal nobody knows whether it was done. */
  writeOnce<T extends Wrote>(call: () => Promise<T>): Promise<T> {
    return this.#patiently(call, {
      allowance: this.writing,
      isRepeatable: false,
      isUrgent: true,
      unitsOf: writeUnits,
    });
  }

  /** Makes a call that may be made twice, at once: for what must be put right, since something is half done. */
  writeNow<T extends Wrote>(call: () => Promise<T>): Promise<T> {
    return this.#patiently(call, {
      allowance: this.writing,
      isRepeatable: true,
      isUrgent: true,
      unitsOf: writeUnits,
    });
  }

  /** Waits until it is its turn to write. @throws RecohereError `TIME_OVER` */
  async turnToWrite(): Promise<void> {
    await this.#turn(this.writing);
  }

  /**
   * Writes down where to go on from, with all that was counted since the last time.
   * @throws RecohereError `FENCED` if somebody else has taken the segment
   */
  async checkpoint(progress: Progress): Promise<void> {
    const { tally, problems } = this.#segment;
    const last = await this.uncommitted();
    await this.#swap({
      ...progress,
      seen: this.#seen,
      tally: added(tally, last.tally),
      problems: [...problems, ...last.problems].slice(0, PROBLEMS_PER_SEGMENT_MAX),
    });
    this.#tally = NOTHING;
    this.#named = [];
  }

  /** What was counted and named since the last checkpoint. Keys are written down, and named by their hashes. */
  async uncommitted(): Promise<Counted> {
    const { run, phase, index, version } = this.#segment;
    if (this.#named.length > 0) {
      const lines = this.#named.map(({ reason, key }) => JSON.stringify([reason, key])).join('\n');
      const name = OBJECT_NAMES.problems(run, phase, index, version + 1);
      await this.#ports.objects(this.run.table).write(name, Buffer.from(lines));
    }
    const problems = this.#named.slice(0, PROBLEMS_PER_SEGMENT_MAX).map(({ reason, key }) => ({
      reason,
      key: salted(this.run.salt, key),
    }));
    return { tally: this.#tally, problems };
  }

  /** Gives the segment back, so that nobody has to wait for it. Harmless if somebody has taken it. */
  async release(): Promise<void> {
    const { lease: _, ...free } = this.#segment;
    await this.#ports.ledger.swapSegment({ ...free, version: free.version + 1 });
  }

  async #swap(change: Partial<Segment>): Promise<void> {
    const { clock, ledger } = this.#ports;
    const { version, lease } = this.#segment;
    const now = clock.now();
    const next = {
      ...this.#segment,
      ...change,
      version: version + 1,
      lease: lease && { ...lease, until: now + LEASE_MS },
    };
    if (!(await ledger.swapSegment(next))) {
      throw new RecohereError('FENCED', 'another worker has taken this segment', { retryable: true });
    }
    this.#segment = next;
    this.#saidAt = now;
  }

  async #turn(allowance: Allowance): Promise<void> {
    if (this.#ports.clock.now() + allowance.waitMs > this.#until) {
      throw new RecohereError('TIME_OVER', 'the time of this worker is over', { retryable: true });
    }
    await allowance.wait();
  }

  async #patiently<T>(call: () => Promise<T>, how: How<T>): Promise<T> {
    const { allowance, isRepeatable, isUrgent = false, unitsOf } = how;
    for (let tries = 1; ; tries++) {
      if (!isUrgent) await this.#turn(allowance);
      try {
        const answer = await call();
        const tally = unitsOf(answer);
        allowance.consumed(tally.readUnits + tally.writeUnits);
        this.#tally = added(this.#tally, tally);
        return answer;
      } catch (error) {
        if (!(error instanceof RefusedError && error.retryable) || tries === TRIES_MAX) throw error;
        if (error.code === 'THROTTLED') allowance.throttled();
        else if (!isRepeatable) throw error;
        this.count('retries');
        const [chance = 0] = this.#ports.random.bytes(1);
        await this.#ports.clock.sleep(FIRST_WAIT_MS * 2 ** (tries - 1) * (0.5 + chance / 510));
      }
    }
  }
}

interface Read {
  readonly readUnits: number;
}

interface Wrote {
  readonly writeUnits: number;
}

/** How a call is made. */
interface How<T> {
  readonly allowance: Allowance;
  /** Whether it may be made again if nobody knows whether it was done. */
  readonly isRepeatable: boolean;
  /** Whether it does not wait for its turn. */
  readonly isUrgent?: boolean;
  readonly unitsOf: (answer: T) => Tally;
}

function readUnits({ readUnits }: Read): Tally {
  return { ...NOTHING, readUnits };
}

function writeUnits({ writeUnits }: Wrote): Tally {
  return { ...NOTHING, writeUnits };
}
