import { describe, expect, it } from 'vitest';
import { SimulatedLedger } from '../../../functions/adapters/sim/ledger.ts';
import { SeededRandom } from '../../../functions/adapters/sim/seeded-random.ts';
import { VirtualClock } from '../../../functions/adapters/sim/virtual-clock.ts';
import { FORMAT } from '../../../functions/contract/ledger.ts';
import { RefusedError } from '../../../functions/core/errors.ts';
import { describeLedger } from '../../contract/ledger.ts';

const CALL_MS = 20;

describeLedger(async () => {
  const clock = new VirtualClock(Date.UTC(2026, 0, 5));
  const latency = new SeededRandom(1, 'latency');
  const ledger = new SimulatedLedger(clock, () => latency.below(CALL_MS));
  return {
    ledger,
    clock,
    run: (work) => clock.run(work),
    plantFuture: async (state) => ledger.plant({ format: FORMAT + 1, state }),
    stored: async (subject) => JSON.stringify(ledger.stored(subject)),
    close: async () => {},
  };
});

/** What no server can be made to do. */
describe('simulated ledger', () => {
  const subject = 'api';

  it('takes no time without a clock, and as long as it is told with one', async () => {
    const ledger = new SimulatedLedger();
    expect(await ledger.swap({ subject, version: 1, wake: 0 })).toBe(true);
    expect((await ledger.read(subject)).version).toBe(1);
    const clock = new VirtualClock(0);
    await clock.run(() => new SimulatedLedger(clock, () => CALL_MS).read(subject));
    expect(clock.now()).toBe(CALL_MS);
  });

  it('does an injected fault for its own call only', async () => {
    const ledger = new SimulatedLedger();
    ledger.inject('swap', (name) => {
      if (name === subject) throw new RefusedError({ code: 'THROTTLED' });
    });
    await expect(ledger.swap({ subject, version: 1, wake: 0 })).rejects.toMatchObject({ code: 'THROTTLED' });
    expect(await ledger.swap({ subject: 'job', version: 1, wake: 0 })).toBe(true);
    expect(await ledger.read(subject)).toMatchObject({ version: 0 });
  });

  it('can lose an answer after the write', async () => {
    const ledger = new SimulatedLedger();
    const lose = () => {
      throw new RefusedError({ code: 'REGION_UNREACHABLE' }, { retryable: true });
    };
    ledger.inject('swap', lose, 'after');
    await expect(ledger.swap({ subject, version: 1, wake: 0 })).rejects.toMatchObject({ retryable: true });
    expect(await ledger.read(subject)).toMatchObject({ version: 1 });
  });
});
