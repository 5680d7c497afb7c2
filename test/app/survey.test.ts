import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../functions/adapters/sim/seeded-random.ts';
import { type SimulatedFunction, SimulatedRegions } from '../../functions/adapters/sim/simulated-regions.ts';
import { VirtualClock } from '../../functions/adapters/sim/virtual-clock.ts';
import { lookWith } from '../../functions/app/look.ts';
import type { KnownFingerprints } from '../../functions/app/survey.ts';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import type { Refusal } from '../../functions/contract/report.ts';
import { fingerprintKey } from '../../functions/core/fingerprint.ts';
import { Sealed } from '../../functions/core/sealed.ts';
import type { FunctionSource } from '../../functions/ports/function-source.ts';
import { configScope, EU, PLACES, US } from './simulated.ts';

const DAY_MS = 86_400_000;
const key = (secret: number) => fingerprintKey(`k${secret}`, new Uint8Array(32).fill(secret));
const LOCKED: Refusal = { code: 'ACCESS_DENIED', permission: 'kms:Decrypt' };
const names = Array.from({ length: 12 }, (_, id) => `function-${id}`); // more than are read singly

/** A process that looks again and again, at lists that can be believed, and one that begins anew each time. */
function system() {
  const clock = new VirtualClock(0);
  const world = new SimulatedRegions(clock, () => 10);
  const revealed: string[] = [];
  const locked = new Set<string>();
  const builds = new Map<string, string>();
  const source: FunctionSource = {
    ownAccount: () => world.ownAccount(),
    read: (...asked) => world.read(...asked),
    alias: (...asked) => world.alias(...asked),
    async tagged(place, ...asked) {
      const { functions, next } = await world.tagged(place, ...asked);
      const tagsOf = (name: string) => new Map([['build', builds.get(`${place.region} ${name}`) ?? 'one']]);
      return { functions: functions.map(({ name }) => ({ name, tags: tagsOf(name) })), next };
    },
    async list(place, from) {
      const { functions, next } = await world.list(place, from);
      const shown = functions.map((description) => {
        const { name, account, version, revisionId, lastModified, codeSha256, settings } = description;
        const id = `${place.region} ${name}`;
        const own = locked.has(id) ? LOCKED : description.environment;
        const environment = own instanceof Sealed ? new Watched(own, () => revealed.push(id)) : own;
        const rest = { codeSha256, settings, progress: undefined };
        return { name, account, version, revisionId, lastModified, environment, ...rest };
      });
      return { functions: shown, next };
    },
  };
  const fingerprints: KnownFingerprints = new Map();
  /** What is seen of all subjects, by the key and the config. */
  const look = async (by = key(1), config: Partial<RecohereConfig> = {}) => {
    await clock.sleep(DAY_MS);
    const scope = configScope(config);
    revealed.length = 0;
    const warm = await lookWith({ source, clock, fingerprints }, by, scope, () => {});
    const read = [...revealed];
    const anew = await lookWith({ source, clock }, by, scope, () => {});
    return { warm: seenIn(warm), anew: seenIn(anew), read };
  };
  const deploy = (change: SimulatedFunction, places = PLACES, which = names) => {
    for (const place of places) for (const name of which) world.deploy(place, name, change);
  };
  return { clock, world, locked, builds, fingerprints, look, deploy };
}

/** An environment that says when it is read. */
class Watched extends Sealed<ReadonlyMap<string, string>> {
  readonly #onReveal: () => void;

  constructor(environment: Sealed<ReadonlyMap<string, string>>, onReveal: () => void) {
    super(environment.reveal());
    this.#onReveal = onReveal;
  }

  override reveal(): ReadonlyMap<string, string> {
    this.#onReveal();
    return super.reveal();
  }
}

/** All of a look but the times of its calls. */
function seenIn({ subjects }: Awaited<ReturnType<typeof lookWith>>) {
  return subjects.map(({ subject, verdict, findings, seen }) => ({
    subject,
    verdict,
    findings,
    facets: [...seen.sightings].map(([replica, { observation }]) => [
      replica,
      observation.state === 'present' ? [observation.movedAt, observation.facets] : observation.state,
    ]),
  }));
}

