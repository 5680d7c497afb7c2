import { SimulatedAccessMemory } from '../functions/adapters/sim/access-memory.ts';
import { SimulatedLedger } from '../functions/adapters/sim/ledger.ts';
import { SimulatedSweepLedger } from '../functions/adapters/sim/sweep-ledger.ts';
import { SimulatedTurns } from '../functions/adapters/sim/turns.ts';
import type { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import { considerate } from '../functions/app/considerate.ts';
import { notify } from '../functions/app/notify.ts';
import { type Delivered, receiveDeploy, receiveRotation } from '../functions/app/receive.ts';
import { silence } from '../functions/app/silence.ts';
import { type SweepEnd, sweep } from '../functions/app/sweep.ts';
import { hasCritical, type ParsedConfig } from '../functions/contract/config.ts';
import {
  CRITICAL_EVERY_MINUTES,
  LIFE_SECONDS,
  LIVES_OUT_OF_SIGHT,
  SWEEP_EVERY_MINUTES,
  TIME_TO_WRITE_MS,
} from '../functions/contract/deployment.ts';
import { FORMAT, SUBJECT_KINDS, type SubjectKind } from '../functions/contract/ledger.ts';
import type { MetricName } from '../functions/contract/metrics.ts';
import type { DeadLetter } from '../functions/core/dead-letter.ts';
import type { SubjectState } from '../functions/core/episode.ts';
import type { FingerprintKey } from '../functions/core/fingerprint.ts';
import type { Notice, PauseRequest, Severity } from '../functions/core/notice.ts';
import type { ConsumerProbes } from '../functions/ports/consumer-probes.ts';
import type { FunctionSource } from '../functions/ports/function-source.ts';
import type { Ledger } from '../functions/ports/ledger.ts';
import type { SecretSource } from '../functions/ports/secret-source.ts';
import type { Telemetry } from '../functions/ports/telemetry.ts';
import type { Wakes } from '../functions/ports/wakes.ts';
import type { Fate } from './fate.ts';
import { heard } from './haunted.ts';
import { Process } from './process.ts';
import { Queue } from './queue.ts';

/** What the hub's functions look at. */
export interface Watched {
  readonly functions: FunctionSource;
  readonly secrets: SecretSource;
  readonly probes: ConsumerProbes;
}

/** The functions of the hub that look, and tell. */
export type HubPart = keyof typeof LIFE_SECONDS;

/** Lambda tries an asynchronous call that failed so often again, after so long each time. */
const RETRY_AFTER_MS = [60_000, 120_000];

/** EventBridge delivers within some seconds. */
const DELIVERY_MS = { least: 500, more: 4_000 };
const LATE_MS_MAX = 3_600_000;

/** A call of the ledger, a queue or a topic. */
const CALL_MS = { least: 2, more: 20 };

/** One call of a function. */
export interface Invocation {
  readonly part: HubPart;
  readonly process: Process;
  readonly config: ParsedConfig;
  /** Virtual time, in epoch milliseconds. */
  readonly startedAt: number;
  /** Chances that had struck the process before. */
  readonly faultsBefore: number;
  /** Of a queue's function. */
  readonly batch: readonly Delivered[];
  /** Calls to what is watched. */
  looks: number;
  /** Subjects whose wake number it has made grow, with that number. */
  readonly wakes: { readonly kind: SubjectKind; readonly subject: string; readonly wake: number }[];
  /** Chances that struck the process until the call ended. */
  faults: number;
  outcome: 'under way' | 'ok' | 'failed' | 'died';
  /** Of a queue's function that came to its end: ids of messages that are to come again. */
  failed?: readonly string[];
  /** Messages that became dead letters. */
  letters: number;
  /** Calls of the ledger that failed, and were not made again since. */
  readonly broken: Set<string>;
  /** Of a sweep that came to its end. */
  swept?: SweepEnd;
}

/** Is told of everything that the hub does, in the moment in which it has its effect. */
export interface Watcher {
  swapped?(kind: SubjectKind, next: SubjectState, by: Invocation): void;
  /** Somebody else wrote a state as it was, or with another silence. */
  raced?(kind: SubjectKind, next: SubjectState): void;
  published?(metric: MetricName, value: number, properties: Readonly<Record<string, string | number>>): void;
  woken?(kind: SubjectKind, subject: string, wake: number): void;
  noticed?(severity: Severity, notice: Notice, by: Invocation): void;
  paused?(request: PauseRequest, by: Invocation): void;
  refused?(letter: DeadLetter): void;
  began?(invocation: Invocation): void;
  ended?(invocation: Invocation): void;
  /** Something was written to a log. */
  said?(words: string): void;
}

export interface HubOptions {
  readonly clock: VirtualClock;
  readonly fate: Fate;
  readonly config: ParsedConfig;
  readonly key: FingerprintKey;
  readonly watched: Watched;
  readonly watcher: Watcher;
  /** Changes what processes work with, to show that this would be noticed. */
  readonly spoil?: Spoil;
}

/** Spoils the system. */
export interface Spoil {
  readonly functions?: (source: FunctionSource, batch: () => readonly Delivered[]) => FunctionSource;
  readonly ledger?: (ledger: SimulatedLedger) => Ledger;
  readonly wakes?: (wakes: Wakes) => Wakes;
  readonly delivered?: (message: Delivered, wakeOf: (subject: string) => number) => Delivered;
  readonly hasNoSweep?: boolean;
}

type Installed = ReturnType<Hub['install']>;

interface Sandbox {
  readonly process: Process;
  readonly config: ParsedConfig;
  readonly installed: Installed;
  invocation: Invocation;
}

/**
 * The hub of an installation, deployed in memory: the real use cases, in processes that live, die and are reused as those of Lambda,
 * fed by queues and a schedule, over a ledger that all share.
 */
export class Hub {
  readonly queues: Readonly<Record<SubjectKind, Queue>>;
  readonly #options: HubOptions;
  readonly #ledgers: Readonly<Record<SubjectKind, SimulatedLedger>>;
  readonly #turns: SimulatedTurns;
  readonly #sweeps: SimulatedSweepLedger;
  readonly #memory: SimulatedAccessMemory;
  readonly #idle = new Map<HubPart, Sandbox[]>();
  #config: ParsedConfig;
  #key: FingerprintKey;
  #processes = 0;
  #events = 0;

  constructor(options: HubOptions) {
    const { clock, fate, config, key } = options;
    this.#options = options;
    this.#config = config;
    this.#key = key;
    const latency = fate.random('latency of the hub');
    const callMs = () => CALL_MS.least + latency.below(CALL_MS.more);
    this.#ledgers = {
      function: new SimulatedLedger(clock, callMs),
      secret: new SimulatedLedger(clock, callMs),
    };
    this.#turns = new SimulatedTurns(clock, callMs);
    this.#sweeps = new SimulatedSweepLedger(clock, callMs);
    this.#memory = new SimulatedAccessMemory(clock, callMs);
    const queue = (kind: SubjectKind, part: HubPart) =>
      new Queue(clock, fate, kind, LIVES_OUT_OF_SIGHT * lifeMs(part), (batch) =>
        this.#receive(part, kind, batch),
      );
    this.queues = {
      function: queue('function', 'verify-deploy'),
      secret: queue('secret', 'verify-rotation'),
    };
  }

  /** What is remembered of subjects. */
  get ledgers(): Readonly<Record<SubjectKind, Ledger>> {
    return this.#ledgers;
  }

  get sweeps(): SimulatedSweepLedger {
    return this.#sweeps;
  }

  /** Deploys anew: processes that begin from now on work with this; those that run go on as they are. */
  deploy(config: ParsedConfig, key: FingerprintKey): void {
    this.#config = config;
    this.#key = key;
    this.#idle.clear();
  }

  /** From now on, what lies there was written by a later release; or it was not. */
  belongsToLaterRelease(kind: SubjectKind, subject: string, isSo: boolean): void {
    const stored = this.#ledgers[kind].stored(subject);
    if (stored) this.#ledgers[kind].plant({ ...stored, format: isSo ? FORMAT + 1 : FORMAT });
  }

  /** Puts an event on the bus; it may be lost, late, repeated, and overtaken by another one. */
  tell(kind: SubjectKind, event: object): void {
    const { fate } = this.#options;
    const name = `event ${++this.#events}`;
    const fault = fate.strikes(['event lost', 'event late', 'event repeated'], name);
    if (fault === 'event lost') return;
    const chance = fate.random('delivery', name);
    const delayMs = () => DELIVERY_MS.least + chance.below(DELIVERY_MS.more);
    const lateMs = fault === 'event late' ? chance.below(LATE_MS_MAX) : 0;
    this.#send(kind, event, delayMs() + lateMs);
    if (fault === 'event repeated') this.#send(kind, event, delayMs() + chance.below(60_000));
  }

  /** Asks by hand for a look at subjects. */
  ask(kind: SubjectKind, subjects: readonly string[], id: string): void {
    this.#send(kind, { kind: 'recohere.look', id, at: this.#options.clock.now(), subjects }, 0);
  }

  /** Keeps a subject from alarming, as somebody asks for by hand; of one that is not known, nothing comes of it. */
  async silence(subject: string, seconds: number): Promise<void> {
    const { clock, watcher } = this.#options;
    const ledgerOf = (kind: SubjectKind) =>
      swapping(this.#ledgers[kind], (next) => watcher.raced?.(kind, next));
    const ledgers = { function: ledgerOf('function'), secret: ledgerOf('secret') };
    const asked = { subject, seconds, reason: 'a rehearsal' };
    await silence({ clock, ledgers, sweeps: this.#sweeps }, this.#config, asked).catch((error: unknown) =>
      watcher.said?.(wordsOf(error)),
    );
  }

  /** Sweeps by the schedule until then, in epoch milliseconds. @param sweepMs For how long each may read. */
  async live(untilMs: number, sweepMs?: number): Promise<void> {
    const { clock } = this.#options;
    const everyMs = (hasCritical(this.#config) ? CRITICAL_EVERY_MINUTES : SWEEP_EVERY_MINUTES) * 60_000;
    for (;;) {
      const waitMs = everyMs - (clock.now() % everyMs);
      if (clock.now() + waitMs >= untilMs) break;
      await clock.sleep(waitMs);
      void this.sweep(false, sweepMs);
    }
    await clock.sleep(untilMs - clock.now());
  }

  /** One sweep, as the schedule calls it; over all, if somebody asks for it. */
  sweep(isAskedFor = false, readMs = lifeMs('sweep') - TIME_TO_WRITE_MS): Promise<Invocation> {
    return this.#invoke('sweep', [], async ({ ports, readUntil }, { config, process }, own) => {
      const now = process.clock.now();
      const time = { until: now + readMs, overAt: now + lifeMs('sweep'), readUntil };
      if (!this.#options.spoil?.hasNoSweep) own.swept = await sweep(ports, config, time, isAskedFor);
    });
  }

  #send(kind: SubjectKind, body: object, delayMs: number): void {
    this.queues[kind].send(JSON.stringify(body), delayMs);
  }

  async #receive(
    part: HubPart,
    kind: SubjectKind,
    batch: readonly Delivered[],
  ): Promise<readonly string[] | undefined> {
    const { fate, spoil, watcher } = this.#options;
    const wakeOf = (subject: string) => this.#ledgers[kind].stored(subject)?.state.wake ?? 0;
    const invocation = await this.#invoke(part, batch, async ({ ports, readUntil }, sandbox, own) => {
      const { config, process } = sandbox;
      const failed: string[] = [];
      readUntil(process.clock.now() + lifeMs(part) - TIME_TO_WRITE_MS);
      const receive = (message: Delivered) =>
        kind === 'function'
          ? receiveDeploy(ports, config, message)
          : receiveRotation(ports.rotation, config, message);
      const handle = async (message: Delivered) => {
        const delivered = spoil?.delivered?.(message, wakeOf) ?? message;
        if (fate.strikes(['message failed'], `${process.name} ${message.messageId} ${message.tries}`)) {
          failed.push(message.messageId);
          return;
        }
        await receive(delivered).catch((error: unknown) => {
          watcher.said?.(wordsOf(error));
          failed.push(message.messageId);
        });
      };
      await Promise.all(batch.map(handle));
      own.failed = failed;
    });
    return invocation.failed;
  }

  /** Calls who sends notices, as Lambda does where nobody waits for the answer. */
  async #callNotify(): Promise<void> {
    for (const waitMs of [...RETRY_AFTER_MS, undefined]) {
      const { outcome } = await this.#invoke('notify', [], async ({ notifying }, { config, process }) => {
        const until = process.clock.now() + lifeMs('notify') - TIME_TO_WRITE_MS;
        await notify(notifying, config, { until });
      });
      if (outcome === 'ok') return;
      if (waitMs !== undefined) await this.#options.clock.sleep(waitMs);
    }
  }

  async #invoke(
    part: HubPart,
    batch: readonly Delivered[],
    act: (installed: Installed, sandbox: Sandbox, own: Invocation) => Promise<void>,
  ): Promise<Invocation> {
    const { clock, watcher } = this.#options;
    const sandbox = this.#idle.get(part)?.pop() ?? this.#begin(part);
    const { process, config, installed } = sandbox;
    const invocation: Invocation = {
      part,
      process,
      config,
      startedAt: clock.now(),
      faultsBefore: process.faults,
      batch,
      looks: 0,
      wakes: [],
      letters: 0,
      broken: new Set(),
      faults: 0,
      outcome: 'under way',
    };
    sandbox.invocation = invocation;
    watcher.began?.(invocation);
    const ended = await process.perform(() => act(installed, sandbox, invocation), lifeMs(part));
    if (ended.outcome === 'failed') watcher.said?.(wordsOf(ended.error));
    invocation.outcome = ended.outcome;
    invocation.faults = process.faults - invocation.faultsBefore;
    watcher.ended?.(invocation);
    const isCurrent = config === this.#config;
    if (ended.outcome !== 'died' && isCurrent) {
      this.#idle.set(part, [...(this.#idle.get(part) ?? []), sandbox]);
    }
    return invocation;
  }

  #begin(part: HubPart): Sandbox {
    const { clock, fate } = this.#options;
    const process = new Process(clock, fate, `${part} ${++this.#processes}`, (call, given) =>
      this.#conflict(call, given),
    );
    const sandbox: Partial<Sandbox> & Pick<Sandbox, 'process' | 'config'> = { process, config: this.#config };
    return Object.assign(sandbox, {
      installed: this.install(part, process, () => (sandbox as Sandbox).invocation),
    }) as Sandbox;
  }

  /** What the handlers compose at a cold start. */
  install(part: HubPart, process: Process, invocation: () => Invocation) {
    const { fate, watched, watcher, spoil = {} } = this.#options;
    const { clock } = process;
    const memory = process.with(this.#memory, 'memory');
    const own = considerate(
      { memory, clock },
      {
        warn: (message, names) => watcher.said?.(`${message} ${JSON.stringify(names)}`),
        info: (message, names) => watcher.said?.(`${message} ${JSON.stringify(names)}`),
      },
    );
    const looking = <T extends object>(port: T): T => heard(port, () => void invocation().looks++);
    const reading = process.with(looking(watched.functions), 'functions');
    const source = spoil.functions?.(reading, () => invocation().batch) ?? reading;
    const isSweep = part === 'sweep';
    const calling = process.with({ nudge: async () => void this.#callNotify() }, 'nudges');
    const nudges = isSweep ? calling : own.nudges(calling);
    const telemetry = own.telemetry(this.#publishing(process));
    const ledgers = Object.fromEntries(
      SUBJECT_KINDS.map((kind) => [
        kind,
        noting(
          process.with(
            this.#watchedLedger(kind, invocation),
            kind === 'function' ? 'ledger' : 'secretLedger',
            ['subjects'],
          ),
          invocation,
        ),
      ]),
    ) as Record<SubjectKind, Ledger>;
    const wakesOf = (kind: SubjectKind) => {
      const sending = this.#wakes(kind);
      return process.with(spoil.wakes?.(sending) ?? sending, kind === 'function' ? 'wakes' : 'secretWakes');
    };
    const shared = {
      clock,
      random: fate.random('process', process.name),
      nudges,
      telemetry,
      deadLetters: process.with(
        {
          async send(letter: DeadLetter) {
            invocation().letters++;
            watcher.refused?.(letter);
          },
        },
        'deadLetters',
      ),
    };
    const turns = process.with(this.#turns, 'turns');
    return {
      readUntil: own.readUntil,
      ports: {
        ...shared,
        source: own.functions(source, isSweep ? 'sweep' : 'verify-deploy'),
        settled: own.settled,
        fingerprints: own.fingerprints,
        ledger: ledgers.function,
        wakes: wakesOf('function'),
        key: this.#key,
        turns,
        sweeps: process.with(this.#sweeps, 'sweeps'),
        rotation: {
          ...shared,
          secrets: own.secrets(process.with(looking(watched.secrets), 'secrets')),
          probes: own.probes(process.with(looking(watched.probes), 'probes')),
          ledger: ledgers.secret,
          wakes: wakesOf('secret'),
        },
      },
      notifying: {
        clock,
        ledgers,
        turns,
        notices: process.with(
          {
            send: async (severity: Severity, notice: Notice) =>
              watcher.noticed?.(severity, notice, invocation()),
            pause: async (request: PauseRequest) => watcher.paused?.(request, invocation()),
          },
          'notices',
        ),
      },
    };
  }

  #publishing(process: Process): Telemetry {
    const { fate, watcher } = this.#options;
    return {
      publish(metric, value, properties = {}) {
        if (fate.strikes(['metrics refused'], process.name)) {
          process.faults++;
          throw new Error('metrics cannot be written');
        }
        watcher.published?.(metric, value, properties);
      },
    };
  }

  #wakes(kind: SubjectKind): Wakes {
    const { watcher } = this.#options;
    return {
      send: async ({ subject, wake }, delaySeconds) => {
        this.#send(kind, { kind: 'recohere.wake', subject, wake }, delaySeconds * 1000);
        watcher.woken?.(kind, subject, wake);
      },
    };
  }

  #watchedLedger(kind: SubjectKind, invocation: () => Invocation): Ledger {
    const { watcher, spoil } = this.#options;
    const stored = this.#ledgers[kind];
    const ledger = spoil?.ledger?.(stored) ?? stored;
    return swapping(ledger, (next) => watcher.swapped?.(kind, next, invocation()));
  }

  /** Somebody else writes the state that a swap is about to replace, and changes nothing in it. */
  async #conflict(call: string, [next]: readonly unknown[]): Promise<void> {
    const kind: SubjectKind = call.startsWith('ledger') ? 'function' : 'secret';
    const { subject } = next as SubjectState;
    const stored = this.#ledgers[kind].stored(subject);
    if (stored === undefined) return;
    const raced = { ...stored.state, version: stored.state.version + 1 };
    this.#ledgers[kind].plant({ ...stored, state: raced });
    this.#options.watcher.raced?.(kind, raced);
  }
}

/** A ledger of which is told what it is given, in the moment in which it is written. */
function swapping(ledger: Ledger, onSwap: (next: SubjectState) => void): Ledger {
  return {
    read: (subject) => ledger.read(subject),
    record: (episode) => ledger.record(episode),
    history: (subject, limit) => ledger.history(subject, limit),
    subjects: (after) => ledger.subjects(after),
    async swap(next) {
      const isWritten = await ledger.swap(next);
      if (isWritten) onSwap(next);
      return isWritten;
    },
  };
}

/** A ledger whose calls are noted that fail, until they are made again. */
function noting(ledger: Ledger, invocation: () => Invocation): Ledger {
  return heard(ledger, (method, [given]) => {
    const call = `${method} ${typeof given === 'string' ? given : (given as SubjectState | undefined)?.subject}`;
    const { broken } = invocation();
    return (isDone) => void (isDone ? broken.delete(call) : broken.add(call));
  });
}

function lifeMs(part: HubPart): number {
  return LIFE_SECONDS[part] * 1000;
}

/** What a log would have of an error. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const context = 'context' in error ? JSON.stringify(error.context) : '';
  const errors = error instanceof AggregateError ? error.errors.map(wordsOf).join(' ') : '';
  const cause = error.cause === undefined ? '' : wordsOf(error.cause);
  return `${error.message} ${context} ${errors} ${cause}`;
}
