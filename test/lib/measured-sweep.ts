import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { vi } from 'vitest';
import { createLedgerTable, dynamoLedger } from '../../functions/adapters/aws/ledger.ts';
import { startLocalDynamo } from '../../functions/adapters/aws/local-dynamo.ts';
import { emfTelemetry } from '../../functions/adapters/aws/telemetry.ts';
import { SimulatedAccessMemory } from '../../functions/adapters/sim/access-memory.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { considerate } from '../../functions/app/considerate.ts';
import { installationKey, sweep, type VerifyPorts } from '../../functions/app/verify.ts';
import { parseConfig, type RecohereConfig } from '../../functions/contract/config.ts';
import { METRIC_NAMES } from '../../functions/contract/metrics.ts';

/** A page of 50 functions, or any other call of a region on another continent. */
const CALL_MS = 2000;
const LEDGER_CALL_MS = 50;
const DAY_MS = 86_400_000;

type Ledger = VerifyPorts['ledger'];

/** What one sweep takes when nothing has changed, and what is written when everything has. */
export interface MeasuredSweep {
  /** Of waiting, by the pace of the deployed functions. */
  readonly seconds: number;
  readonly readUnits: number;
  readonly writes: number;
  /** Lines of metrics, as they are logged. */
  readonly logLines: readonly string[];
  /** Of the largest item that was written before, as JSON, which is more than DynamoDB counts. */
  readonly itemBytes: number;
}

/**
 * Sweeps simulated regions, by the real use case with its pace, over a ledger on a DynamoDB-compatible server, which says
 * what each call consumes. Every function has been deployed before, so that every state remembers an episode. Functions
 * are found by the tags of their stack, which takes more calls than by their names.
 * @param qualifier An alias by which all functions are watched.
 */
export async function measureSweep(
  regions: readonly string[],
  functions: number,
  qualifier?: string,
): Promise<MeasuredSweep> {
  const dynamo = await startLocalDynamo();
  const { consumed, stop } = countConsumption();
  const clock = new VirtualClock(Date.UTC(2026, 0, 5, 9));
  const world = new SimulatedRegions(clock, () => CALL_MS);
  const deploy = (release: string) => {
    for (const region of regions) {
      for (let id = 0; id < functions; id++) {
        const name = `production-checkout-service-Function${id}`;
        const tags = {
          'aws:cloudformation:stack-name': 'production-checkout-service',
          'aws:cloudformation:logical-id': `Function${id}`,
        };
        world.deploy({ region }, name, { environment: { RELEASE: release }, tags });
        if (qualifier)
          world.point({ region }, name, qualifier, {
            version: world.publish({ region }, name),
            weighted: false,
          });
      }
    }
  };
  try {
    const ledger = onClock(
      dynamoLedger(dynamo.client, await createLedgerTable(dynamo.client, 'ledger')),
      clock,
    );
    const config = configOf({
      hub: { region: regions[0] ?? '' },
      replicas: regions.map((region) => ({ region })),
      functions: [{ select: { stack: '*' }, identity: 'stack+logicalId', ...(qualifier && { qualifier }) }],
    });
    /** In a process of its own, which is the dearer case: the last one's pace is forgotten, and so is its key. */
    const sweepOnce = async () => {
      const telemetry = emfTelemetry();
      const memory = new SimulatedAccessMemory(clock, () => LEDGER_CALL_MS);
      const { source } = considerate({ source: world, memory, clock }, 'sweep', { warn() {}, info() {} });
      const key = installationKey('cost', new SeededRandom(1, 'key').bytes(32));
      const wakes = { send: async () => {} };
      const random = new SeededRandom(1, 'delays');
      await sweep({ source, clock, ledger, telemetry, random, key, wakes }, config);
      telemetry.publishStored();
    };
    return await clock.run(async () => {
      for (const release of ['one', 'two']) {
        deploy(release);
        await clock.sleep(DAY_MS);
        await linesOf(sweepOnce);
      }
      const before = { ...consumed };
      const startedAt = clock.now();
      const logLines = await linesOf(sweepOnce);
      return {
        seconds: (clock.now() - startedAt) / 1000,
        readUnits: consumed.readUnits - before.readUnits,
        writes: consumed.writes - before.writes,
        logLines,
        itemBytes: consumed.itemBytes,
      };
    });
  } finally {
    stop();
    await dynamo.stop();
  }
}

