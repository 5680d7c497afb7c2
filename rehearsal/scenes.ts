import type { SeededRandom } from '../functions/adapters/sim/seeded-random.ts';
import type { Overview } from '../functions/contract/overview.ts';
import { invariant } from '../functions/core/errors.ts';
import { type Place, placeId } from '../functions/core/place.ts';
import type { Odds } from './fate.ts';
import { FIRST_VERSION, type Installation, type StandInSecret } from './installation.ts';
import type { Change } from './recorder.ts';
import type { Copy, StandIn } from './stand-ins.ts';

/** Something that goes wrong, on purpose. */
export interface Incident {
  readonly what: string;
  /** Where. */
  readonly replicas: readonly string[];
  readonly change: Change;
  /** When it was put right, in epoch milliseconds; never if it was not. */
  endedAt?: number;
}

/** A game day over functions or secrets. */
export interface Scene {
  readonly odds?: Odds;
  readonly lengthMinutes: number;
  /** Why there is nothing to rehearse; `undefined` if there is. */
  readonly lacks: (installation: Installation) => string | undefined;
  readonly play: (day: Day) => Promise<void>;
}

const MINUTE_MS = 60_000;

/** One game day under way. */
export class Day {
  readonly installation: Installation;
  readonly chance: SeededRandom;
  readonly incidents: Incident[] = [];
  /** What belongs to the scene and cannot be played, and why. */
  readonly leftOut: string[] = [];
  /** What was known at its worst moment. @default what is known at the end */
  picture?: Overview;
  readonly #startedAt: number;
  readonly #releases = new Map<string, number>();

  constructor(installation: Installation, chance: SeededRandom) {
    this.installation = installation;
    this.chance = chance;
    this.#startedAt = installation.clock.now();
  }

