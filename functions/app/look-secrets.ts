import pMap from 'p-map';
import type { ParsedConfig, WatchedSecret } from '../contract/config.ts';
import type { Hop, Refusal, ReportedSubject } from '../contract/report.ts';
import { RefusedError } from '../core/errors.ts';
import { type Place, type PlaceId, placeId } from '../core/place.ts';
import { judgeOnce, type SecretLook } from '../core/rotation.ts';
import type { SecretObservation } from '../core/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { FunctionSource } from '../ports/function-source.ts';
import type { SecretSource } from '../ports/secret-source.ts';
import { configOfFlags } from './account-scope.ts';
import { placesOfConfig } from './scope.ts';
import { placesOfSecret, rotationRulesOf, subjectOfSecret } from './secret-scope.ts';
import { admit } from './survey.ts';

/** Nothing shares the quota of `DescribeSecret` with the user's deploys; this bounds sockets and memory. */
export const SECRETS_AT_ONCE = 20;

/** What the flags of the command line ask for. */
export interface SecretNarrowing {
  /** Each once. @default all that the config watches */
  readonly names?: readonly string[] | undefined;
  readonly regions?: readonly string[] | undefined;
}

/** Which secrets are looked at, and where they are to be. */
export interface SecretScope {
  /** Each once; their order is the order of columns. */
  readonly places: readonly Place[];
  /** A config that has those places as its replicas. */
  readonly config: ParsedConfig;
  /** Each is to be in one place at least. */
  readonly secrets: readonly WatchedSecret[];
  /** Subjects that the config has in none of the regions that the flags name. */
  readonly elsewhere: readonly string[];
  /** Secrets of which the config alone says where they are to be, so that a replica elsewhere is one too many. */
  readonly declared: ReadonlySet<WatchedSecret>;
}

/** What was seen of secrets, as a look at functions tells it. */
export interface SecretsLook {
  readonly replicas: readonly PlaceId[];
  /** By name. */
  readonly subjects: readonly (ReportedSubject & {
    readonly seenIn: readonly PlaceId[];
    /** The first two hops; none if the primary could not be read, or holds no version. When they were done, one look cannot say. */
    readonly hops: readonly Omit<Hop, 'at'>[];
  })[];
  /** A secret that is in one place only is missing from others, or meant to be there alone. */
  readonly alone: readonly [];
  /** Where all secrets that are to be there were refused alike. */
  readonly refusals: readonly { readonly replica: PlaceId; readonly refusal: Refusal }[];
  /** Subjects that are in none of their places. */
  readonly unmatched: readonly string[];
  /** Calls by IAM's name for them, retries not counted. */
  readonly calls: ReadonlyMap<string, number>;
}

interface LookPorts {
  readonly secrets: Pick<SecretSource, 'describe'>;
  readonly clock: Clock;
}

/**
 * The secrets of a config, or others by their names, which are to be in all of its replicas. Regions narrow that; one that the
 * config does not declare is taken in the caller's own account.
 */
export function secretsOfConfig(config: ParsedConfig, { names, regions }: SecretNarrowing): SecretScope {
  const replicas = regions?.flatMap((region) => {
    const own = config.replicas.filter((replica) => replica.region === region);
    return own.length > 0 ? own : [{ region }];
  });
  const narrowed = { ...config, replicas: replicas ?? config.replicas };
  const selected = names?.flatMap((name) => {
    const own = config.secrets.filter((secret) => secret.name === name);
    return own.length > 0 ? own : configOfFlags([config.hub.region], { secrets: [{ name }] }).secrets;
  });
  const isThere = (secret: WatchedSecret) => placesOfSecret(narrowed, secret).length > 0;
  const secrets = selected ?? config.secrets;
  return {
    places: placesOfConfig(narrowed),
    config: narrowed,
    secrets: secrets.filter(isThere),
    elsewhere: secrets.filter((secret) => !isThere(secret)).map((secret) => subjectOfSecret(config, secret)),
    declared: new Set(regions === undefined ? config.secrets : []),
  };
}

/** Secrets of the caller's own account, without a config. */
export function secretsOfAccount(names: readonly string[], regions: readonly string[]): SecretScope {
  const config = configOfFlags(regions, { secrets: names.map((name) => ({ name })) });
  return secretsOfConfig(config, { regions });
}

/**
 * Reads secrets in all their places, and says which replicas are behind their primary. Reads only, keeps nothing, and never asks
 * for a value. Consumers are not judged: what they have loaded is told to the deployed system alone.
 */
