import prettyMilliseconds from 'pretty-ms';
import { createLedgerTable, dynamoLedger } from '../functions/adapters/aws/ledger.ts';
import { startLocalDynamo } from '../functions/adapters/aws/local-dynamo.ts';
import { dynamoSweepLedger } from '../functions/adapters/aws/sweep-ledger.ts';
import { dynamoTurns } from '../functions/adapters/aws/turns.ts';
import { SimulatedNudges } from '../functions/adapters/sim/nudges.ts';
import { SeededRandom } from '../functions/adapters/sim/seeded-random.ts';
import { SimulatedTelemetry } from '../functions/adapters/sim/telemetry.ts';
import { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import { notify } from '../functions/app/notify.ts';
import { overview } from '../functions/app/overview.ts';
import type { SweepPorts } from '../functions/app/sweep.ts';
import { gradeOf } from '../functions/app/telling.ts';
import type { VerifyPorts } from '../functions/app/verify.ts';
import type { ParsedConfig } from '../functions/contract/config.ts';
import { METRICS, type MetricName } from '../functions/contract/metrics.ts';
import type { Overview } from '../functions/contract/overview.ts';

type Ledger = VerifyPorts['ledger'];
export type State = Awaited<ReturnType<Ledger['read']>>;
export type Open = NonNullable<State['open']>;
export type Closed = NonNullable<State['last']>;

/** One line of a story. */
export interface Told {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly what:
    | 'deploy'
    | 'rotation'
    | 'by hand'
    | 'event'
    | 'opened'
    | 'overdue'
    | 'notice'
    | Closed['outcome'];
  readonly subject: string;
  readonly words: string;
}

/** All samples of one metric. */
interface Summed {
  readonly unit: string;
  readonly samples: number;
  readonly sum: number;
}

/** What was played. */
export interface Played {
  readonly story: readonly Told[];
  readonly closed: readonly Closed[];
  readonly open: readonly State[];
  readonly metrics: Readonly<Partial<Record<MetricName, Summed>>>;
  /** What is known at the end. */
  readonly overview: Overview;
}

/** What a story is played on: virtual time, a real DynamoDB-compatible server, and chance that the seed repeats. */
export interface Stage {
  readonly clock: VirtualClock;
  readonly telemetry: SimulatedTelemetry;
  /** Ledgers that tell of each state that is written. */
  readonly functions: Ledger;
  readonly secrets: Ledger;
  readonly sweeps: SweepPorts['sweeps'];
  readonly turns: SweepPorts['turns'];
  /** Whoever is asked tells at once. */
  readonly nudges: SimulatedNudges;
  readonly tell: (what: Told['what'], subject: string, words: string) => void;
  readonly chance: (purpose: string) => SeededRandom;
}

/** What is played. */
interface Story {
  readonly name: string;
  readonly seed: number;
  /** Epoch milliseconds. */
  readonly startAt: number;
  readonly config: ParsedConfig;
}

/**
 * Plays a story: the real use cases, with the ledger on a real server.
 * @param name Keeps its chance apart from that of other stories.
 * @param act Plays it, and says which states it leaves.
 */
export async function playStory(
  { name, seed, startAt, config }: Story,
  act: (stage: Stage) => Promise<readonly State[]>,
): Promise<Played> {
  const dynamo = await startLocalDynamo();
  try {
    const table = await createLedgerTable(dynamo.client, 'recohere-ledger');
    const clock = new VirtualClock(startAt);
    const telemetry = new SimulatedTelemetry();
    const story: Told[] = [];
    const closed: Closed[] = [];
    const tell: Stage['tell'] = (what, subject, words) =>
      story.push({ at: clock.now(), what, subject, words });
    const queue = inCallOrder(clock);
    const ledgerOf = (kind: 'function' | 'secret') =>
      listening(queued(dynamoLedger(dynamo.client, table, kind), queue, ['subjects']), tell, closed);
    const turns = queued(dynamoTurns(dynamo.client, table, clock), queue);
    const sweeps = queued(dynamoSweepLedger(dynamo.client, table), queue);
    const ledgers = { function: ledgerOf('function'), secret: ledgerOf('secret') };
    const notices = telling(tell);
    const stage: Stage = {
      clock,
      telemetry,
      tell,
      functions: ledgers.function,
      secrets: ledgers.secret,
      sweeps,
      turns,
      nudges: new SimulatedNudges(() => notify({ clock, ledgers, turns, notices }, config)),
      chance: (purpose) => new SeededRandom(seed, `${name}: ${purpose}`),
    };
    const ports = { clock, ledgers, sweeps, runs: async () => [] };
    const { states, known } = await clock.run(async () => ({
      states: await act(stage),
      known: await overview(ports, config, { limit: Number.POSITIVE_INFINITY }),
    }));
    const open = states.filter((state) => state.open);
    return { story, closed, open, metrics: summed(telemetry), overview: known };
  } finally {
    await dynamo.stop();
  }
}

export type Queue = <T>(call: () => Promise<T>) => Promise<T>;

/** One call after the other, while the virtual time stands still: else the order of answers would differ each run. */
export function inCallOrder(clock: VirtualClock): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (call) => {
    const answer = clock.outside(() => last.then(call));
    last = answer.catch(() => {});
    return answer;
  };
}

/**
 * A port whose calls wait for their turn.
 * @param streams Calls that give one thing after the other; each is read to its end in one turn.
 */