  /** Waits until a minute of the day. */
  at(minute: number): Promise<void> {
    const { clock } = this.installation;
    return clock.sleep(Math.max(0, this.#startedAt + minute * MINUTE_MS - clock.now()));
  }

  /** Functions that are in several places, in an order of this day's own; those that are only learnt come last. */
  functions(): readonly StandIn[] {
    const { mode } = this.installation.config;
    const isLearnt = ({ group }: StandIn) => (group.mode ?? mode) === 'learn';
    const all = rotated(deployable(this.installation), this.chance);
    return [...all.filter((each) => !isLearnt(each)), ...all.filter(isLearnt)];
  }

  /** The name of the next release of a function. */
  next({ subject }: StandIn): string {
    const number = (this.#releases.get(subject) ?? 1) + 1;
    this.#releases.set(subject, number);
    return String(number);
  }

  /** Deploys the next release everywhere. */
  async deploy(standIn: StandIn): Promise<void> {
    const release = this.next(standIn);
    await this.installation.roll(standIn, { code: release, env: release });
  }

  /** Deploys the next release to one place, and to the others a minute or two later. */
  async deployInWaves(standIn: StandIn): Promise<void> {
    const { installation, chance } = this;
    const release = this.next(standIn);
    const what = { code: release, env: release };
    const [first, ...others] = standIn.copies;
    invariant(first, 'a function is somewhere');
    await installation.roll(standIn, what, [first]);
    await installation.clock.sleep(MINUTE_MS + chance.below(MINUTE_MS));
    await installation.roll(standIn, what, others);
  }

  /** Deploys the next release, with something wrong in one place. @param minutes After which it is put right. @default never */
  async misdeploy(standIn: StandIn, what: 'left out' | 'wrong value', minutes?: number): Promise<void> {
    const { installation, chance } = this;
    const release = this.next(standIn);
    const good = { code: release, env: release };
    const odd = chance.pick(standIn.copies);
    const wrong = `${release}, mistyped`;
    const isTold = standIn.facets.includes('code') && !standIn.facets.includes('env');
    const bad = isTold ? { ...good, code: wrong } : { ...good, env: wrong };
    const others = standIn.copies.filter((copy) => copy !== odd);
    const change = await installation.roll(standIn, good, others);
    if (what === 'wrong value') installation.deploy(standIn, odd, bad);
    const incident: Incident = { what, replicas: [placeId(odd.place)], change };
    this.incidents.push(incident);
    if (minutes === undefined) return;
    await installation.clock.sleep(minutes * MINUTE_MS);
    installation.deploy(standIn, odd, good);
    incident.endedAt = installation.clock.now();
  }
}

/** What is played, of functions and secrets. */
export const SCENES = {
  'bad-deploy': {
    lengthMinutes: 240,
    lacks: lacksCopies,
    async play(day) {
      const [first, second = first, third = first] = day.functions();
      invariant(first && second && third, 'there is something to deploy');
      await day.at(5);
      await day.deploy(first);
      await day.at(15);
      await day.misdeploy(second, 'left out', 25);
      await day.at(60);
      await day.deploy(third);
      await day.at(70);
      await day.misdeploy(third, 'wrong value', 40);
      await day.at(130);
      await day.deploy(second);
      await day.at(140);
      await day.misdeploy(first, 'left out');
    },
  },
  'lost-events': {
    lengthMinutes: 24 * 60,
    odds: { 'event lost': 200_000 },
    lacks: lacksCopies,
    async play(day) {
      for (let hour = 0; hour < 24; hour++) {
        await day.at(hour * 60 + day.chance.below(50));
        await day.deployInWaves(day.chance.pick(deployable(day.installation)));
      }
    },
  },
  'stuck-replica': {
    lengthMinutes: 240,
    lacks: ({ secrets }) => {
      if (secrets.length === 0) return 'the config watches no secret';
      const canLag = ({ replicas, secret }: StandInSecret) =>
        replicas.length > 0 || secret.consumers.length > 0;
      return secrets.some(canLag) ? undefined : 'no secret of the config has a replica or a consumer';
    },
    async play(day) {
      const { installation, chance } = day;
      const secrets = rotated(installation.secrets, chance);
      const versions = new Map<string, number>();
      const rotate = (secret: StandInSecret) => {
        const number = (versions.get(secret.subject) ?? 1) + 1;
        versions.set(secret.subject, number);
        return installation.rotate(secret, `version-${number}`);
      };
      await day.at(5);
      for (const secret of secrets) rotate(secret);

      const replicated = secrets.find(({ replicas }) => replicas.length > 0);
      if (replicated) {
        await day.at(60);
        const replica = chance.pick(replicated.replicas);
        installation.follow(replica, replicated, true);
        await endedBy(day, 'replica stuck', replica, rotate(replicated), 40, () =>
          installation.follow(replica, replicated, false),
        );
      } else day.leftOut.push('no replica stays behind: each secret is in one region alone');

      const used =
        secrets.find(({ secret }) => secret.consumers.some(({ probe }) => probe !== undefined)) ??
        secrets.find(({ secret }) => secret.consumers.length > 0);
      if (!used) {
        day.leftOut.push('no consumer keeps an old version: the config names none');
        return;
      }
      await day.at(140);
      const { consumers } = used.secret;
      const probed = consumers.filter(({ probe }) => probe !== undefined);
      const { name, probe, regions } = chance.pick(probed.length > 0 ? probed : consumers);
      const places = [used.primary, ...used.replicas];
      const place = chance.pick(places.filter(({ region }) => regions?.includes(region) ?? true));
      const number = versions.get(used.subject);
      installation.keep(place, used, name, number === undefined ? FIRST_VERSION : `version-${number}`);
      const what = `old version kept by ${name}${probe === undefined ? ', which nobody asks' : ''}`;
      await endedBy(day, what, place, rotate(used), 60, () =>
        installation.keep(place, used, name, undefined),
      );
    },
  },
  'region-outage': {
    lengthMinutes: 180,
    lacks: (installation) =>
      lacksCopies(installation) ??
      (cuttable(installation).length === 0
        ? 'no function lives both in a region and outside of it'
        : undefined),
    async play(day) {
      const { installation, chance } = day;
      const region = chance.pick(cuttable(installation));
      const functions = day
        .functions()
        .filter((standIn) => isCutBy(standIn, region))
        .slice(0, OUTAGE_DEPLOYS);
      await day.at(10);
      installation.cut(region, false);
      const late: (() => void)[] = [];
      for (const [position, standIn] of functions.entries()) {
        await day.at(15 + position * 10);
        const release = day.next(standIn);
        const isIn = ({ place }: Copy) => place.region === region;
        const others = standIn.copies.filter((copy) => !isIn(copy));
        const what = { code: release, env: release };
        const change = await installation.roll(standIn, what, others);
        const missed = standIn.copies.filter(isIn);
        const replicas = missed.map(({ place }) => placeId(place));
        const incident: Incident = { what: 'out of reach', replicas, change };
        day.incidents.push(incident);
        late.push(() => {
          for (const copy of missed) installation.deploy(standIn, copy, what);
          incident.endedAt = installation.clock.now();
        });
      }
      await day.at(69);
      day.picture = await installation.overview();
      await day.at(70);
      installation.cut(region, true);
      await day.at(75);
      for (const deploy of late) deploy();
    },
  },
} as const satisfies Record<string, Scene>;

/** Functions that are deployed while a region cannot be reached. */
const OUTAGE_DEPLOYS = 4;

function deployable({ standIns }: Installation): readonly StandIn[] {
  return standIns.filter(({ copies, facets }) => copies.length > 1 && facets.length > 0);
}

function lacksCopies(installation: Installation): string | undefined {
  if (installation.config.functions.length === 0) return 'the config watches no function';
  if (deployable(installation).length > 0) return undefined;
  return installation.standIns.some(({ copies }) => copies.length > 1)
    ? 'the config compares nothing in which copies of a function could differ'
    : 'no function of the config has two copies to compare';
}

/** Regions of which an outage makes copies differ; that of the hub only if there is no other. */
function cuttable(installation: Installation): readonly string[] {
  const { hub, replicas } = installation.config;
  const regions = [...new Set(replicas.map(({ region }) => region))].filter((region) =>
    deployable(installation).some((standIn) => isCutBy(standIn, region)),
  );
  const others = regions.filter((region) => region !== hub.region);
  return others.length > 0 ? others : regions;
}

/** Whether some copies of a function are in a region, and others are not. */
function isCutBy({ copies }: StandIn, region: string): boolean {
  return new Set(copies.map(({ place }) => place.region === region)).size === 2;
}

async function endedBy(
  { installation: { clock }, incidents }: Day,
  what: string,
  place: Place,
  change: Change,
  minutes: number,
  end: () => void,
): Promise<void> {
  const incident: Incident = { what, replicas: [placeId(place)], change };
  incidents.push(incident);
  await clock.sleep(minutes * MINUTE_MS);
  end();
  incident.endedAt = clock.now();
}

function rotated<T>(all: readonly T[], chance: SeededRandom): readonly T[] {
  const first = chance.below(Math.max(1, all.length));
  return [...all.slice(first), ...all.slice(0, first)];
}