/** Every series that can come into being: each metric, published alone and with properties. */
export async function publishedSeries(): Promise<ReadonlySet<string>> {
  const lines = await linesOf(async () => {
    const telemetry = emfTelemetry();
    for (const metric of METRIC_NAMES) {
      telemetry.publish(metric, 1);
      telemetry.publish(metric, 1, { subject: 'a', episode: 'b' });
    }
    telemetry.publishStored();
  });
  return new Set(lines.flatMap(seriesOf));
}

interface EmfLine extends Readonly<Record<string, unknown>> {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly StorageResolution?: number }[];
    }[];
  };
}

/** The series of a line in the embedded metric format. */
function seriesOf(line: string): string[] {
  const emf: EmfLine = JSON.parse(line);
  return emf._aws.CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) =>
    Metrics.flatMap(({ Name, StorageResolution = 60 }) =>
      Dimensions.map((names) =>
        JSON.stringify([Namespace, Name, StorageResolution, ...names.map((name) => [name, emf[name]])]),
      ),
    ),
  );
}

function configOf(written: RecohereConfig) {
  const parsed = parseConfig(written);
  if (!parsed.ok) throw new Error(parsed.mistakes.join());
  return parsed.config;
}

/** What is logged meanwhile. */
async function linesOf(work: () => Promise<void>): Promise<string[]> {
  vi.stubEnv('POWERTOOLS_SERVICE_NAME', 'recohere');
  let logged = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    logged += text;
    return true;
  });
  try {
    await work();
  } finally {
    write.mockRestore();
    vi.unstubAllEnvs();
  }
  return logged.split('\n').filter((line) => line !== '');
}

/** Calls take their time on the virtual clock, which stands still while the server works. */
function onClock(ledger: Ledger, clock: VirtualClock): Ledger {
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    await clock.sleep(LEDGER_CALL_MS);
    return clock.outside(work);
  };
  return {
    read: (subject) => call(() => ledger.read(subject)),
    swap: (next) => call(() => ledger.swap(next)),
    record: (episode) => call(() => ledger.record(episode)),
    history: (subject, limit) => call(() => ledger.history(subject, limit)),
    async *subjects() {
      const all: string[] = [];
      await call(async () => {
        for await (const subject of ledger.subjects()) all.push(subject);
      });
      yield* all;
    },
  };
}

type Send = (
  this: unknown,
  command: { readonly input: { readonly Item?: object; ReturnConsumedCapacity?: string } },
  ...rest: unknown[]
) => Promise<{ readonly ConsumedCapacity?: { readonly CapacityUnits?: number } }>;

/** Adds up what the calls of all clients consume from now on, as the server says. */
function countConsumption() {
  const consumed = { readUnits: 0, writes: 0, itemBytes: 0 };
  const prototype = DynamoDBClient.prototype as unknown as { send: Send };
  const { send } = prototype;
  const spy = vi.spyOn(prototype, 'send').mockImplementation(async function (
    this: unknown,
    command,
    ...rest
  ) {
    const { input } = command;
    input.ReturnConsumedCapacity = 'TOTAL';
    const answer = await send.call(this, command, ...rest);
    if (input.Item) {
      consumed.writes++;
      consumed.itemBytes = Math.max(consumed.itemBytes, Buffer.byteLength(JSON.stringify(input.Item)));
    } else {
      consumed.readUnits += answer.ConsumedCapacity?.CapacityUnits ?? 0;
    }
    return answer;
  });
  return { consumed, stop: () => spy.mockRestore() };
}
