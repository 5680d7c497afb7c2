import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TURN_MS_MAX, type Turns } from '../../functions/ports/turns.ts';

/** Turns, and a clock that is set by hand. */
export interface TurnsWorld {
  readonly turns: Turns;
  /** @param now Epoch milliseconds. */
  setClock(now: number): void;
  close(): Promise<void>;
}

const NOW = Date.UTC(2026, 0, 5);
const MINUTE = 60_000;

/** Declares what every {@link Turns} must do. */
export function describeTurns(makeWorld: () => Promise<TurnsWorld>): void {
  describe('turns', () => {
    let world: TurnsWorld;
    let named = 0;

    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(() => world.close());

    /** A test with a turn of its own. */
    const verify = (what: string, body: (name: string, turns: Turns) => Promise<void>) =>
      it(what, () => {
        world.setClock(NOW);
        return body(`turn-${++named}`, world.turns);
      });

    verify('are taken by one, until it ends its turn', async (name, turns) => {
      const first = await turns.take(name, NOW + MINUTE);
      expect(first).toBeDefined();
      expect(await turns.take(name, NOW + MINUTE)).toBeUndefined();
      await turns.end(first ?? expect.fail());
      expect(await turns.take(name, NOW + MINUTE)).toBeDefined();
      expect(await turns.take(name, NOW + MINUTE)).toBeUndefined();
    });

    verify('of other names are free meanwhile', async (name, turns) => {
      await turns.take(name, NOW + MINUTE);
      expect(await turns.take(`${name}-2`, NOW + MINUTE)).toBeDefined();
    });

    for (const { later, until, isFree, reason } of [
      { later: MINUTE - 1, until: MINUTE, isFree: false, reason: 'its time has not passed' },
      { later: MINUTE, until: MINUTE, isFree: true, reason: 'its time has passed' },
      { later: 0, until: TURN_MS_MAX, isFree: false, reason: 'it is as long as a turn may be' },
      { later: 0, until: TURN_MS_MAX + 1, isFree: true, reason: 'who took it had a clock that ran ahead' },
      { later: -TURN_MS_MAX, until: MINUTE, isFree: true, reason: 'the clock was set back' },
    ]) {
      verify(`that nobody ended are ${isFree ? 'free' : 'taken'} when ${reason}`, async (name, turns) => {
        await turns.take(name, NOW + until);
        world.setClock(NOW + later);
        const next = await turns.take(name, NOW + later + MINUTE);
        expect(next !== undefined).toBe(isFree);
      });
    }

    verify('are not ended by who had them before', async (name, turns) => {
      const late = await turns.take(name, NOW + MINUTE);
      world.setClock(NOW + MINUTE);
      expect(await turns.take(name, NOW + 2 * MINUTE)).toBeDefined();
      await turns.end(late ?? expect.fail());
      expect(await turns.take(name, NOW + 2 * MINUTE)).toBeUndefined();
    });

    verify('may be ended twice, and end nobody else then', async (name, turns) => {
      const first = (await turns.take(name, NOW + MINUTE)) ?? expect.fail();
      await turns.end(first);
      await turns.end(first);
      expect(await turns.take(name, NOW + MINUTE)).toBeDefined();
      await turns.end(first);
      expect(await turns.take(name, NOW + MINUTE)).toBeUndefined();
    });

    verify('that two take at once are given to exactly one', async (name, turns) => {
      const taken = await Promise.all([1, 2].map(() => turns.take(name, NOW + MINUTE)));
      expect(taken.filter((turn) => turn !== undefined)).toHaveLength(1);
      await turns.end(taken.find((turn) => turn !== undefined) ?? expect.fail());
      const again = await Promise.all([1, 2].map(() => turns.take(name, NOW + MINUTE)));
      expect(again.filter((turn) => turn !== undefined)).toHaveLength(1);
    });
  });
}
