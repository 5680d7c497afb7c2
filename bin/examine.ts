import pMap from 'p-map';
import type { InspectedRule, InspectedStack, Inspection } from '../functions/adapters/aws/inspection.ts';
import { type Reconciling, whyNot } from '../functions/adapters/aws/reconcile-client.ts';
import {
  callerAccount,
  type DeployedPlace,
  deployedPlaces,
  partMadeBy,
  type StackKind,
} from '../functions/app/deployed-places.ts';
import { durationText } from '../functions/app/draw-words.ts';
import { SWEEP_LATE_MS } from '../functions/app/service-levels.ts';
import { type ParsedConfig, warningsOf } from '../functions/contract/config.ts';
import { DEPLOYED, PARTS } from '../functions/contract/deployment.ts';
import type { Overview, SweepStatus } from '../functions/contract/overview.ts';
import type { RefusalCode } from '../functions/contract/report.ts';
import type { Loaded } from './ask-hub.ts';
import { listed, plural, sentenceOf } from './render.ts';

interface Verdict {
  /** `unknown` if it could not be checked. */
  readonly state: 'ok' | 'wrong' | 'unknown';
  readonly words: string;
  /** What mends it. */
  readonly fix?: string;
}

/** One thing that may keep Recohere from its work. */
export interface Check extends Verdict {
  readonly check: string;
  /** Region, or account and region; nothing for what is in no region. */
  readonly place?: string;
}

/** What is examined, and with what. */
export interface Examined {
  readonly loaded: Loaded;
  /** Of the command that asks. */
  readonly release: string;
  readonly inspection: Inspection;
  readonly asked: Pick<Reconciling, 'overview'>;
}

const PLACES_AT_ONCE = 5;
/** In one place. */
const CALLS_AT_ONCE = 5;

/** States of a stack whose last deploy went well. */
const GOOD_STATES = [
  'CREATE_COMPLETE',
  'UPDATE_COMPLETE',
  'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS',
  'IMPORT_COMPLETE',
];
/** The stack that `cdk bootstrap` makes. */
const BOOTSTRAP_STACK = 'CDKToolkit';

const DEPLOY = 'npx cdk deploy --all';
const DELETED: Verdict = {
  state: 'wrong',
  words: 'is not there',
  fix: 'it was deleted by hand, which a deploy does not notice: revert the drift of its stack, by a change set with the deployment mode REVERT_DRIFT',
};

const SIGN_IN = 'sign in, or name a profile: AWS_PROFILE=… npx recohere doctor';
/** What mends a refusal whose words do not say it. */
const FIXES: Partial<Record<RefusalCode, string>> = {
  NO_CREDENTIALS: SIGN_IN,
  CREDENTIALS_EXPIRED: SIGN_IN,
  CREDENTIALS_REJECTED: `${SIGN_IN}; a region is enabled with aws account enable-region --region-name …`,
};

/** All checks, in the order in which one thing needs another. @param show Told in how many places it has looked. */
export async function examine(
  examined: Examined,
  show: (done: number, of: number) => void,
): Promise<readonly Check[]> {
  const { loaded, inspection, asked } = examined;
  const { config } = loaded;
  const valid: Check = { check: 'config', state: 'ok', words: configWords(loaded) };
  const caller = await attempt(() => callerAccount(config, inspection.account));
  if (!('value' in caller)) return [valid, { check: 'credentials', ...caller }];
  const places = deployedPlaces(config);
  let done = 0;
  const found = await pMap(
    places,
    async (place) => {
      const checks = await placeChecks(examined, place, caller.value);
      show(++done, places.length);
      return checks;
    },
    { concurrency: PLACES_AT_ONCE },
  );
  return [
    valid,
    { check: 'credentials', state: 'ok', words: callerWords(config, caller.value) },
    ...found.flat(),
    await checked({ check: 'sweep', place: config.hub.region }, () => asked.overview(), sweepVerdict),
  ];
}

function configWords({ path, config }: Loaded): string {
  const warnings = warningsOf(config);
  return [`${path} is valid`, ...(warnings.length > 0 ? [`but ${warnings.join('; ')}`] : [])].join(', ');
}

function callerWords({ hub }: ParsedConfig, account: string): string {
  const isHub = hub.account === undefined || hub.account === account;
  return `account ${account}, ${isHub ? 'which is that of the hub' : `and that of the hub is ${hub.account}`}`;
}