export async function lookAtSecrets(
  ports: LookPorts & { readonly functions: Pick<FunctionSource, 'ownAccount'> },
  scope: SecretScope,
): Promise<SecretsLook> {
  const { source, calls } = admitting(ports);
  const seen = await pMap(
    scope.secrets,
    async (secret) => {
      const subject = subjectOfSecret(scope.config, secret);
      return { subject, ...(await lookAtOne({ secrets: source, clock: ports.clock }, scope, secret)) };
    },
    { concurrency: SECRETS_AT_ONCE },
  );
  const isNowhere = ({ look }: (typeof seen)[number]) => statesOf(look).every((state) => state === 'absent');
  const found = seen.filter((each) => !isNowhere(each));
  const looks = found.map(({ look }) => look);
  const lookedAt = new Set(seen.flatMap(({ look }) => placesOf(look)));
  const inOrder = new Set([...scope.places.map(placeId), ...lookedAt]);
  return {
    replicas: [...inOrder].filter((replica) => lookedAt.has(replica)),
    subjects: found
      .map(({ subject, look, outcome, rotation }) => ({
        ...outcome,
        subject,
        seenIn: placesOf(look).filter((replica) => look.observations.get(replica)?.state === 'present'),
        hops: (rotation?.hops ?? []).filter(({ hop }) => hop < 3).map(({ at, ...hop }) => hop),
      }))
      .sort((a, b) => (a.subject < b.subject ? -1 : 1)),
    alone: [],
    refusals: [...lookedAt].flatMap((replica) => refusalOf(replica, looks)),
    unmatched: seen.filter(isNowhere).map(({ subject }) => subject),
    calls,
  };
}

async function lookAtOne(ports: LookPorts, { config, declared }: SecretScope, secret: WatchedSecret) {
  const places = placesOfSecret(config, secret);
  const look = await lookAtSecret(ports, secret.name, places);
  const rules = { ...rotationRulesOf(config, secret), alarmOn: undefined };
  return { look, ...judgeOnce(declared.has(secret) ? look : within(places, look), rules) };
}

/** The same without the replicas of which nobody said whether they are to be there. */
function within(places: readonly Place[], look: SecretLook): SecretLook {
  const isNamed = ({ region }: { region: string }) => places.some((place) => place.region === region);
  const observations = [...look.observations].map(([replica, observed]): [PlaceId, SecretObservation] => {
    if (observed.state !== 'present') return [replica, observed];
    const { description } = observed;
    const replicas = description.replicas.filter(isNamed);
    return [replica, { ...observed, description: { ...description, replicas } }];
  });
  return { ...look, observations: new Map(observations) };
}

/** A source that counts, and reads nothing with credentials of another account than a place names. */
function admitting({ secrets, functions }: Parameters<typeof lookAtSecrets>[0]) {
  const call = 'secretsmanager:DescribeSecret';
  const calls = new Map<string, number>();
  const source: LookPorts['secrets'] = {
    async describe(place, name) {
      await admit(functions, place);
      calls.set(call, (calls.get(call) ?? 0) + 1);
      return secrets.describe(place, name);
    },
  };
  return { source, calls };
}

function placesOf({ observations }: SecretLook): readonly PlaceId[] {
  return [...observations.keys()];
}

function statesOf({ observations }: SecretLook): readonly SecretObservation['state'][] {
  return [...observations.values()].map(({ state }) => state);
}

/** What refused all secrets that are to be in a place alike, and so is told once. */
function refusalOf(replica: PlaceId, looks: readonly SecretLook[]): SecretsLook['refusals'] {
  const own = looks.flatMap(({ observations }) => observations.get(replica) ?? []);
  const refusals = own.flatMap((each) => (each.state === 'unobservable' ? [each.refusal] : []));
  const [refusal] = refusals;
  const isAlike = new Set(refusals.map((each) => JSON.stringify(each))).size === 1;
  return refusal && isAlike && refusals.length === own.length ? [{ replica, refusal }] : [];
}

/**
 * Reads one secret in all its places, each with one call, and its primary where replicas say that it is elsewhere: without it
 * nothing can be compared. What is refused is unobservable.
 */
export async function lookAtSecret(
  { secrets, clock }: LookPorts,
  name: string,
  places: readonly Place[],
): Promise<SecretLook> {
  const at = clock.now();
  const observe = async (place: Place): Promise<readonly [PlaceId, SecretObservation]> => {
    try {
      const description = await secrets.describe(place, name);
      return [placeId(place), description ? { state: 'present', at, description } : { state: 'absent', at }];
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      return [placeId(place), { state: 'unobservable', at, refusal: error.refusal }];
    }
  };
  const own = await Promise.all(places.map(observe));
  const primaries = await Promise.all(primariesBeside(places, own).map(observe));
  return { observations: new Map([...own, ...primaries]), at };
}

function primariesBeside(
  places: readonly Place[],
  observed: readonly (readonly [PlaceId, SecretObservation])[],
): readonly Place[] {
  const named = observed.flatMap(([, each]) =>
    each.state === 'present' ? (each.description.primaryRegion ?? []) : [],
  );
  const [first] = places;
  return [...new Set(named)]
    .filter((region) => places.every((place) => place.region !== region))
    .map((region) => ({ ...first, region }));
}
