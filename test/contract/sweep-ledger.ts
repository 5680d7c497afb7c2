import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SweepMemory } from '../../functions/core/sweep.ts';
import type { SweepLedger } from '../../functions/ports/sweep-ledger.ts';

export interface SweepLedgerWorld {
  readonly ledger: SweepLedger;
  close(): Promise<void>;
}

const FIRST: SweepMemory = {
  version: 1,
  roundAt: 1_767_600_000_000,
  from: 'functions[0] ŽLUŤ/日本',
  criticalFrom: 'functions[1] api',
  isSlow: true,
  secretsAt: 1_767_600_000_001,
  status: {
    startedAt: 1_767_600_000_002,
    endedAt: 1_767_600_000_003,
    expected: 300,
    read: 299,
    left: 1,
    unread: [
      { replica: 'eu-west-1', refusal: { code: 'ACCESS_DENIED', permission: 'kms:Decrypt' } },
      { replica: 'us-east-1', refusal: { code: 'REGION_UNREACHABLE' }, isWhole: true },
    ],
    unreadSubjects: ['api'],
    unreadSubjectsLeft: 2,
  },
};

/** Declares what every {@link SweepLedger} must do. */
export function describeSweepLedger(makeWorld: () => Promise<SweepLedgerWorld>): void {
  describe('sweep ledger', () => {
    let world: SweepLedgerWorld;
    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(() => world.close());

    it('knows nothing at first, and then what was written last, each version once', async () => {
      const { ledger } = world;
      expect(await ledger.read()).toEqual({ version: 0 });
      expect(await ledger.swap({ ...FIRST, version: 2 })).toBe(false);
      expect(await ledger.swap(FIRST)).toBe(true);
      expect(await ledger.read()).toEqual(FIRST);
      expect(await ledger.swap({ version: 1 })).toBe(false);
      const swaps = [2, 2].map((version, id) => ledger.swap({ version, roundAt: id }));
      expect((await Promise.all(swaps)).toSorted()).toEqual([false, true]);
      expect((await ledger.read()).version).toBe(2);
    });
  });
}
