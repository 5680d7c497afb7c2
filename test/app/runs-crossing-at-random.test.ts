import { expect, it } from 'vitest';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { type RunStatus, reconcile } from '../../functions/app/reconcile.ts';
import { runHere } from '../../functions/app/run-here.ts';
import { runRequestSchema } from '../../functions/contract/requests.ts';
import { RecohereError, RefusedError } from '../../functions/core/errors.ts';
import { textOfItem } from '../../functions/core/item.ts';
import { haunted, Killed } from './dying.ts';
import { applyOf, ORDERS, orderItem, RunSystem } from './run-system.ts';

const SEEDS = 150;
const GROUPS = 70;
/** Freezes, deaths and refusals of one seed. */
const FAULTS = 6;

/** Processes to which something happens at any call, as long as a system has faults left. */
class Misfortune {
  faults = FAULTS;
  readonly #system: RunSystem;
  readonly #random: SeededRandom;
  readonly #isSlow: boolean;

  constructor(system: RunSystem, random: SeededRandom, isSlow: boolean) {
    this.#system = system;
    this.#random = random;
    this.#isSlow = isSlow;
  }

  /** Ports of one more process. */
  process(mayDie: boolean): RunSystem['ports'] {
    const random = this.#random;
    let isDead = false;
    return haunted(this.#system.ports, async ({ name }) => {
      if (isDead) throw new Killed();
      if (this.#isSlow) await this.#system.clock.sleep(random.below(800));
      if (this.faults <= 0 || random.below(25) !== 0) return;
      this.faults--;
      const kind = random.below(4);
      if (kind === 0) return this.#system.clock.sleep(1_000 + random.below(700_000));
      if (kind === 1 && mayDie) {
        isDead = true;
        throw new Killed();
      }
      const code = random.pick(['UNAVAILABLE', 'REGION_UNREACHABLE'] as const);
      throw new RefusedError({ code, call: name }, { retryable: true });
    });
  }
}

/** Bears what happens to a process, and no mistake of ours. */
function borne(error: unknown): void {
  const isBorne = error instanceof Killed || (error instanceof RecohereError && error.code !== 'INVARIANT');
  if (!isBorne) throw error;
}

/** Three processes work on a run at the same time, while it is cancelled and resumed. */
async function together(system: RunSystem, run: string, random: SeededRandom, misfortune: Misfortune) {
  const working = [0, 1, 2].map(async (position) => {
    await system.clock.sleep(position * 7_000);
    await runHere(misfortune.process(position < 2), run).catch(borne);
  });
  const asking = (['cancel', 'resume'] as const).map(async (kind, position) => {
    await system.clock.sleep(random.below(40_000) + position * 30_000);
    const request = runRequestSchema.parse({ kind, run });
    await reconcile(misfortune.process(true), system.config, request).catch(borne);
    await runHere(misfortune.process(true), run).catch(borne);
  });
  await Promise.all([...working, ...asking]);
}

function contentOf(system: RunSystem): string[] {
  return system.orders.items().map(textOfItem).sort();
}

it(`runs that are cancelled and resumed while processes die, freeze and are refused tell what they did, and undo it, seeds 1 to ${SEEDS}`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new SeededRandom(seed, 'runs crossing at random');
    const system = new RunSystem();
    system.orders.set({ items: 100_000 });
    system.orders.pageItems = 1 + random.below(30);
    system.limits = { ...system.limits, flushCharacters: 300, passRecords: 20 };
    for (let group = 0; group < GROUPS; group++) {
      for (let copy = 0; copy <= random.below(3); copy++) {
        system.orders.put(orderItem(`${group}-${copy}`, `o${group}`, random.below(3)));
      }
    }
    const before = contentOf(system);
    const dry = await system.run({ kind: 'dedupe', table: ORDERS });
    const { id } = (await system.ask(applyOf(dry))) as RunStatus;
    const misfortune = new Misfortune(system, random, seed % 2 === 0);
    await system.clock.run(() => together(system, id, random, misfortune));

    const reason = `seed ${seed}`;
    misfortune.faults = 0;
    await system.clock.run(() => system.clock.sleep(1_000_000)); // whoever is frozen wakes before
    const { state } = await system.statusOf(id);
    if (state !== 'finished' && state !== 'cancelled')
      await system.ask({ kind: random.pick(['cancel', 'resume'] as const), run: id });
    const ended = await system.workedOn(id);
    expect(['finished', 'cancelled'], reason).toContain(ended.state);
    expect(before.length - contentOf(system).length, `${reason}: what is gone`).toBe(ended.removed);
    expect(await system.ask({ kind: 'audit', run: id }), reason).toMatchObject({
      isRootSame: true,
      breaks: [],
    });
    const undone = await system.run({ kind: 'undo', run: id });
    expect(undone, reason).toMatchObject({ state: 'finished', restored: ended.removed, skipped: {} });
    expect(contentOf(system), reason).toEqual(before);
  }
});