async function placeChecks(
  { loaded, inspection, release }: Examined,
  { region, account, stacks }: DeployedPlace,
  caller: string,
): Promise<readonly Check[]> {
  const { prefix, tables } = loaded.config;
  const place = account === undefined ? region : `${account}/${region}`;
  if (account !== undefined && account !== caller) {
    return stacks.map((stack) => ({
      check: `stack ${DEPLOYED.stack(prefix, stack)}`,
      place,
      state: 'unknown',
      words: `these are credentials of account ${caller}`,
      fix: `with a profile of account ${account}: AWS_PROFILE=… npx recohere doctor`,
    }));
  }
  const checks: Check[] = [];
  let isMissing = false;
  for (const stack of stacks) {
    const usual = DEPLOYED.stack(prefix, stack);
    let name = usual;
    const found = await attempt(async () => {
      const there = await inspection.stack(region, usual);
      if (there !== undefined) return there;
      const owner = await inspection.ownerOf(region, partMadeBy(stack, prefix, caller, region));
      if (owner === undefined) return undefined;
      name = owner;
      return inspection.stack(region, owner);
    });
    const verdict = 'value' in found ? stackVerdict(found.value, release, name !== usual) : found;
    checks.push({ check: `stack ${name}`, place, ...verdict });
    if (!('value' in found)) continue;
    if (found.value === undefined) isMissing = true;
    else checks.push(...(await contentChecks(stack, name)));
  }
  if (isMissing) {
    const bootstrap = () => inspection.stack(region, BOOTSTRAP_STACK);
    const used = (found: InspectedStack | undefined) => bootstrapVerdict(found, account ?? caller, region);
    checks.push(await checked({ check: `stack ${BOOTSTRAP_STACK}`, place }, bootstrap, used));
  }
  return checks;

  /** What a stack that is there has made, as far as somebody may have changed it by hand, or it fills up. */
  async function contentChecks(stack: StackKind, name: string): Promise<readonly Check[]> {
    if (stack !== 'hub' && stack !== 'region') return [];
    const parts = PARTS.filter((part) => part !== 'reconcile-worker' || tables.length > 0);
    const functions = stack === 'hub' ? parts.map((part) => DEPLOYED.part(prefix, part)) : [];
    const queues = stack === 'hub' ? (['hub', 'verify-deploy', 'verify-rotation'] as const) : [stack];
    const asks = [
      () =>
        checked(
          { check: `rules of ${name}`, place },
          () => inspection.rules(region, name, DEPLOYED.bus(prefix)),
          (rules) => rulesVerdict(rules, region, stack === 'hub' ? DEPLOYED.bus(prefix) : undefined),
        ),
      ...functions.map(
        (each) => () =>
          checked(
            { check: `function ${each}`, place },
            () => inspection.functionState(region, each),
            functionVerdict,
          ),
      ),
      ...queues.map((of) => () => {
        const queue = DEPLOYED.deadLetters(prefix, of);
        return checked(
          { check: `queue ${queue}`, place },
          () => inspection.messages(region, queue),
          deadLettersVerdict,
        );
      }),
    ];
    return pMap(asks, (ask) => ask(), { concurrency: CALLS_AT_ONCE });
  }
}

/** @param isOthers Whether something else than the CDK app of the package has made it, such as StackSets. */
function stackVerdict(stack: InspectedStack | undefined, release: string, isOthers: boolean): Verdict {
  const deploy = isOthers ? 'deploy it anew, with what has made it' : DEPLOY;
  if (stack === undefined) return { state: 'wrong', words: 'is not there', fix: deploy };
  const { status } = stack;
  if (!GOOD_STATES.includes(status)) {
    // what is only reviewed has never been deployed, and may stay so for ever
    if (status.endsWith('_IN_PROGRESS') && status !== 'REVIEW_IN_PROGRESS') {
      return { state: 'unknown', words: `is being changed: ${status}`, fix: 'ask again when that has ended' };
    }
    return { state: 'wrong', words: status, fix: `see its events in CloudFormation, then ${deploy}` };
  }
  if (stack.release === release) return { state: 'ok', words: `release ${release}` };
  if (isOthers && stack.release === undefined) {
    return { state: 'unknown', words: 'has our parts, and does not say of which release' };
  }
  const other = stack.release === undefined ? 'is of an older release' : `is of release ${stack.release}`;
  return { state: 'wrong', words: `${other}, this command of ${release}`, fix: deploy };
}

function bootstrapVerdict(stack: InspectedStack | undefined, account: string, region: string): Verdict {
  if (stack) return { state: 'ok', words: 'is there, so that the CDK can deploy' };
  return { state: 'wrong', words: 'is not there', fix: `npx cdk bootstrap aws://${account}/${region}` };
}

