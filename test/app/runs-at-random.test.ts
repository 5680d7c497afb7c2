import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { LEASE_MS } from '../../functions/app/grip.ts';
import type { RunStatus } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import { textOfItem, type WireItem } from '../../functions/core/item.ts';
import { type AtCall, haunted, Killed, MOMENTS } from './dying.ts';
import { quarantinedTexts } from './quarantined.ts';
import { applyOf, ORDERS, orderItem, RunSystem } from './run-system.ts';

const SEEDS = 400;
const GROUPS = 25;

/** What the user's own application has done, and what it believes to be there. */
class Application {
  /** Items that it has written and not removed since, by key. */
  readonly believed = new Map<string, string>();
  /** Groups of which it wrote to a member after the table was filled. */
  readonly touched = new Set<string>();
  /** Keys of items that it has removed. */
  readonly removed = new Set<string>();
  readonly #system: RunSystem;
  readonly #random: SeededRandom;
  #written = 0;

  constructor(system: RunSystem, random: SeededRandom) {
    this.#system = system;
    this.#random = random;
    for (let group = 0; group < GROUPS; group++) {
      for (let copy = 0; copy <= random.below(4); copy++) {
        this.#put(orderItem(`${group}-${copy}`, `o${group}`, random.below(3), { v: { N: '0' } }));
      }
    }
    this.touched.clear();
  }

  /** One write of any kind, to an item that is there or to one that was. */
  act(mayAddAttributes: boolean): void {
    const [id = ''] = this.#random.pick([...this.believed]);
    const there = this.#system.orders.items().find((item) => idOf(item) === id);
    const act = this.#random.pick(['update', 'remove', 'rekey', 'recreate', 'add'] as const);
    const v = { N: String(++this.#written) };
    if (there === undefined) {
      if (act === 'recreate')
        this.#put(orderItem(id, `o${this.#random.below(GROUPS)}`, this.#random.below(3), { v }));
      return;
    }
    this.touched.add(orderOf(there));
    if (act === 'remove') {
      this.#system.orders.remove({ id: { S: id } });
      this.believed.delete(id);
      this.removed.add(id);
    } else if (act === 'rekey') {
      this.#put({ ...there, v, order: { S: `o${this.#random.below(GROUPS)}` } });
    } else if (act === 'add' && mayAddAttributes) {
      this.#put({ ...there, [`note${this.#written}`]: { S: 'added' } });
    } else {
      this.#put({ ...there, v });
    }
  }

  #put(item: WireItem): void {
    this.#system.orders.put(item);
    this.believed.set(idOf(item), textOfItem(item));
    this.touched.add(orderOf(item));
  }
}

function idOf({ id }: WireItem): string {
  return id && 'S' in id ? id.S : '';
}

function orderOf({ order }: WireItem): string {
  return order && 'S' in order ? order.S : '';
}

/** Lets processes work on a run at the same time; those that die are no failure. */
async function together(system: RunSystem, run: string, processes: readonly AtCall[]): Promise<void> {
  await system.clock.run(async () => {
    await Promise.all(
      processes.map(async (atCall, position) => {
        await system.clock.sleep(position * 5_000);
        await runHere(haunted(system.ports, atCall), run).catch((error) => {
          if (!(error instanceof Killed)) throw error;
        });
      }),
    );
  });
}

describe('runs with an application that writes meanwhile, and processes that die and freeze', () => {
  it(`lose nothing and make nothing up, seeds 1 to ${SEEDS}`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new SeededRandom(seed, 'runs at random');
      const system = new RunSystem();
      system.orders.set({ items: 150_000 });
      system.orders.pageItems = 1 + random.below(20);
      system.limits = { ...system.limits, flushCharacters: 300, passRecords: 20 };
      const application = new Application(system, random);
      const dry = await system.run({ kind: 'dedupe', table: ORDERS });
      for (let act = 0; act < random.below(4); act++) application.act(true);
      if (dry.duplicates === 0) continue;
      const { id } = (await system.ask(applyOf(dry))) as RunStatus;

      const dies = random.below(2) === 0;
      const writes = new Set(Array.from({ length: random.below(6) }, () => 1 + random.below(60)));
      const hitAt = 1 + random.below(70);
      const hitMoment = random.pick(MOMENTS);
      const freezesMs = 1_000 + random.below(600_000);
      let isDead = false;
      const hit: AtCall = async ({ number, moment }) => {
        if (isDead) throw new Killed();
        if (moment === 'before' && writes.has(number)) application.act(!dies);
        if (number !== hitAt || moment !== hitMoment) return;
        if (!dies) return system.clock.sleep(freezesMs);
        isDead = true;
        throw new Killed();
      };
      const watch: AtCall = ({ moment }) => {
        if (moment === 'after' && random.below(40) === 0) application.act(!dies);
      };
      await together(system, id, [hit, watch]);

      const reason = `seed ${seed}`;
      const status = (await system.ask({ kind: 'status', run: id })) as RunStatus;
      expect(status.state, reason).toBe('finished');
      const there = new Map(system.orders.items().map((item) => [idOf(item), textOfItem(item)]));
      const quarantined = await quarantinedTexts(system.objects);
      for (const [key, text] of application.believed) {
        expect(there.get(key) === text || quarantined.has(text), `${reason}: ${key} is not lost`).toBe(true);
      }
      for (const [key, text] of there) {
        // Of an item that is gone when a batch is begun anew nobody knows whether it was removed by us or by the application. If its
        // keeper is gone too, it is put back: better one too many than none.
        const isTakenOver = dies || freezesMs >= LEASE_MS;
        const mayBeBack = isTakenOver && application.removed.has(key) && (status.counts.returned ?? 0) > 0;
        if (mayBeBack) continue;
        expect(application.believed.get(key), `${reason}: ${key} was not made up`).toBe(text);
      }
      const left = system.orders.items().map(orderOf);
      for (let group = 0; group < GROUPS; group++) {
        const name = `o${group}`;
        if (application.touched.has(name)) continue;
        expect(
          left.filter((each) => each === name),
          `${reason}: ${name} has one copy`,
        ).toHaveLength(1);
      }
      expect(await system.ask({ kind: 'audit', run: id }), reason).toMatchObject({
        isRootSame: true,
        breaks: [],
      });

      const undone = await system.run({ kind: 'undo', run: id });
      expect(undone.state, reason).toBe('finished');
      const after = new Map(system.orders.items().map((item) => [idOf(item), textOfItem(item)]));
      for (const [key, text] of application.believed)
        expect(after.get(key), `${reason}: ${key} is back`).toBe(text);
    }
  });
});
