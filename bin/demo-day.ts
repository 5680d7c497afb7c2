import prettyMilliseconds from 'pretty-ms';
import { createLedgerTable, dynamoLedger } from '../functions/adapters/aws/ledger.ts';
import { startLocalDynamo } from '../functions/adapters/aws/local-dynamo.ts';
import { DEMO_REGIONS } from '../functions/adapters/sim/demo-world.ts';
import { SeededRandom } from '../functions/adapters/sim/seeded-random.ts';
import { SimulatedRegions } from '../functions/adapters/sim/simulated-regions.ts';
import { SimulatedTelemetry } from '../functions/adapters/sim/telemetry.ts';
import { VirtualClock } from '../functions/adapters/sim/virtual-clock.ts';
import { SimulatedWakes } from '../functions/adapters/sim/wakes.ts';
import { hear } from '../functions/app/hear.ts';
import {
  installationKey,
  sweep,
  type VerifyPorts,
  verifyChange,
  verifyWake,
} from '../functions/app/verify.ts';
import type { ParsedConfig } from '../functions/contract/config.ts';
import { deployEventSchema } from '../functions/contract/events.ts';
import { METRICS, type MetricName } from '../functions/contract/metrics.ts';

/** Monday, when the functions of the day have long been deployed and nothing is open. */
const MORNING = Date.UTC(2026, 0, 5, 9);
const MINUTE_MS = 60_000;
const SWEEP_EVERY_MS = 5 * MINUTE_MS;
const LENGTH_MS = 7 * 60 * MINUTE_MS;

type Ledger = VerifyPorts['ledger'];
type State = Awaited<ReturnType<Ledger['read']>>;
type Closed = NonNullable<State['last']>;

/** One line of the day's story. */
export interface Told {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly what: 'deploy' | 'by hand' | 'event' | 'opened' | 'overdue' | Closed['outcome'];
  readonly subject: string;
  readonly words: string;
}

/** All samples of one metric. */
interface Summed {
  readonly unit: string;
  readonly samples: number;
  readonly sum: number;
}

export interface Day {
  readonly story: readonly Told[];
  readonly closed: readonly Closed[];
  readonly open: readonly State[];
  readonly metrics: Readonly<Partial<Record<MetricName, Summed>>>;
}

/**
 * Plays a working day over simulated regions: the real use cases, on virtual time, with the ledger on a real
 * DynamoDB-compatible server. The seed chooses delays, and the order in which repeated events come.
 */
export async function playDay(seed: number, config: ParsedConfig): Promise<Day> {
  const dynamo = await startLocalDynamo();
  try {
    const ledger = dynamoLedger(dynamo.client, await createLedgerTable(dynamo.client, 'recohere-ledger'));
    const clock = new VirtualClock(MORNING - 24 * 60 * MINUTE_MS);
    return await clock.run(() => play(seed, config, clock, ledger));
  } finally {
    await dynamo.stop();
  }
}

async function play(seed: number, config: ParsedConfig, clock: VirtualClock, stored: Ledger): Promise<Day> {
  const latency = new SeededRandom(seed, 'day: latency');
  const chance = new SeededRandom(seed, 'day: delivery');
  const world = new SimulatedRegions(clock, () => 40 + latency.below(200));
  const telemetry = new SimulatedTelemetry();
  const story: Told[] = [];
  const closed: Closed[] = [];
  const tell = (what: Told['what'], subject: string, words: string) =>
    story.push({ at: clock.now(), what, subject, words });
  const ledger = listening(inCallOrder(stored, clock), tell, closed);
  const wakes = new SimulatedWakes(clock, (wake) => verifyWake(ports, config, wake));
  const ports: VerifyPorts = {
    source: world,
    clock,
    ledger,
    wakes,
    telemetry,
    random: new SeededRandom(seed, 'day: delays'),
    key: installationKey('demo', new SeededRandom(seed, 'day: key').bytes(32)),
  };

  const handlers: Promise<void>[] = [];
  /** CloudFormation tells of one function, some seconds later, perhaps several times, in any order. */
  const event = (subject: string, region: string, copies: number) => {
    const json = resourceEvent(clock.now(), subject, region, handlers.length);
    const heard = hear(deployEventSchema.parse(json));
    for (let copy = 0; heard && copy < copies; copy++) {
      const arrival = clock.sleep(1000 + chance.below(4000));
      handlers.push(arrival.then(() => verifyChange(ports, config, heard.change, heard.concern)));
    }
  };
  const deploy = (subject: string, region: string, environment: Record<string, string>, copies = 1) => {
    world.deploy({ region }, subject, { environment, updateMs: 2000 });
    tell(
      copies > 0 ? 'deploy' : 'by hand',
      subject,
      copies === 1 ? region : `${region}, ${eventsText(copies)}`,
    );
    event(subject, region, copies);
  };

  for (const region of DEMO_REGIONS) {
    for (const subject of SUBJECTS) world.deploy({ region }, subject, { environment: release(1) });
  }
  await clock.sleep(24 * 60 * MINUTE_MS);
  const script = scriptOf(deploy, (subject, region) => {
    tell('event', subject, `${region}, and nothing moved`);
    event(subject, region, 1);
  });
  for (let elapsed = 0; elapsed <= LENGTH_MS; elapsed += MINUTE_MS) {
    if (elapsed % SWEEP_EVERY_MS === 0) handlers.push(sweep(ports, config));
    for (const { minute, act } of script) if (minute * MINUTE_MS === elapsed) act();
    await clock.sleep(MINUTE_MS);
  }
  await Promise.all(handlers);
  await wakes.drained();

  const states = await Promise.all(SUBJECTS.map((subject) => ledger.read(subject)));
  return { story, closed, open: states.filter(({ open }) => open !== undefined), metrics: summed(telemetry) };
}

