import pMap from 'p-map';
import type { ParsedConfig, WatchedSecret } from '../contract/config.ts';
import { SECRET_FACETS } from '../contract/report.ts';
import { type Change, retire, type Step, type SubjectState } from '../core/episode.ts';
import { RefusedError } from '../core/errors.ts';
import { type Place, type PlaceId, placeId } from '../core/place.ts';
import {
  type Heard,
  isNews,
  type RotationRules,
  rotate,
  type SecretLook,
  superseded,
} from '../core/rotation.ts';
import type { Load, SecretObservation } from '../core/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConsumerProbes } from '../ports/consumer-probes.ts';
import type { SecretSource } from '../ports/secret-source.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Wake } from '../ports/wakes.ts';
import { type HeardOfSecret, mayMean } from './hear-secret.ts';
import { lookAtSecret, SECRETS_AT_ONCE } from './look-secrets.ts';
import { isPastTarget } from './past-target.ts';
import { placesOfSecret, rotationRulesOf, subjectOfSecret } from './secret-scope.ts';
import { type SettlePorts, settle } from './settle.ts';
import { failFirst, type Open, type Swept } from './swept.ts';
import { tellingOf } from './telling.ts';

/** Secrets that are looked at, or probes that are under way, at once. Nothing shares their quotas with the user's deploys. */
const AT_ONCE = { concurrency: SECRETS_AT_ONCE } as const;
const PROBES_AT_ONCE = 25;

/** What told of a secret whose name is known. */
type ToldOfSecret = Pick<HeardOfSecret, 'change'> & Partial<HeardOfSecret>;

