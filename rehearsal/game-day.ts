import { alarmsFor } from '../functions/contract/alarms.ts';
import { hasCritical, type ParsedConfig } from '../functions/contract/config.ts';
import type { Severity } from '../functions/contract/deployment.ts';
import type { Scenario } from '../functions/contract/names.ts';
import type { Overview } from '../functions/contract/overview.ts';
import { OBJECTIVES, percentile } from '../functions/core/service-levels.ts';
import { plural } from '../functions/core/words.ts';
import { evaluateAlarms, type Measurements } from './alarms.ts';
import { Fate } from './fate.ts';
import { Installation } from './installation.ts';
import type { InvariantNumber, Violation } from './invariants.ts';
import type { Change, Recorder } from './recorder.ts';
import { Day, SCENES, type Scene } from './scenes.ts';
import { withinTime } from './stand-ins.ts';
import { playTables, type ToldRefusal, type ToldRun } from './table-day.ts';

/** What is shown with tables: all that is watched beside them, after so long in which nothing happened. */
const CALM_MS = 60_000;

/** How long something took, in milliseconds, over so many times. */
export interface Figures {
  readonly count: number;
  /** How many had not come to it at the end. */
  readonly left: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}

/** The same of something that is to come soon. */
export interface TargetedFigures extends Figures {
  /** What is promised of 95 in 100: several, where subjects differ. */
  readonly targetsMs: readonly number[];
  /** How many came to it within their target. */
  readonly within: number;
}

/** Something that went wrong, and what came of it. Times are milliseconds: since the beginning (`at`), or since then (`after`). */
interface ToldIncident {
  readonly what: string;
  readonly subject: string;
  readonly replicas: readonly string[];
  readonly atMs: number;
  readonly seenAfterMs: number | null;
  /** When a notice named it. */
  readonly noticedAfterMs: number | null;
  /** When the scenario put it right; `null` if it did not. */
  readonly endedAfterMs: number | null;
  /** When the episode ended that was open about it; `null` if none did. */
  readonly closedAfterMs: number | null;
}

/** A time in which an alarm was on, in milliseconds since the beginning. */
interface ToldAlarm {
  readonly name: string;
  readonly severity: Severity;
  readonly fromMs: number;
  readonly untilMs: number | null;
  /** When it notified; `null` if its cause kept it from that, or it was over too soon. */
  readonly notifiedMs: number | null;
}

/** What came of a scenario; the same for the same config and seed, but for the picture's release. */
export interface Rehearsed {
  readonly scenario: Scenario;
  /** Why there was nothing to rehearse; then nothing else says anything. */
  readonly skipped: string | null;
  readonly lengthMs: number;
  readonly subjects: number;
  /** Subjects of which nothing alarms, since they are only learnt. */
  readonly learnt: number;
  /** Deploys and rotations. */
  readonly changes: number;
  /** Events that told of them, and those of these that were lost. */
  readonly events: number;
  readonly eventsLost: number;
  readonly incidents: readonly ToldIncident[];
  /** What belongs to the scenario and was not played, and why. */
  readonly leftOut: readonly string[];
  /** From a deploy, or the move of `AWSCURRENT`, until a look saw it. Its target is the same whatever the config says. */
  readonly detection: TargetedFigures;
  /** From the last change of an episode until all copies agreed: a deploy that puts something right is one. */
  readonly convergence: TargetedFigures;
  /** From the first change of an episode until it ended; of those that are left, until the scenario did. */
  readonly exposure: Figures;
  /** After which copies that differ have diverged. */
  readonly deadlinesMs: readonly number[];
  readonly alarms: readonly ToldAlarm[];
  readonly notices: readonly {
    readonly atMs: number;
    readonly what: Severity | 'pause';
    readonly words: string;
  }[];
  /** By the name that IAM gives them. */
  readonly calls: Readonly<Record<string, number>>;
  readonly invocations: Readonly<Record<string, number>>;
  readonly usd: number;
  readonly runs: readonly ToldRun[];
  readonly refusals: readonly ToldRefusal[];
  /** Numbers of the invariants that something was held against, */
  readonly checked: readonly InvariantNumber[];
  /** and what did not hold. */
  readonly violations: readonly ToldViolation[];
}

/** Something that did not hold. */
interface ToldViolation extends Omit<Violation, 'at'> {
  readonly atMs: number;
}

/** A scenario with what was known at its worst moment, or at its end. */
export interface Rehearsal {
  readonly rehearsed: Rehearsed;
  readonly picture: Overview | undefined;
}

/**
 * Plays a scenario on what a config watches: the real use cases, over functions, secrets and tables that are made up, in virtual time. It
 * calls nobody.
 */
