import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedConsumers } from '../../../functions/adapters/sim/simulated-consumers.ts';
import { SimulatedSecrets } from '../../../functions/adapters/sim/simulated-secrets.ts';
import { VirtualClock } from '../../../functions/adapters/sim/virtual-clock.ts';
import type { LoadReport } from '../../../functions/contract/probe.ts';
import type { Place } from '../../../functions/core/place.ts';
import { PROBE_TIMEOUT_MS } from '../../../functions/ports/consumer-probes.ts';

const START = Date.UTC(2026, 0, 5);
const PRIMARY: Place = { region: 'us-east-1' };
const REPLICA: Place = { region: 'eu-west-1' };
const LAG_MS = 5_000;
const CACHE_MS = 60_000;
const PROBE_MS = 300;

describe('simulated consumers', () => {
  let clock: VirtualClock;
  let secrets: SimulatedSecrets;
  let consumers: SimulatedConsumers;
  let reports: (readonly [Place, LoadReport])[];

  beforeEach(() => {
    clock = new VirtualClock(START);
    reports = [];
    secrets = new SimulatedSecrets(
      clock,
      () => 0,
      () => LAG_MS,
    );
    secrets.create(PRIMARY, 'db', [REPLICA], 'v1');
    consumers = new SimulatedConsumers(
      clock,
      secrets,
      (place, report) => reports.push([place, report]),
      () => PROBE_MS,
    );
    consumers.add({ name: 'checkout', secret: 'db', cacheMs: CACHE_MS });
  });

  const pass = (ms: number) => clock.run(() => clock.sleep(ms));
  const use = (place: Place, process = 'p1') => consumers.use(place, 'checkout', process);
  const reported = () => reports.map(([{ region }, report]) => [region, report.process, report.versionId]);

  it('report what they load first, and when', () => {
    expect(use(REPLICA)).toBe('v1');
    const loadedAt = '2026-01-05T00:00:00.000Z';
    expect(reports).toEqual([
      [REPLICA, { consumer: 'checkout', process: 'p1', secret: 'db', versionId: 'v1', loadedAt }],
    ]);
  });

  it('keep what they have until their cache ends, then report another version once', async () => {
    use(PRIMARY);
    secrets.rotate(PRIMARY, 'db', 'v2');
    await pass(CACHE_MS - 1);
    expect(use(PRIMARY)).toBe('v1');
    await pass(1);
    for (const _ of [1, 2]) expect(use(PRIMARY)).toBe('v2');
    await pass(CACHE_MS);
    use(PRIMARY); // loads the same again
    expect(reported()).toEqual([
      [PRIMARY.region, 'p1', 'v1'],
      [PRIMARY.region, 'p1', 'v2'],
    ]);
  });

  it('load from their own region, each process on its own', async () => {
    secrets.rotate(PRIMARY, 'db', 'v2');
    expect([use(PRIMARY), use(REPLICA)]).toEqual(['v2', 'v1']);
    await pass(LAG_MS);
    expect([use(REPLICA), use(REPLICA, 'p2')]).toEqual(['v1', 'v2']);
    expect(reported()).toEqual([
      [PRIMARY.region, 'p1', 'v2'],
      [REPLICA.region, 'p1', 'v1'],
      [REPLICA.region, 'p2', 'v2'],
    ]);
  });

  it('go on with what they had if there is nothing to load', async () => {
    use(REPLICA);
    secrets.removeReplica(REPLICA, 'db');
    await pass(CACHE_MS);
    expect([use(REPLICA), use(REPLICA, 'p2')]).toEqual(['v1', undefined]);
    expect(reports).toHaveLength(1);
  });

  describe('probes', () => {
    const probe = (place: Place) => clock.run(() => consumers.probe(place, 'checkout', 'db'));
    const refusal = (code: string) => ({ refusal: { code, call: 'lambda:InvokeFunction' } });

    it('load afresh, without a report, whatever processes keep', async () => {
      use(REPLICA);
      secrets.rotate(PRIMARY, 'db', 'v2');
      expect([await probe(PRIMARY), await probe(REPLICA)]).toEqual([
        { versionId: 'v2' },
        { versionId: 'v1' },
      ]);
      expect(clock.now()).toBe(START + 2 * PROBE_MS);
      await pass(LAG_MS);
      expect([use(REPLICA), await probe(REPLICA)]).toEqual(['v1', { versionId: 'v2' }]);
      expect(reports).toHaveLength(1);
    });

    it('fail where there is nothing to load', async () => {
      secrets.removeReplica(REPLICA, 'db');
      expect(await probe(REPLICA)).toEqual(refusal('PROBE_FAILED'));
    });

    for (const { behaviour, probed, ms } of [
      { behaviour: 'fails', probed: refusal('PROBE_FAILED'), ms: PROBE_MS },
      { behaviour: 'is silent', probed: refusal('PROBE_SILENT'), ms: PROBE_TIMEOUT_MS },
      { behaviour: 'is throttled', probed: refusal('THROTTLED'), ms: PROBE_MS },
      { behaviour: { claims: 'never' }, probed: { versionId: 'never' }, ms: PROBE_MS },
    ] as const) {
      it(`do in one place what they are told to: ${JSON.stringify(behaviour)}`, async () => {
        consumers.behave(REPLICA, 'checkout', behaviour);
        expect(await probe(REPLICA)).toEqual(probed);
        expect(clock.now()).toBe(START + ms);
        expect(await probe(PRIMARY)).toEqual({ versionId: 'v1' });
        consumers.behave(REPLICA, 'checkout', 'loads');
        expect(await probe(REPLICA)).toEqual({ versionId: 'v1' });
      });
    }
  });
});
