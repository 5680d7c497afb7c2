import { emfTelemetry } from '../../functions/adapters/aws/telemetry.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedConsumers } from '../../functions/adapters/sim/simulated-consumers.ts';
import { SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { SimulatedSecrets } from '../../functions/adapters/sim/simulated-secrets.ts';
import { sweep } from '../../functions/app/sweep.ts';
import { installationKey } from '../../functions/app/verify.ts';
import { widget } from '../../functions/app/widget.ts';
import {
  CRITICAL_EVERY_MINUTES,
  SECRETS_SWEEP_EVERY_MINUTES,
  SWEEP_EVERY_MINUTES,
} from '../../functions/contract/deployment.ts';
import { METRIC_NAMES } from '../../functions/contract/metrics.ts';
import { widgetSchema } from '../../functions/contract/widget.ts';
import { CALL_MS, configOf, linesOf, measuring } from './measuring.ts';

const DAY_MS = 86_400_000;

/** What is watched. */
export interface Watched {
  readonly regions: readonly string[];
  /** In each region. */
  readonly functions: number;
  /** Each with a replica in all regions. */
  readonly secrets: number;
  /** So many of the functions are critical. @default 0 */
  readonly critical?: number;
}

/** What one sweep takes when nothing has changed, on the average of all from one look at secrets to the next. */
export interface MeasuredSweep {
  /** Of waiting, by the pace of the deployed functions. */
  readonly seconds: number;
  readonly readUnits: number;
  /** Where it is, and whose turn it is. */
  readonly writes: number;
  /** Calls of Secrets Manager. */
  readonly secretCalls: number;
  /** Lines of metrics, as they are logged. */
  readonly logLines: readonly string[];
  /** Of the largest item that was written before, as JSON, which is more than DynamoDB counts. */
  readonly itemBytes: number;
  /** What the widget takes to draw all of it once. */
  readonly view: { readonly seconds: number; readonly readUnits: number };
}

/**
 * Sweeps simulated regions, by the real use case with its pace. Every function has been deployed before, and every secret
 * rotated, so that every state remembers an episode. Functions are found by the tags of their stack, which takes more calls than
 * by their names.
 * @param qualifier An alias by which all functions are watched.
 */
export function measureSweep(
  { regions, functions, secrets, critical = 0 }: Watched,
  qualifier?: string,
): Promise<MeasuredSweep> {
  const everyMinutes = critical > 0 ? CRITICAL_EVERY_MINUTES : SWEEP_EVERY_MINUTES;
  return measuring(async ({ clock, ledgerOf, turns, sweeps, consumed, newProcess }) => {
    const world = new SimulatedRegions(clock, () => CALL_MS);
    const vault = new SimulatedSecrets(
      clock,
      () => CALL_MS,
      () => CALL_MS,
    );
    const probes = new SimulatedConsumers(
      clock,
      vault,
      () => {},
      () => CALL_MS,
    );
    const places = regions.map((region) => ({ region }));
    const [primary = { region: '' }, ...replicas] = places;
    const names = Array.from({ length: secrets }, (_none, id) => `production/checkout/database-${id}`);
    for (const name of names) vault.create(primary, name, replicas, 'none');
    const release = (id: string) => {
      for (const place of places) {
        for (let position = 0; position < functions; position++) {
          const name = `production-checkout-service-Function${position}`;
          const stack = `production-checkout-service${position < critical ? '-critical' : ''}`;
          const tags = {
            'aws:cloudformation:stack-name': stack,
            'aws:cloudformation:logical-id': `Function${position}`,
          };
          world.deploy(place, name, { environment: { RELEASE: id }, tags });
          if (qualifier)
            world.point(place, name, qualifier, { version: world.publish(place, name), weighted: false });
        }
      }
      for (const name of names) vault.rotate(primary, name, id);
    };
    const group = { identity: 'stack+logicalId', ...(qualifier && { qualifier }) } as const;
    const config = configOf({
      hub: { region: primary.region },
      replicas: places,
      functions: [
        ...(critical > 0 ? [{ ...group, select: { stack: '*-critical' }, critical: true }] : []),
        { ...group, select: { stack: '*' } },
      ],
      secrets: names.map((name) => ({ name })),
    });
    let secretCalls = 0;
    vault.inject('describe', () => secretCalls++);
    vault.inject('hasVersion', () => secretCalls++);
    /** In a process of its own, so that the key is forgotten too. */
    const sweepOnce = async () => {
      const process = newProcess();
      const telemetry = emfTelemetry();
      const key = installationKey('cost', new SeededRandom(1, 'key').bytes(32));
      const wakes = { send: async () => {} };
      const nudges = { nudge: async () => {} };
      const shared = { clock, telemetry, wakes, nudges, random: new SeededRandom(1, 'delays') };
      const source = process.functions(world, 'sweep');
      const rotation = { ...shared, probes, secrets: process.secrets(vault), ledger: ledgerOf('secret') };
      const looking = { ...shared, source, ledger: ledgerOf('function'), key, rotation };
      const overAt = clock.now() + SWEEP_EVERY_MINUTES * 60_000;
      await sweep({ ...looking, turns, sweeps }, config, { until: overAt, overAt, readUntil: () => {} });
      telemetry.publishStored();
    };

    for (const id of ['one', 'two']) {
      release(id);
      await clock.sleep(DAY_MS);
      await linesOf(sweepOnce);
    }
    // that no event told of them is known a while later
    await clock.sleep(DAY_MS);
    await linesOf(sweepOnce);
    await clock.sleep(DAY_MS - (clock.now() % DAY_MS)); // so that the first one looks at all, and at secrets only this one
    const count = SECRETS_SWEEP_EVERY_MINUTES / everyMinutes;
    const before = { ...consumed };
    secretCalls = 0;
    let waited = 0;
    let logLines: readonly string[] = [];
    for (let sweeps = 0; sweeps < count; sweeps++) {
      const startedAt = clock.now();
      const lines = await linesOf(sweepOnce);
      if (sweeps === 0) logLines = lines; // that of the most
      waited += clock.now() - startedAt;
      await clock.sleep(everyMinutes * 60_000 - (clock.now() - startedAt));
    }
    const swept = {
      seconds: waited / count / 1000,
      readUnits: (consumed.readUnits - before.readUnits) / count,
      writes: (consumed.writes - before.writes) / count,
      secretCalls: secretCalls / count,
      logLines,
      itemBytes: consumed.itemBytes,
    };
    const [viewedAt, readBefore] = [clock.now(), consumed.readUnits];
    const ledgers = { function: ledgerOf('function'), secret: ledgerOf('secret') };
    const unasked = { runs: async () => [], verify: async () => ({}) };
    await widget({ clock, ledgers, sweeps, ...unasked }, config, widgetSchema.parse({}), 'arn');
    const view = {
      seconds: (clock.now() - viewedAt) / 1000,
      readUnits: consumed.readUnits - readBefore,
    };
    return { ...swept, view };
  });
}

/** Every series that can come into being: each of the metrics, published alone and with properties. */
export async function publishedSeries(metrics = METRIC_NAMES): Promise<ReadonlySet<string>> {
  const lines = await linesOf(async () => {
    const telemetry = emfTelemetry();
    for (const metric of metrics) {
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