export async function rehearse(config: ParsedConfig, scenario: Scenario, seed: number): Promise<Rehearsal> {
  const scene: Scene | undefined = scenario === 'duplicate-writes' ? undefined : SCENES[scenario];
  return scene ? rehearseScene(config, scenario, seed, scene) : rehearseTables(config, scenario, seed);
}

async function rehearseScene(
  config: ParsedConfig,
  scenario: Scenario,
  seed: number,
  scene: Scene,
): Promise<Rehearsal> {
  const fate = new Fate(seed, scene.odds ?? {});
  const within = withinTime(config);
  const installation = new Installation(within.config, fate);
  const lacking = scene.lacks(installation);
  if (lacking !== undefined) return nothing(scenario, lacking);
  const { clock, recorder, hub } = installation;
  const lived = await clock.run(async () => {
    const played = await installation.live(scene.lengthMinutes * 60_000, async () => {
      const day = new Day(installation, fate.random('scene'));
      await scene.play(day);
      return day;
    });
    return { ...played, known: await installation.overview() };
  });
  const { played: day, known, from, until } = lived;
  const since = (at: number) => at - from;
  const alarms = alarmsOf(config, installation.measurements, from, until);
  const rehearsed: Rehearsed = {
    ...emptyOf(scenario),
    lengthMs: until - from,
    subjects: known.subjects.length,
    learnt: known.subjects.filter(({ mode }) => mode === 'learn').length,
    changes: recorder.changes.length,
    events: recorder.events,
    eventsLost: fate.struck.length,
    incidents: day.incidents.map(({ what, replicas, change, endedAt }) => ({
      what,
      subject: change.subject,
      replicas,
      atMs: since(change.at),
      seenAfterMs: after(change, change.seenAt),
      noticedAfterMs: after(change, change.noticedAt),
      endedAfterMs: after(change, endedAt),
      closedAfterMs: after(change, recorder.closedAt(change)),
    })),
    leftOut: [...within.leftOut, ...day.leftOut, ...windowsOf(config), ...pausesOf(alarms)],
    detection: targetedFiguresOf(
      recorder.changes.map((change) => ({
        ms: after(change, change.seenAt),
        targetMs: OBJECTIVES.detectionMs,
      })),
    ),
    convergence: convergenceOf(recorder, known),
    exposure: exposureOf(recorder, known, until),
    deadlinesMs: deadlinesOf(installation, recorder.changes),
    alarms,
    notices: recorder.told.map(({ at, what, words }) => ({ atMs: since(at), what, words })),
    calls: sorted(recorder.calls),
    invocations: sorted(new Map([...recorder.worked].map(([part, { invocations }]) => [part, invocations]))),
    usd: rounded(recorder.usd(hub.queues.function.sent + hub.queues.secret.sent)),
    checked: inOrder(
      [...installation.checker.judged].flatMap(([number, times]) => (times > 0 ? [number] : [])),
    ),
    violations: told(installation.checker.violations, from),
  };
  return { rehearsed, picture: day.picture ?? known };
}

async function rehearseTables(config: ParsedConfig, scenario: Scenario, seed: number): Promise<Rehearsal> {
  if (config.tables.length === 0) return nothing(scenario, 'the config has no table');
  const { from, until, leftOut, runs, refusals, progress, measurements, checked, violations } =
    await playTables(config, new Fate(seed, {}));
  const rehearsed: Rehearsed = {
    ...emptyOf(scenario),
    lengthMs: until - from,
    leftOut: [...leftOut, ...windowsOf(config)],
    alarms: alarmsOf(config, measurements, from, until),
    usd: rounded(runs.reduce((sum, { costUsd }) => sum + costUsd, 0)),
    runs,
    refusals,
    checked: inOrder(checked),
    violations: told(violations, from),
  };
  const installation = new Installation(withinTime(config).config, new Fate(seed, {}));
  const calm = await installation.clock.run(async () => {
    await installation.live(CALM_MS, async () => {});
    return installation.overview();
  });
  return { rehearsed, picture: { ...calm, at: until, runs: progress } };
}

function nothing(scenario: Scenario, skipped: string): Rehearsal {
  return { rehearsed: { ...emptyOf(scenario), skipped }, picture: undefined };
}

function emptyOf(scenario: Scenario): Rehearsed {
  const none = targetedFiguresOf([]);
  return {
    scenario,
    skipped: null,
    lengthMs: 0,
    subjects: 0,
    learnt: 0,
    changes: 0,
    events: 0,
    eventsLost: 0,
    incidents: [],
    leftOut: [],
    detection: none,
    convergence: none,
    exposure: figuresOf([]),
    deadlinesMs: [],
    alarms: [],
    notices: [],
    calls: {},
    invocations: {},
    usd: 0,
    runs: [],
    refusals: [],
    checked: [],
    violations: [],
  };
}

