import { emfTelemetry } from '../../functions/adapters/aws/telemetry.ts';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { SimulatedConsumers } from '../../functions/adapters/sim/simulated-consumers.ts';
import { SimulatedSecrets } from '../../functions/adapters/sim/simulated-secrets.ts';
import { receiveRotation } from '../../functions/app/receive.ts';
import { type LoadReport, REPORT_DETAIL_TYPE, REPORT_SOURCE } from '../../functions/contract/probe.ts';
import { CALL_MS, configOf, linesOf, measuring } from './measuring.ts';

/** Time from one rotation to the next in which all messages of the first are handled. */
const HOUR_MS = 3_600_000;
const SECRET = 'production/checkout/database';
const CONSUMER = 'production-checkout-api';

/** A secret with one consumer, which runs in all regions, reports, and is probed. */
export interface Rotated {
  readonly regions: readonly string[];
  /** Of the consumer in each region; each reports when its cache has ended, one after the other. */
  readonly processes: number;
  readonly cacheSeconds: number;
  /** That tell of one rotation in each region, beside reports. */
  readonly events: number;
}

/** What one rotation takes until it is agreed everywhere. */
export interface MeasuredRotation {
  /** Events, reports, and requests to look again. */
  readonly messages: number;
  /** Of waiting, for all messages together. */
  readonly seconds: number;
  readonly readUnits: number;
  readonly writes: number;
  /** Calls of Secrets Manager. */
  readonly secretCalls: number;
  readonly probes: number;
  /** Lines of metrics, as they are logged. */
  readonly logLines: readonly string[];
  /** Of the largest item that was written, as JSON, which is more than DynamoDB counts. */
  readonly itemBytes: number;
}

/** Rotates a simulated secret, and handles all messages by the real use case, each at its time and in a process of its own. */
export function measureRotation({
  regions,
  processes,
  cacheSeconds,
  events,
}: Rotated): Promise<MeasuredRotation> {
  return measuring(async ({ clock, ledgerOf, consumed, newProcess }) => {
    let secretCalls = 0;
    let probed = 0;
    let messages = 0;
    let waited = 0;
    const vault = new SimulatedSecrets(
      clock,
      () => CALL_MS,
      () => CALL_MS,
    );
    vault.inject('describe', () => secretCalls++);
    vault.inject('hasVersion', () => secretCalls++);
    const consumers = new SimulatedConsumers(
      clock,
      vault,
      () => {},
      () => {
        probed++;
        return CALL_MS;
      },
    );
    const places = regions.map((region) => ({ region }));
    const [primary = { region: '' }, ...replicas] = places;
    const config = configOf({
      hub: { region: primary.region },
      replicas: places,
      secrets: [{ name: SECRET, consumers: [{ name: CONSUMER, cacheSeconds, probe: CONSUMER }] }],
    });

    const handled: Promise<void>[] = [];
    const send = (message: object, delayMs: number) => handled.push(handle(JSON.stringify(message), delayMs));
    const handle = async (body: string, delayMs: number) => {
      await clock.sleep(delayMs);
      const startedAt = clock.now();
      const telemetry = emfTelemetry();
      const ports = {
        clock,
        telemetry,
        random: new SeededRandom(1, `delays ${messages}`),
        ledger: ledgerOf('secret'),
        secrets: newProcess().secrets(vault),
        probes: consumers,
        nudges: {
          nudge: async () => {
            throw new Error('nothing is late, so nobody is told');
          },
        },
        wakes: {
          send: async (wake: object, seconds: number) => {
            send({ kind: 'recohere.wake', ...wake }, seconds * 1000);
          },
        },
        deadLetters: {
          send: async () => {
            throw new Error('no message is a dead letter');
          },
        },
      };
      messages++;
      await receiveRotation(ports, config, { messageId: `${messages}`, body, tries: 1 });
      waited += clock.now() - startedAt;
    };
    const tell = (region: string, source: string, type: string, detail: object, delayMs: number) => {
      const envelope = { id: `${handled.length}`, account: '111111111111', region };
      const time = new Date(clock.now()).toISOString();
      send({ ...envelope, time, source, 'detail-type': type, detail }, delayMs);
    };
    /** All messages of one rotation, to the last of those that they cause. */
    const rotate = async (versionId: string) => {
      vault.rotate(primary, SECRET, versionId);
      const label = { name: SECRET, labelUpdated: 'AWSCURRENT', versionId };
      for (const region of regions) {
        for (let event = 0; event < events; event++)
          tell(region, 'aws.secretsmanager', 'Secret Label Updated', label, 0);
        for (let process = 0; process < processes; process++) {
          const delayMs = CALL_MS + (cacheSeconds * 1000 * (process + 1)) / processes;
          const loadedAt = new Date(clock.now() + delayMs).toISOString();
          const report: LoadReport = {
            consumer: CONSUMER,
            process: `process-${process}`,
            secret: SECRET,
            versionId,
            loadedAt,
          };
          tell(region, REPORT_SOURCE, REPORT_DETAIL_TYPE, report, delayMs);
        }
      }
      for (let next = handled.shift(); next; next = handled.shift()) await next;
    };

    vault.create(primary, SECRET, replicas, 'none');
    await linesOf(() => rotate('one'));
    await clock.sleep(HOUR_MS);
    const before = { ...consumed };
    secretCalls = probed = messages = waited = 0;
    const logLines = await linesOf(() => rotate('two'));
    return {
      messages,
      seconds: waited / 1000,
      readUnits: consumed.readUnits - before.readUnits,
      writes: consumed.writes - before.writes,
      secretCalls,
      probes: probed,
      logLines,
      itemBytes: consumed.itemBytes,
    };
  });
}
