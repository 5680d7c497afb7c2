import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../functions/adapters/sim/seeded-random.ts';
import { VirtualClock } from '../../../functions/adapters/sim/virtual-clock.ts';

const START = Date.UTC(2026, 0, 5);

describe('virtual clock', () => {
  it('begins at its start and takes no time for work that never sleeps', async () => {
    const clock = new VirtualClock(START);
    const result = await clock.run(async () => {
      await setImmediate();
      return clock.now();
    });
    expect(result).toBe(START);
  });

  it('wakes sleepers by time, then in the order in which they fell asleep', async () => {
    const clock = new VirtualClock(START);
    const woken: string[] = [];
    const sleeper = async (name: string, ms: number) => {
      await clock.sleep(ms);
      woken.push(`${name} at ${clock.now() - START}`);
    };
    await clock.run(async () => {
      await Promise.all([
        sleeper('late', 300),
        sleeper('first', 100),
        sleeper('second', 100),
        sleeper('at once', 0),
      ]);
    });
    expect(woken).toEqual(['at once at 0', 'first at 100', 'second at 100', 'late at 300']);
  });

  it('keeps that order among thousands that fall asleep while others wake', async () => {
    const clock = new VirtualClock(START);
    const chance = new SeededRandom(1, 'sleepers');
    const asleep: { readonly wakeAt: number; readonly position: number }[] = [];
    const woken: typeof asleep = [];
    const sleeper = async (naps: number): Promise<void> => {
      const ms = chance.below(50);
      const nap = { wakeAt: clock.now() + ms, position: asleep.length };
      asleep.push(nap);
      await clock.sleep(ms);
      woken.push(nap);
      if (naps > 1) await sleeper(naps - 1);
    };
    await clock.run(async () => {
      await Promise.all(Array.from({ length: 1_000 }, () => sleeper(3)));
    });
    expect(woken).toEqual(asleep.toSorted((a, b) => a.wakeAt - b.wakeAt || a.position - b.position));
    expect(woken).toHaveLength(3_000);
  });

  it('lets a woken sleeper go on, and sleep again, before it wakes the next', async () => {
    const clock = new VirtualClock(START);
    const woken: string[] = [];
    await clock.run(async () => {
      const walker = async () => {
        for (const step of [1, 2, 3]) {
          await clock.sleep(100);
          woken.push(`step ${step}`);
        }
      };
      const other = async () => {
        await clock.sleep(250);
        woken.push('other');
      };
      await Promise.all([other(), walker()]);
    });
    expect(woken).toEqual(['step 1', 'step 2', 'other', 'step 3']);
  });

  it('moves the time only when nothing else can run', async () => {
    const clock = new VirtualClock(START);
    await clock.run(async () => {
      const asleep = clock.sleep(1_000);
      for (let turns = 0; turns < 50; turns++) await Promise.resolve();
      expect(clock.now()).toBe(START);
      await asleep;
      expect(clock.now()).toBe(START + 1_000);
    });
  });

  it('goes on from where the last run ended', async () => {
    const clock = new VirtualClock(START);
    await clock.run(() => clock.sleep(10));
    await clock.run(() => clock.sleep(10));
    expect(clock.now()).toBe(START + 20);
  });

  it('hands on what the work throws', async () => {
    const clock = new VirtualClock(START);
    const failing = clock.run(async () => {
      await clock.sleep(10);
      throw new Error('broken');
    });
    await expect(failing).rejects.toThrow('broken');
  });

  it('calls it an INVARIANT if the work waits for something that no sleeper brings', async () => {
    const clock = new VirtualClock(START);
    const stuck = clock.run(() => new Promise(() => {}));
    await expect(stuck).rejects.toMatchObject({ code: 'INVARIANT' });
  });

  it('does not go back', () => {
    const clock = new VirtualClock(START);
    expect(() => clock.sleep(-1)).toThrow(expect.objectContaining({ code: 'INVARIANT' }));
  });
});