const SUBJECTS = [
  'catalog',
  'checkout-api',
  'inventory-sync',
  'orders-worker',
  'payments',
  'pricing',
  'search-indexer',
];

type Deploy = (subject: string, region: string, environment: Record<string, string>, copies?: number) => void;

function release(number: number): Record<string, string> {
  return { RELEASE: `build-${number}` };
}

/** What happens, by the minute since the morning; each subject shows one case. */
function scriptOf(deploy: Deploy, touch: (subject: string, region: string) => void) {
  const [first, second, third] = DEMO_REGIONS;
  const at = (minute: number, act: () => void) => ({ minute, act });
  return [
    // in waves over three regions, every event five times and in any order
    at(11, () => deploy('checkout-api', first, release(2), 5)),
    at(13, () => deploy('checkout-api', second, release(2), 5)),
    at(16, () => deploy('checkout-api', third, release(2), 5)),
    // never reaches the third region
    at(62, () => deploy('inventory-sync', first, release(2))),
    at(63, () => deploy('inventory-sync', second, release(2))),
    // rolled back
    at(121, () => deploy('payments', first, release(2))),
    at(123, () => deploy('payments', first, release(1))),
    // an event of a stack that moved nothing
    at(182, () => touch('orders-worker', first)),
    // a pipeline that goes back and forth
    ...[0, 2, 4, 6].flatMap((minute, turn) => [
      at(242 + minute, () => deploy('pricing', first, release(2 - (turn % 2)))),
      at(243 + minute, () => {
        deploy('pricing', second, release(2 - (turn % 2)));
        deploy('pricing', third, release(2 - (turn % 2)));
      }),
    ]),
    // by hand, and the event is lost; put right later
    at(301, () => deploy('search-indexer', second, release(0), 0)),
    at(318, () => deploy('search-indexer', second, release(1))),
  ];
}

function resourceEvent(at: number, subject: string, region: string, number: number) {
  return {
    id: `event-${number}`,
    account: '111111111111',
    region,
    time: new Date(at).toISOString(),
    source: 'aws.cloudformation',
    'detail-type': 'CloudFormation Resource Status Change',
    detail: {
      'stack-id': `arn:aws:cloudformation:${region}:111111111111:stack/${subject}/1`,
      'logical-resource-id': 'Function',
      'physical-resource-id': subject,
      'resource-type': 'AWS::Lambda::Function',
      'status-details': { status: 'UPDATE_COMPLETE' },
    },
  };
}

function eventsText(copies: number): string {
  return copies === 0 ? 'and the event is lost' : `told ${copies} times`;
}

/** One call after the other, while the virtual time stands still: else the order of answers would differ each run. */
function inCallOrder(ledger: Ledger, clock: VirtualClock): Ledger {
  let last: Promise<unknown> = Promise.resolve();
  const queued = <T>(call: () => Promise<T>): Promise<T> => {
    const answer = clock.outside(() => last.then(call));
    last = answer.catch(() => {});
    return answer;
  };
  return {
    read: (subject) => queued(() => ledger.read(subject)),
    swap: (next) => queued(() => ledger.swap(next)),
    record: (episode) => queued(() => ledger.record(episode)),
    history: (subject, limit) => queued(() => ledger.history(subject, limit)),
    async *subjects() {
      const all: string[] = [];
      await queued(async () => {
        for await (const subject of ledger.subjects()) all.push(subject);
      });
      yield* all;
    },
  };
}

/** Tells of each state that was written. */
function listening(
  ledger: Ledger,
  tell: (what: Told['what'], subject: string, words: string) => void,
  closed: Closed[],
): Ledger {
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

function findingsText({ findings }: Pick<Closed, 'findings'>): string {
  const replicas = [...new Set(findings.map(({ replica }) => replica))].join(', ');
  const keys = [...new Set(findings.flatMap((finding) => finding.keys))].join(', ');
  return keys === '' ? `${replicas}: update under way` : `${replicas}: ${keys}`;
}

function closedText({ outcome, convergenceMs, exposureMs }: Closed): string {
  const end = outcome === 'forward' ? `agreed in ${durationText(convergenceMs)}` : 'back where it was';
  return `${end}, exposed for ${durationText(exposureMs)}`;
}

/** The episodes of a day as JSON has them: those that ended, in order, then those that are open. */
export function episodesOf({ closed, open }: Day) {
  const ended = closed.map((episode) => ({
    subject: episode.subject,
    cause: episode.cause,
    outcome: episode.outcome,
    timeToDetectMs: episode.timeToDetectMs,
    convergenceMs: episode.convergenceMs,
    exposureMs: episode.exposureMs,
    resolutionMs: episode.resolutionMs,
    findings: episode.findings,
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
          },
        ]
      : [],
  );
  return [...ended, ...lasting];
}

/** `4m 2s`; whole seconds. */
export function durationText(ms: number): string {
  return prettyMilliseconds(Math.round(ms / 1000) * 1000);
}

function summed({ samples }: SimulatedTelemetry): Day['metrics'] {
  const metrics: Partial<Record<MetricName, Summed>> = {};
  for (const { metric, value } of samples) {
    const before = metrics[metric] ?? { samples: 0, sum: 0 };
    metrics[metric] = { unit: METRICS[metric].unit, samples: before.samples + 1, sum: before.sum + value };
  }
  return metrics;
}
