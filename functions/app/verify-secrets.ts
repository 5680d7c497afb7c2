import pMap from 'p-map';
import type { ParsedConfig, WatchedSecret } from '../contract/config.ts';
import { alarmOf } from '../core/alarming.ts';
import { type Change, retire, type Step, type SubjectState } from '../core/episode.ts';
import { RefusedError } from '../core/errors.ts';
import { type Heeded, heed } from '../core/moves.ts';
import { type Place, type PlaceId, placeId } from '../core/place.ts';
import { type Heard, isNews, rotate, type SecretLook, superseded } from '../core/rotation.ts';
import type { Load, SecretObservation } from '../core/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConsumerProbes } from '../ports/consumer-probes.ts';
import type { SecretSource } from '../ports/secret-source.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Wake } from '../ports/wakes.ts';
import { type HeardOfSecret, mayMean } from './hear-secret.ts';
import { lookAtSecret, SECRETS_AT_ONCE } from './look-secrets.ts';
import { lateOf } from './past-target.ts';
import { placesOfSecret, rotationRulesOf, subjectOfSecret } from './secret-scope.ts';
import { answering, nudged, remembering, type SettlePorts, settle, statesOf } from './settle.ts';
import { type Standing, standingOf } from './standing.ts';
import { type AlarmOn, distinct, failFirst, reasonsIn, type Swept } from './swept.ts';
import { tellingOf, tellLost } from './telling.ts';
import { alarmOnAt, watchedBy, watchedSecret } from './watched.ts';

/** Secrets that are looked at, or probes that are under way, at once. Nothing shares their quotas with the user's deploys. */
const AT_ONCE = { concurrency: SECRETS_AT_ONCE } as const;
const PROBES_AT_ONCE = 25;

/** What told of a secret whose name is known. */
type ToldOfSecret = Pick<HeardOfSecret, 'change'> &
  Partial<HeardOfSecret> & {
    /** When the request by hand was made that the look answers. */
    readonly byHand?: number;
  };

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
      const rules = { ...rotationRulesOf(config, secret), alarmOn: undefined };
      return isNews(state, said.load, rules) ? [secret] : [];
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
  failFirst(await verifyEach(ports, config, named, { change, byHand: change.at }));
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

/** Looks at secrets that are critical, and at no others. */
export async function verifyCriticalSecrets(
  ports: VerifySecretPorts,
  config: ParsedConfig,
): Promise<Pick<Swept, 'standings' | 'errors'>> {
  const critical = config.secrets.filter((secret) => secret.critical);
  const { states, errors } = await verifyEach(ports, config, critical, undefined);
  return { standings: standingsOf(config, states, ports.clock.now()), errors };
}

/**
 * Looks at secrets without an event, and ends episodes of those that are not watched any more.
 * @param isFull Whether all are looked at; else only those that are critical or new, have an open episode, or could not be read.
 */
export async function verifyAllSecrets(
  ports: VerifySecretPorts,
  config: ParsedConfig,
  isFull: boolean,
): Promise<Swept> {
  const watched = new Map(config.secrets.map((secret) => [subjectOfSecret(config, secret), secret]));
  const known = await statesOf(ports.ledger);
  const isDue = (state: SubjectState | undefined) =>
    isFull ||
    state === undefined ||
    state.open !== undefined ||
    state.last?.outcome === 'superseded' || // whoever ended it may have died before it opened the next one
    state.secret?.unread !== undefined;
  const due = [...watched]
    .filter(([subject, { critical }]) => critical || isDue(known.get(subject)))
    .map(([, secret]) => secret);
  const at = ports.clock.now();
  const looked = await verifyEach(ports, config, due, undefined);
  const gone = [...known.keys()].filter((subject) => !watched.has(subject));
  const retired = await each(gone, (subject) => {
    const tell = (taken: Taken) => publish(ports.telemetry, taken, undefined);
    return settle(ports, subject, (state) => ({ ...retire(state, at), lost: [] }), tell, known.get(subject));
  });
  const now = new Map([...known, ...looked.states.map((state) => [state.subject, state] as const)]);
  const states = [...now].flatMap(([subject, state]) => (state && watched.has(subject) ? [state] : []));
  const expected = due.reduce((sum, secret) => sum + placesOfSecret(config, secret).length, 0);
  const unread = states.filter(({ secret }) => secret?.unread !== undefined);
  const unreadReplicas = unread.reduce((sum, { secret }) => sum + (secret?.unread ?? 0), 0);
  return {
    standings: standingsOf(config, states, at),
    expected,
    read: Math.max(0, expected - unreadReplicas - looked.unseen),
    unread: distinct(reasonsIn(states.flatMap(({ open }) => open?.findings ?? []))),
    unreadReplicas,
    unreadSubjects: unread.map(({ subject }) => subject),
    left: 0,
    isSlow: false,
    errors: [...looked.errors, ...retired.errors],
  };
}