export interface VerifySecretPorts extends SettlePorts {
  readonly secrets: SecretSource;
  readonly probes: ConsumerProbes;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** Looks at the secrets that an event may mean, and takes what was seen and told into the ledger. */
export async function verifySecretChange(
  ports: VerifySecretPorts,
  config: ParsedConfig,
  heard: HeardOfSecret,
): Promise<void> {
  const { secretId, account } = heard;
  const concerned = config.secrets.filter((secret) => {
    const own = secret.account ?? config.hub.account;
    return mayMean(secretId, secret) && (own === undefined || own === account);
  });
  if (heard.loaded === undefined) {
    // of which secret it is said must be certain; else it is a reason to look, and no more
    const isCertain = secretId !== undefined && concerned.length === 1;
    const told = { ...heard, ended: isCertain ? heard.ended : undefined };
    return failFirst(await verifyEach(ports, config, concerned, told));
  }
  const due = await Promise.all(
    concerned.map(async (secret) => {
      const isNamed = secret.consumers.some(({ name }) => name === heard.loaded?.consumer);
      const said = saidIn(heard, placesOfSecret(config, secret));
      if (!isNamed || said === undefined) return [];
      const state = await ports.ledger.read(subjectOfSecret(config, secret));
      return isNews(state, said.load, rulesOf(config, secret)) ? [secret] : [];
    }),
  );
  failFirst(await verifyEach(ports, config, due.flat(), heard));
}

/** Looks at secrets that somebody asked for by name, in whatever accounts they are. */
export async function verifySecretsNamed(
  ports: VerifySecretPorts,
  config: ParsedConfig,
  change: Change,
  names: readonly string[],
): Promise<void> {
  const named = config.secrets.filter((secret) =>
    [secret.name, subjectOfSecret(config, secret)].some((name) => names.includes(name)),
  );
  failFirst(await verifyEach(ports, config, named, { change }));
}

/** Looks once more at a secret that asked for it, unless it has been looked at since. */
export async function verifySecretWake(
  ports: VerifySecretPorts,
  config: ParsedConfig,
  { subject, wake }: Wake,
): Promise<void> {
  const state = await ports.ledger.read(subject);
  if (state.wake !== wake) return;
  const awake = config.secrets.filter((secret) => subjectOfSecret(config, secret) === subject);
  failFirst(await verifyEach(ports, config, awake, undefined));
}

/**
 * Looks at secrets without an event, and ends episodes of those that are not watched any more.
 * @param isFull Whether all are looked at; else only those that are new, have an open episode, or could not be read.
 */
export async function verifyAllSecrets(
  ports: VerifySecretPorts,
  config: ParsedConfig,
  isFull: boolean,
): Promise<Swept> {
  const watched = new Map(config.secrets.map((secret) => [subjectOfSecret(config, secret), secret]));
  const known: string[] = [];
  for await (const subject of ports.ledger.subjects()) known.push(subject);
  const before = isFull ? [] : await pMap(known, (subject) => ports.ledger.read(subject), AT_ONCE);
  const isDue = ({ open, secret }: SubjectState) => open !== undefined || secret?.unread !== undefined;
  const lasting = new Set(before.filter(isDue).map(({ subject }) => subject));
  const isNew = (subject: string) => !known.includes(subject);
  const due = [...watched]
    .filter(([subject]) => isFull || isNew(subject) || lasting.has(subject))
    .map(([, secret]) => secret);
  const at = ports.clock.now();
  const { states, errors } = await verifyEach(ports, config, due, undefined);
  const gone = known.filter((subject) => !watched.has(subject));
  const retired = await each(gone, (subject) => {
    const tell = (step: Step) => publish(ports.telemetry, step, undefined);
    return settle(ports, subject, (state) => retire(state, at), tell);
  });
  return {
    open: states.flatMap(({ subject, open: episode }): Open[] => {
      const secret = watched.get(subject);
      return episode && secret ? [{ episode, alarmOn: alarmOnOf(config, secret) }] : [];
    }),
    unreadReplicas: states.reduce((sum, { secret }) => sum + (secret?.unread ?? 0), 0),
    errors: [...errors, ...retired.errors],
  };
}

/** Where a look fails, what was known before still stands. */
async function verifyEach(
  ports: VerifySecretPorts,
  config: ParsedConfig,
  secrets: readonly WatchedSecret[],
  heard: ToldOfSecret | undefined,
): Promise<{ states: readonly SubjectState[]; errors: readonly unknown[] }> {
  const looked = await each(secrets, (secret) => verifySecret(ports, config, secret, heard));
  const stored = await each(looked.failed, (secret) => ports.ledger.read(subjectOfSecret(config, secret)));
  return { states: [...looked.results, ...stored.results], errors: looked.errors };
}

/** One secret's trouble is not the others'. */
async function each<T, R>(items: readonly T[], act: (item: T) => Promise<R>) {
  const [results, failed, errors]: [R[], T[], unknown[]] = [[], [], []];
  await pMap(
    items,
    async (item) => {
      try {
        results.push(await act(item));
      } catch (error) {
        failed.push(item);
        errors.push(error);
      }
    },
    AT_ONCE,
  );
  return { results, failed, errors };
}

async function verifySecret(
  ports: VerifySecretPorts,
  config: ParsedConfig,
  secret: WatchedSecret,
  told: ToldOfSecret | undefined,
): Promise<SubjectState> {
  const subject = subjectOfSecret(config, secret);
  const places = placesOfSecret(config, secret);
  const rules = rulesOf(config, secret);
  const look = await lookAtSecret(ports, secret.name, places);
  const take = async (heard: Heard, seen: SecretLook): Promise<SubjectState> => {
    for (;;) {
      let isOver = true;
      const state = await settle(
        ports,
        subject,
        (before) => {
          const end = superseded(before, seen, rules);
          isOver = end === undefined;
          return end ?? rotate(before, heard, seen, rules);
        },
        (step) => publish(ports.telemetry, step, rules.alarmOn),
      );
      if (isOver) return state;
    }
  };

  const said = saidIn(told, places);
  const loads = said ? [await checked(ports.secrets, secret.name, said, look.observations)] : [];
  const state = await take({ change: told?.change, loads, ended: told?.ended }, look);
  if (told?.loaded) return state; // a process that reports comes between two looks, and both of these ask the probes
  const probed = await probeConsumers(ports, secret, places, state, look.observations);
  if (probed.length === 0) return state;
  // a probe may take its time, and what was read before it is old by then
  return take({ loads: probed }, await lookAtSecret(ports, secret.name, places));
}

function rulesOf(config: ParsedConfig, secret: WatchedSecret): RotationRules {
  return { ...rotationRulesOf(config, secret), alarmOn: alarmOnOf(config, secret) };
}

type Observations = ReadonlyMap<PlaceId, SecretObservation>;

/** What a consumer says, and where. */
interface Said {
  readonly place: Place;
  readonly load: Load;
}

/** What a report says, if it comes from a place of the secret. */
function saidIn(told: ToldOfSecret | undefined, places: readonly Place[]): Said | undefined {
  const place = places.find(({ region }) => region === told?.region);
  if (told?.loaded === undefined || place === undefined) return undefined;
  const { versionId, ...said } = told.loaded;
  return { place, load: { ...said, replica: placeId(place), used: { versionId, isKnown: true } } };
}

/** Stands for an id that AWS does not name: it may be anything that a consumer says, a value included, and is not kept. */
const UNNAMED = 'unnamed';

/** The same, and whether the secret has the version, or lately had it: what carries no label any more has to be asked for. */
async function checked(
  secrets: SecretSource,
  name: string,
  { place, load }: Said,
  observations: Observations,
): Promise<Load> {
  if ('refusal' in load.used) return load;
  const { versionId } = load.used;
  const isLabelled = [...observations.values()].some(
    (each) => each.state === 'present' && each.description.labelledIds.includes(versionId),
  );
  if (isLabelled) return load;
  const has = await secrets.hasVersion(place, name, versionId).catch((error: unknown) => {
    const isTriedAgain = load.process !== undefined; // a report is, with its message; a probe, at the next look
    if (error instanceof RefusedError && !(error.retryable && isTriedAgain)) return undefined; // nobody can tell
    throw error;
  });
  return { ...load, used: { versionId: has ? versionId : UNNAMED, isKnown: has !== false } };
}

/** Asks the probes of consumers whose replicas hold the version, and of which nothing proves yet that they use it. */
async function probeConsumers(
  { probes, secrets, clock }: VerifySecretPorts,
  { name, consumers }: WatchedSecret,
  places: readonly Place[],
  { open }: SubjectState,
  observations: Observations,
): Promise<readonly Load[]> {
  const hops = open?.rotation?.hops ?? [];
  const isDone = (replica: string) =>
    hops.some((hop) => hop.hop < 3 && hop.replica === replica && hop.state === 'agreed');
  const due = hops.flatMap((hop) => {
    const probe = consumers.find((consumer) => consumer.name === hop.consumer)?.probe;
    const place = places.find((each) => placeId(each) === hop.replica);
    const isDue = hop.hop === 3 && hop.state !== 'agreed' && isDone(hop.replica);
    return isDue && probe && place ? [{ consumer: hop.consumer as string, probe, place }] : [];
  });
  return pMap(
    due,
    async ({ consumer, probe, place }): Promise<Load> => {
      const said = { replica: placeId(place), consumer, at: clock.now() };
      const answer = await probes.probe(place, probe, name);
      const used = 'refusal' in answer ? answer : { ...answer, isKnown: true };
      return checked(secrets, name, { place, load: { ...said, used } }, observations);
    },
    { concurrency: PROBES_AT_ONCE },
  );
}

/** All that can be wrong with a secret alarms, unless it is only learnt. */
function alarmOnOf({ mode }: ParsedConfig, secret: WatchedSecret): Open['alarmOn'] {
  return (secret.mode ?? mode) === 'alert' ? SECRET_FACETS : undefined;
}

function publish(telemetry: Telemetry, step: Step, alarmOn: Open['alarmOn']): void {
  const { state, opened, closed, overdue, isFlap } = step;
  const tell = tellingOf(telemetry, state.subject);
  if (overdue && isPastTarget({ episode: overdue, alarmOn })) tell('SecretsPastTarget', 1, overdue);
  if (isFlap) tell('FlapCount', 1);
  if (opened) tell('TimeToDetect', opened.firstSeenAt - opened.cause.at, opened);
  if (closed?.outcome === 'rolled-back' && closed.rotation?.triedId) tell('RollbackCount', 1, closed);
  if (closed?.outcome === 'forward' && closed.rotation?.isMove) {
    const doneAt = Math.max(...closed.rotation.hops.map(({ at }) => at ?? 0));
    tell('SecretPropagationTime', Math.max(0, doneAt - closed.cause.at), closed);
  }
}
