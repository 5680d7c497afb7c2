import { describe, expect, it } from 'vitest';
import { SimulatedRunLedger } from '../../../functions/adapters/sim/run-ledger.ts';
import { SeededRandom } from '../../../functions/adapters/sim/seeded-random.ts';
import { VirtualClock } from '../../../functions/adapters/sim/virtual-clock.ts';
import { runKey, segmentKey } from '../../../functions/contract/ledger.ts';
import { RefusedError } from '../../../functions/core/errors.ts';
import { newSegment } from '../../../functions/core/run.ts';
import { describeRunLedger, runOf } from '../../contract/run-ledger.ts';

const CALL_MS = 20;

describeRunLedger(async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 5));
  const latency = new SeededRandom(1, 'latency');
  const ledger = new SimulatedRunLedger(clock, () => latency.below(CALL_MS));
  return {
    ledger,
    clock,
    run: (work) => clock.run(work),
    makeFuture: async (key) => ledger.makeFuture(key),
    stored: async (key) => JSON.stringify(ledger.stored(key)),
    close: async () => {},
  };
});

/** What no server can be made to do. */
describe('simulated run ledger', () => {
  it('takes no time without a clock, and as long as it is told with one', async () => {
    const ledger = new SimulatedRunLedger();
    expect(await ledger.swapRun(runOf('a'))).toBe(true);
    expect(await ledger.readRun('a')).toEqual(runOf('a'));
    const clock = new VirtualClock(0);
    await clock.run(() => new SimulatedRunLedger(clock, () => CALL_MS).readRun('a'));
    expect(clock.now()).toBe(CALL_MS);
  });

  it('does an injected fault for its own call only, and is told what it is about', async () => {
    const ledger = new SimulatedRunLedger();
    ledger.inject('swapSegment', (of) => {
      if (of === segmentKey('a', 'apply', 1).pk) throw new RefusedError({ code: 'THROTTLED' });
    });
    const [one, two] = [newSegment('a', 'apply', 1), newSegment('a', 'apply', 2)];
    await expect(ledger.swapSegment({ ...one, version: 1 })).rejects.toMatchObject({ code: 'THROTTLED' });
    expect(await ledger.swapSegment({ ...two, version: 1 })).toBe(true);
    expect(await ledger.readSegment('a', 'apply', 1)).toEqual(one);
  });

  it('can lose an answer after the write', async () => {
    const ledger = new SimulatedRunLedger();
    const lose = () => {
      throw new RefusedError({ code: 'REGION_UNREACHABLE' }, { retryable: true });
    };
    for (const call of ['swapRun', 'takeTable', 'releaseTable'] as const) ledger.inject(call, lose, 'after');
    await expect(ledger.swapRun(runOf('a'))).rejects.toMatchObject({ retryable: true });
    expect(await ledger.readRun('a')).toMatchObject({ version: 1 });
    await expect(ledger.takeTable('arn', 'a')).rejects.toMatchObject({ retryable: true });
    await expect(ledger.takeTable('arn', 'b')).rejects.toMatchObject({ retryable: true });
    expect(ledger.stored({ pk: 'TABLE#arn', sk: 'LEASE' })).toMatchObject({ kept: { run: 'a' } });
  });

  it('makes nothing of a later release that is not there', () => {
    expect(() => new SimulatedRunLedger().makeFuture(runKey('a'))).toThrow(
      expect.objectContaining({ code: 'INVARIANT' }),
    );
  });
});