/** @param taken What each took; `null` of one that had not come to its end. */
function figuresOf(taken: readonly (number | null)[]): Figures {
  const done = taken.filter((ms) => ms !== null);
  return {
    count: done.length,
    left: taken.length - done.length,
    p50Ms: percentile(done, 0.5),
    p95Ms: percentile(done, 0.95),
    p99Ms: percentile(done, 0.99),
  };
}

function targetedFiguresOf(
  taken: readonly { readonly ms: number | null; readonly targetMs: number }[],
): TargetedFigures {
  return {
    ...figuresOf(taken.map(({ ms }) => ms)),
    targetsMs: inOrder(taken.map(({ targetMs }) => targetMs)),
    within: taken.filter(({ ms, targetMs }) => ms !== null && ms <= targetMs).length,
  };
}

/** As episodes tell it, of those that went forward; those that are open are left. */
function convergenceOf({ closed }: Recorder, { subjects }: Overview): TargetedFigures {
  const targets = new Map(
    subjects.map(({ kind, subject, targets: { convergenceMs } }) => [`${kind} ${subject}`, convergenceMs]),
  );
  const forward = closed.flatMap(({ kind, episode: { subject, outcome, convergenceMs } }) =>
    outcome === 'forward' ? [{ ms: convergenceMs, targetMs: targets.get(`${kind} ${subject}`) ?? 0 }] : [],
  );
  const open = subjects.flatMap(({ openSince, targets: { convergenceMs } }) =>
    openSince === null ? [] : [{ ms: null, targetMs: convergenceMs }],
  );
  return targetedFiguresOf([...forward, ...open]);
}

/** As episodes tell it, however they ended. */
function exposureOf({ closed }: Recorder, { subjects }: Overview, until: number): Figures {
  const open = subjects.flatMap(({ openSince }) => (openSince === null ? [] : [until - openSince]));
  const ended = closed.map(({ episode }) => episode.exposureMs);
  return { ...figuresOf([...ended, ...open]), count: ended.length, left: open.length };
}

/** Of what has changed. */
function deadlinesOf(
  { standIns, secrets, config }: Installation,
  changes: readonly Change[],
): readonly number[] {
  const changed = new Set(changes.map(({ kind, subject }) => `${kind} ${subject}`));
  const ofFunctions = standIns.flatMap(({ subject, group }) =>
    changed.has(`function ${subject}`) ? [group.deadlineSeconds ?? config.deadlineSeconds] : [],
  );
  const ofSecrets = secrets.flatMap(({ subject, secret }) =>
    changed.has(`secret ${subject}`) ? [secret.targetSeconds] : [],
  );
  return inOrder([...ofFunctions, ...ofSecrets].map((seconds) => seconds * 1_000));
}

function alarmsOf(
  config: ParsedConfig,
  measurements: Measurements,
  from: number,
  until: number,
): readonly ToldAlarm[] {
  const definitions = alarmsFor({ critical: hasCritical(config), tables: config.tables.length > 0 });
  return evaluateAlarms(definitions, measurements, { from, until })
    .flatMap(({ name, severity, times }) =>
      times.map((time) => ({
        name,
        severity,
        fromMs: time.from - from,
        untilMs: time.until === null ? null : time.until - from,
        notifiedMs: time.toldAt === null ? null : time.toldAt - from,
      })),
    )
    .sort((a, b) => a.fromMs - b.fromMs);
}

/** Nobody rehearses to hear nothing. */
function windowsOf({ maintenance }: ParsedConfig): readonly string[] {
  return maintenance.length > 0
    ? [`${plural(maintenance.length, 'window')} of maintenance: what would be held back is told at once`]
    : [];
}

/** Alarms are evaluated when all is over, so none of them calls anybody. */
function pausesOf(alarms: readonly ToldAlarm[]): readonly string[] {
  return alarms.some(({ name, notifiedMs }) => name === 'exposure-fast' && notifiedMs !== null)
    ? ['the pause that exposure-fast asks for when it begins']
    : [];
}

function told(violations: readonly Violation[], from: number): readonly ToldViolation[] {
  return violations.map(({ invariant, at, words }) => ({ invariant, atMs: at - from, words }));
}

/** To a millionth. */
function rounded(usd: number): number {
  return Math.round(usd * 1e6) / 1e6;
}

function after({ at }: Change, then: number | undefined): number | null {
  return then === undefined ? null : then - at;
}

function sorted(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function inOrder<N extends number>(values: readonly N[]): readonly N[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