describe('a process that remembers fingerprints', () => {
  it('reads the environments of revisions that it does not know, and no others', async () => {
    const { clock, world, look, deploy } = system();
    await clock.run(async () => {
      deploy({ environment: { A: '1' } });
      expect((await look()).read).toHaveLength(PLACES.length * names.length);
      expect((await look()).read).toEqual([]);
      deploy({ environment: { A: '2' } }, [EU], ['function-3']);
      world.remove(US, 'function-4');
      const { warm, anew, read } = await look();
      expect(read).toEqual(['eu-west-1 function-3']);
      expect(warm).toEqual(anew);
      expect(warm.filter(({ verdict }) => verdict === 'diverged')).toHaveLength(2);
    });
  });

  it('sees what one sees that begins anew, whatever happens', async () => {
    const { clock, world, look, deploy } = system();
    const chance = new SeededRandom(1, 'world');
    await clock.run(async () => {
      deploy({ environment: { A: '1' } });
      for (let day = 0; day < 100; day++) {
        const [place, name] = [chance.pick(PLACES), chance.pick(names)];
        const what = chance.below(5);
        if (what === 0) world.remove(place, name);
        else if (what === 1) world.deploy(place, name, { undecryptable: chance.below(2) === 0 });
        else if (what === 2) world.deploy(place, name, { code: `${chance.below(3)}` });
        else world.deploy(place, name, { environment: { A: `${chance.below(3)}`, HOME: place.region } });
        const { warm, anew } = await look();
        expect(warm).toEqual(anew);
      }
    });
  });

  it.each<{ reason: string; by?: ReturnType<typeof key>; group: object }>([
    { reason: 'another key', by: key(2), group: {} },
    { reason: 'a key of the environment is left out', group: { ignore: ['A'] } },
    { reason: 'the code is told apart by a variable', group: { code: { variable: 'A' } } },
    { reason: 'the code is told apart by a tag', group: { code: { tag: 'build' } } },
    { reason: 'settings are not compared', group: { settings: false } },
  ])('knows nothing of fingerprints by other rules: $reason', async ({ by, group }) => {
    const { clock, look, deploy } = system();
    await clock.run(async () => {
      deploy({ environment: { A: '1', B: '2' }, tags: { build: 'one' } });
      await look();
      const { warm, anew, read } = await look(by, { functions: [{ select: { name: '*' }, ...group }] });
      expect(warm).toEqual(anew);
      expect(new Set(read).size).toBe(PLACES.length * names.length);
    });
  });

  it('believes no revision about whether the key of an environment can be used', async () => {
    const { clock, locked, look, deploy } = system();
    await clock.run(async () => {
      deploy({ environment: { A: '1' } });
      await look();
      locked.add('eu-west-1 function-3');
      const { warm, anew } = await look();
      expect(warm).toEqual(anew);
      expect(warm.filter(({ verdict }) => verdict === 'unobservable')).toHaveLength(1);
      locked.clear();
      expect((await look()).read).toEqual(['eu-west-1 function-3']);
    });
  });

  it('believes no revision about tags', async () => {
    const { clock, builds, look, deploy } = system();
    const byTag = { functions: [{ select: { name: '*' }, code: { tag: 'build' } }] };
    await clock.run(async () => {
      deploy({ tags: { build: 'one' } });
      await look(undefined, byTag);
      builds.set('eu-west-1 function-3', 'two');
      const { warm, anew } = await look(undefined, byTag);
      expect(warm).toEqual(anew);
      expect(warm.filter(({ verdict }) => verdict !== 'agreed')).toHaveLength(1);
    });
  });

  it('remembers each group for itself, also where all rules of two are the same', async () => {
    const { clock, look, deploy } = system();
    const groups = { functions: [{ select: { name: 'function-1*' } }, { select: { name: '*' } }] };
    await clock.run(async () => {
      deploy({ environment: { A: '1' } });
      await look(undefined, groups);
      expect((await look(undefined, groups)).read).toEqual([]);
    });
  });

  it('keeps no more than the last lists showed', async () => {
    const { clock, world, look, deploy, fingerprints } = system();
    const kept = () => [...fingerprints.values()].reduce((sum, { size }) => sum + size, 0);
    await clock.run(async () => {
      deploy({ environment: { A: '1' } });
      await look();
      expect(kept()).toBe(PLACES.length * names.length);
      world.remove(EU, 'function-3');
      await look();
      expect(kept()).toBe(PLACES.length * names.length - 1);
    });
  });
});