function standingsOf(config: ParsedConfig, states: readonly SubjectState[], now: number): Standing[] {
  const watched = watchedBy(config);
  return states.map((state) => standingOf(state, watched.secret(state.subject), now));
}

/** Where a look fails, what was known before still stands. */
async function verifyEach(
  ports: VerifySecretPorts,
  config: ParsedConfig,
  secrets: readonly WatchedSecret[],
  heard: ToldOfSecret | undefined,
): Promise<{ states: readonly SubjectState[]; unseen: number; errors: readonly unknown[] }> {
  let isNews = false;
  const onOverdue = () => {
    isNews = true;
  };
  const looked = await each(secrets, (secret) => verifySecret(ports, config, secret, heard, onOverdue));
  const stored = await each(looked.failed, (secret) => ports.ledger.read(subjectOfSecret(config, secret)));
  if (isNews) await nudged(ports.nudges);
  const unseen = looked.failed.reduce((sum, secret) => sum + placesOfSecret(config, secret).length, 0);
  return { states: [...looked.results, ...stored.results], unseen, errors: looked.errors };
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
  onOverdue: () => void,
): Promise<SubjectState> {
  const subject = subjectOfSecret(config, secret);
  const places = placesOfSecret(config, secret);
  const watched = watchedSecret(config, secret);
  // a process that reports what it has loaded does not tell of what was rotated, nor does who asks by hand
  const event = told?.loaded === undefined && told?.byHand === undefined ? told?.change : undefined;
  const look = await lookAtSecret(ports, secret.name, places);
  const take = async (heard: Heard, seen: SecretLook): Promise<SubjectState> => {
    for (;;) {
      let isOver = true;
      const state = await settle(
        ports,
        subject,
        (before) => {
          const alarmOn = alarmOnAt(watched, before, seen.at);
          const rules = { ...rotationRulesOf(config, secret), alarmOn };
          const end = superseded(before, seen, rules);
          isOver = end === undefined;
          const step = end ?? rotate(before, heard, seen, rules);
          const taken = heed(before, step, { told: event, unread: unreadIn(seen), at: seen.at });
          return remembering(taken, { retiredAt: undefined, ...answering(before, told?.byHand) });
        },
        (taken) => {
          const alarmOn = alarmOnAt(watched, taken.state, seen.at);
          publish(ports.telemetry, taken, alarmOn);
          if (taken.overdue && alarmOf(taken.overdue.findings, alarmOn).isStalled) onOverdue();
        },
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

function unreadIn({ observations }: SecretLook): PlaceId[] {
  return [...observations].flatMap(([replica, { state }]) => (state === 'unobservable' ? [replica] : []));
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

type Taken = Step & Pick<Heeded, 'lost'>;

function publish(telemetry: Telemetry, step: Taken, alarmOn: AlarmOn): void {
  const { state, opened, closed, overdue, isFlap } = step;
  const tell = tellingOf(telemetry, state.subject);
  if (overdue) {
    const { staleReplicas, staleConsumers } = lateOf(overdue, alarmOn);
    if (staleReplicas > 0) tell('SecretReplicasStale', staleReplicas, overdue);
    if (staleConsumers > 0) tell('SecretConsumersStale', staleConsumers, overdue);
  }
  if (isFlap) tell('FlapCount', 1);
  if (opened) tell('TimeToDetect', opened.firstSeenAt - opened.cause.at, opened);
  if (closed?.outcome === 'rolled-back' && closed.rotation?.triedId) tell('RollbackCount', 1, closed);
  if (closed?.outcome === 'forward' && closed.rotation?.isMove) {
    const doneAt = Math.max(...closed.rotation.hops.map(({ at }) => at ?? 0));
    tell('SecretPropagationTime', Math.max(0, doneAt - closed.cause.at), closed);
  }
  tellLost(telemetry, step);
}