export function queued<P extends object>(port: P, queue: Queue, streams: readonly (keyof P)[] = []): P {
  const calls = Object.entries(port).map(([name, call]: [string, (...args: unknown[]) => unknown]) => {
    const inTurn = (...args: unknown[]) => queue(async () => call(...args));
    async function* streamed(...args: unknown[]) {
      const all: unknown[] = [];
      await queue(async () => {
        for await (const each of call(...args) as AsyncIterable<unknown>) all.push(each);
      });
      yield* all;
    }
    return [name, streams.some((stream) => stream === name) ? streamed : inTurn];
  });
  return Object.fromEntries(calls);
}

/** Tells of each notice. */
function telling(tell: Stage['tell']): Parameters<typeof notify>[0]['notices'] {
  return {
    send: async (severity, { json }) => {
      const subjects = json.subjects.map(({ subject }) => subject).join(', ');
      tell('notice', subjects, `a ${severity} to who listens`);
    },
    pause: async ({ deployId, subjects }) => tell('notice', subjects.join(', '), `a pause of ${deployId}`),
  };
}

/** Tells of each state that was written. */
function listening(ledger: Ledger, tell: Stage['tell'], closed: Closed[]): Ledger {
  const known = new Map<string, State>();
  return {
    ...ledger,
    async swap(next) {
      const isWritten = await ledger.swap(next);
      if (!isWritten) return false;
      const before = known.get(next.subject);
      known.set(next.subject, next);
      const { subject, open, last } = next;
      if (open && !before?.open) tell('opened', subject, findingsText(open));
      if (open?.isOverdue && !before?.open?.isOverdue) tell('overdue', subject, findingsText(open));
      if (last && last.id !== before?.last?.id) {
        closed.push(last);
        tell(last.outcome, subject, closedText(last));
      }
      return true;
    },
  };
}

function summed({ samples }: SimulatedTelemetry): Played['metrics'] {
  const metrics: Partial<Record<MetricName, Summed>> = {};
  for (const { metric, value } of samples) {
    const before = metrics[metric] ?? { samples: 0, sum: 0 };
    metrics[metric] = { unit: METRICS[metric].unit, samples: before.samples + 1, sum: before.sum + value };
  }
  return metrics;
}

/** What is wrong, in a few words: where, and in which keys. */
function findingsText({ findings, rotation }: Open): string {
  if (rotation) return rotationText(findings);
  const keys = distinct(findings.flatMap((finding) => finding.keys));
  return `${distinct(findings.map(({ replica }) => replica))}: ${keys === '' ? 'update under way' : keys}`;
}

/** How far a version of a secret has not come. */
function rotationText(findings: Open['findings']): string {
  const behind = findings.filter(({ facet }) => facet === 'version' || facet === 'replica');
  if (behind.length > 0) return `${distinct(behind.map(({ replica }) => replica))}: behind`;
  const used = findings.some(({ kind }) => kind === 'stale') ? 'another version is in use' : 'not proven yet';
  return `${distinct(findings.flatMap(({ keys }) => keys))}: ${used}`;
}

function distinct(names: readonly string[]): string {
  return [...new Set(names)].join(', ');
}

function closedText({ outcome, convergenceMs, exposureMs, rotation }: Closed): string {
  if (rotation && outcome === 'forward')
    return `agreed in ${durationText(convergenceMs)}, ${gradeOf(rotation)}`;
  const end = outcome === 'forward' ? `agreed in ${durationText(convergenceMs)}` : 'back where it was';
  return `${end}, exposed for ${durationText(exposureMs)}`;
}

/** The episodes of a story as JSON has them: those that ended, in order, then those that are open. */
export function episodesOf({ closed, open }: Played) {
  const ended = closed.map((episode) => ({
    subject: episode.subject,
    cause: episode.cause,
    outcome: episode.outcome,
    timeToDetectMs: episode.timeToDetectMs,
    convergenceMs: episode.convergenceMs,
    exposureMs: episode.exposureMs,
    resolutionMs: episode.resolutionMs,
    findings: episode.findings,
    ...hopsOf(episode),
  }));
  const lasting = open.flatMap(({ subject, open: episode }) =>
    episode
      ? [
          {
            subject,
            cause: episode.cause,
            outcome: 'open' as const,
            timeToDetectMs: episode.firstSeenAt - episode.cause.at,
            convergenceMs: null,
            exposureMs: null,
            resolutionMs: null,
            findings: episode.findings,
            ...hopsOf(episode),
          },
        ]
      : [],
  );
  return [...ended, ...lasting];
}

/** Of a rotation: the grade of its evidence, and when each hop was done after its cause, at the latest, and on what evidence. */
function hopsOf({ rotation, cause }: Open | Closed) {
  if (rotation === undefined) return {};
  const { versionId, hops } = rotation;
  return {
    version: versionId,
    evidence: gradeOf(rotation),
    hops: hops.map(({ hop, replica, consumer, state, evidence, at }) => ({
      hop,
      replica,
      ...(consumer !== undefined && { consumer }),
      ms: at === null ? null : Math.max(0, at - cause.at),
      state,
      evidence,
    })),
  };
}

/** `4m 2s`; whole seconds. */
export function durationText(ms: number): string {
  return prettyMilliseconds(Math.round(ms / 1000) * 1000);
}