/**
 * Of rules that forward events, and of those that start sweeps.
 * @param bus A bus on which some of them may be; the others are on the default one.
 */
function rulesVerdict(rules: readonly InspectedRule[], region: string, bus: string | undefined): Verdict {
  const off = rules.filter(({ state }) => state !== 'enabled');
  if (off.length === 0) return { state: 'ok', words: `${rules.length} are enabled` };
  const words = off.map(({ name, state }) => `${name} is ${state}`).join(', ');
  if (off.some(({ state }) => state === 'missing')) return { ...DELETED, words };
  const commands = off.map(({ name }) => `aws events enable-rule --region ${region} --name ${name}`);
  const elsewhere = bus ? [`for a rule that is not found there, add --event-bus-name ${bus}`] : [];
  return { state: 'wrong', words, fix: [...commands, ...elsewhere].join('; ') };
}

function functionVerdict(state: Awaited<ReturnType<Inspection['functionState']>>): Verdict {
  switch (state) {
    case 'settled':
      return { state: 'ok', words: 'is active' };
    case 'unsettled':
      return { state: 'unknown', words: 'is being updated', fix: 'ask again when that has ended' };
    case 'failed':
      return { state: 'wrong', words: 'its last update failed', fix: DEPLOY };
    case undefined:
      return DELETED;
  }
}

function deadLettersVerdict(count: number | undefined): Verdict {
  if (count === undefined) return DELETED;
  if (count === 0) return { state: 'ok', words: 'is empty' };
  return {
    state: 'wrong',
    words: `has ${plural(count, 'dead letter')}`,
    fix: 'see alarm-dead-letters in the README',
  };
}

/** What the hub itself could not read is the real check of its permissions. */
function sweepVerdict({ at, prefix, sweep }: Overview): Verdict {
  if (sweep === null) {
    const fix = 'wait for five minutes, then see alarm-heartbeat in the README';
    return { state: 'wrong', words: 'none has come to its end yet', fix };
  }
  const { endedAt, expected, read, left, unread, unreadSubjects } = sweep;
  const ended = `ended ${durationText(at - endedAt)} ago`;
  if (at - endedAt > SWEEP_LATE_MS) {
    return { state: 'wrong', words: ended, fix: 'see alarm-heartbeat in the README' };
  }
  const lacks = [
    ...unread.map(({ replica, refusal }) => `${replica}: ${sentenceOf(refusal)}`),
    ...(unreadSubjects.length > 0 ? [`not all of ${listed(unreadSubjects)}`] : []),
    ...(left > 0 ? [`no time for ${plural(left, 'subject')}`] : []),
  ];
  const words = [`${ended} and read ${read} of ${plural(expected, 'replica')}`, ...lacks].join('; ');
  if (lacks.length === 0 && read >= expected) return { state: 'ok', words };
  const log = `see its log group /aws/lambda/${DEPLOYED.part(prefix, 'sweep')}`;
  return { state: 'wrong', words, fix: fixesOf(sweep).join('; ') || log };
}

/** What was not read for want of a permission is another matter than what was not read for want of time. */
function fixesOf({ left, unread }: SweepStatus): readonly string[] {
  const isRefused = unread.some(({ refusal }) => refusal.code !== 'NOT_READ');
  const isOutOfTime = left > 0 || unread.some(({ refusal }) => refusal.code === 'NOT_READ');
  return [
    ...(isRefused ? ['grant what is missing, or take the region out of replicas'] : []),
    ...(isOutOfTime
      ? ['the next sweep goes on there; if time is up again and again, see alarm-incomplete in the README']
      : []),
  ];
}

async function checked<T>(
  what: Pick<Check, 'check' | 'place'>,
  ask: () => Promise<T>,
  judge: (value: T) => Verdict,
): Promise<Check> {
  const found = await attempt(ask);
  return { ...what, ...('value' in found ? judge(found.value) : found) };
}

/** What AWS refuses is not known; what a rule of ours refuses is wrong. */
async function attempt<T>(ask: () => Promise<T>): Promise<{ readonly value: T } | Verdict> {
  try {
    return { value: await ask() };
  } catch (error) {
    const why = whyNot(error);
    if (why === undefined) throw error;
    if (why.refusal) {
      const fix = FIXES[why.refusal.code];
      return { state: 'unknown', words: sentenceOf(why.refusal), ...(fix && { fix }) };
    }
    return { state: 'wrong', words: why.message.replace(/\s*\n\s*/g, ' '), fix: DEPLOY };
  }
}
