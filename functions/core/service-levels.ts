import { SWEEP_EVERY_MINUTES } from '../contract/deployment.ts';
import { type EpisodeStatus, LEVELS_DAYS, type Overview, type SubjectStatus } from '../contract/overview.ts';

/** What is promised of all subjects together; what is promised of one stands in its `targets`. */
export const OBJECTIVES = {
  /** Share of episodes that agree within their subject's target. */
  withinTargetPercent: 95,
  /** From a change to when it is first seen, of 95 in 100 episodes. */
  detectionMs: 300_000,
  /** Share of episodes that pass their deadline. */
  overduePercent: 0.5,
  /** Share of replicas that a sweep has read. */
  completenessPercent: 99,
} as const;

/** A sweep that ended longer ago is late: three have not come, and the alarm of the heartbeat sounds. */
export const SWEEP_LATE_MS = 3 * SWEEP_EVERY_MINUTES * 60_000;

/** Of 95 in 100. */
const PERCENTILE = 0.95;
const DAY_MS = 86_400_000;

/** Whether a level meets its objective; `null` where there is nothing to say. */
interface Level {
  readonly isMet: boolean | null;
}

/** How soon episodes came to agreement. */
export interface Timeliness extends Level {
  /** Share within the target of their subject, in percent. */
  readonly withinPercent: number | null;
  /** 95th percentile of those that went forward. */
  readonly p95Ms: number | null;
  /** How many it speaks of: those that went forward, and those that passed their deadline and are open or were rolled back: too late. */
  readonly episodes: number;
}

/** For how much of their time subjects were in episodes. */
interface Exposure extends Level {
  /** Of the time of all subjects together. */
  readonly percent: number | null;
  readonly subjects: number;
  /** How many are above their own target. */
  readonly above: number;
}

/** How soon changes were seen. */
interface Detection extends Level {
  readonly p95Ms: number | null;
  /** How many it speaks of: all whose change has a time. */
  readonly episodes: number;
}

/** How many of a number. */
export interface Share extends Level {
  readonly percent: number | null;
  readonly count: number;
  readonly of: number;
}

/** What was promised, and what came of it, over the last {@link LEVELS_DAYS}. */
export interface ServiceLevels {
  /** From the last joined change of a function to agreement. */
  readonly convergence: Timeliness;
  /** From the move of `AWSCURRENT` to the last hop. */
  readonly propagation: Timeliness;
  /** Episodes count whole, from their cause on, however they ended. */
  readonly exposure: Exposure;
  /** First seen − the change. */
  readonly detection: Detection;
  /** Episodes that passed their deadline: partial deploys. */
  readonly overdue: Share;
  /** Episodes that ended on the configuration from before, of all that ended. Nothing is promised of these. */
  readonly rollbacks: Share;
  /** Replicas that the last sweep has read, of those that it was to read; learnt ones too. */
  readonly completeness: Share;
}

/**
 * Sums up the episodes of subjects that alarm. Those that are only learnt are left out, and so are those that are not watched any more,
 * since nothing is promised of these; silenced ones count, since who uses them has noticed all the same.
 */
export function serviceLevels({ at, subjects, episodes, sweep }: Overview): ServiceLevels {
  const promised = new Map(
    subjects.filter(({ mode }) => mode === 'alert').map((subject) => [nameOf(subject), subject]),
  );
  const known = episodes.flatMap((episode) => {
    const subject = promised.get(nameOf(episode));
    return subject ? [{ ...episode, targets: subject.targets }] : [];
  });
  const of = (kind: SubjectStatus['kind']) => timeliness(known.filter((episode) => episode.kind === kind));
  const ended = known.filter(({ endedAt }) => endedAt !== null);
  const rolledBack = ended.filter(({ outcome }) => outcome === 'rolled-back');
  return {
    convergence: of('function'),
    propagation: of('secret'),
    exposure: exposure([...promised.values()], known, at),
    detection: detection(known),
    overdue: share(
      known.filter(({ isOverdue }) => isOverdue).length,
      known.length,
      (percent) => percent < OBJECTIVES.overduePercent,
    ),
    rollbacks: share(rolledBack.length, ended.length, () => null),
    completeness: share(
      sweep?.read ?? 0,
      sweep?.expected ?? 0,
      (percent) => percent > OBJECTIVES.completenessPercent,
    ),
  };
}

/** A function and a secret may have one name. */
function nameOf({ kind, subject }: Pick<SubjectStatus, 'kind' | 'subject'>): string {
  return `${kind} ${subject}`;
}

type Known = EpisodeStatus & Pick<SubjectStatus, 'targets'>;

function timeliness(episodes: readonly Known[]): Timeliness {
  const forward = episodes.flatMap(({ outcome, convergenceMs, targets }) =>
    outcome === 'forward' && convergenceMs !== null ? [{ ms: convergenceMs, targets }] : [],
  );
  const late = episodes.filter(
    ({ outcome, isOverdue }) => isOverdue && (outcome === 'open' || outcome === 'rolled-back'),
  );
  const within = forward.filter(({ ms, targets }) => ms <= targets.convergenceMs);
  const { percent, of, isMet } = share(
    within.length,
    forward.length + late.length,
    (percent) => percent >= OBJECTIVES.withinTargetPercent,
  );
  return { isMet, withinPercent: percent, p95Ms: p95(forward.map(({ ms }) => ms)), episodes: of };
}

function exposure(subjects: readonly SubjectStatus[], episodes: readonly Known[], at: number): Exposure {
  const windowMs = LEVELS_DAYS * DAY_MS;
  const spans = new Map<string, Span[]>();
  for (const episode of episodes) {
    const span = { from: Math.max(episode.cause.at, at - windowMs), to: Math.min(episode.endedAt ?? at, at) };
    spans.set(nameOf(episode), [...(spans.get(nameOf(episode)) ?? []), span]);
  }
  const exposed = subjects.map((subject) => {
    const percent = (coveredMs(spans.get(nameOf(subject)) ?? []) / windowMs) * 100;
    return { percent, isAbove: percent > subject.targets.exposurePercent };
  });
  const above = exposed.filter(({ isAbove }) => isAbove).length;
  const sum = exposed.reduce((total, { percent }) => total + percent, 0);
  return {
    isMet: subjects.length === 0 ? null : above === 0,
    percent: subjects.length === 0 ? null : sum / subjects.length,
    subjects: subjects.length,
    above,
  };
}

/** In epoch milliseconds. By clocks that differ, it may end before it begins. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** What two spans cover counts once: a rotation may begin before the one that it supersedes was seen to end. */
function coveredMs(spans: readonly Span[]): number {
  let covered = 0;
  let end = 0;
  for (const { from, to } of [...spans].sort((one, other) => one.from - other.from)) {
    covered += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return covered;
}

/** Of what nobody told, and that has no time in AWS either, nobody knows how long it went unseen. */
function detection(episodes: readonly Known[]): Detection {
  const dated = episodes.filter(
    ({ cause, firstSeenAt }) => cause.source !== 'look' || cause.at < firstSeenAt,
  );
  const p95Ms = p95(dated.map(({ cause, firstSeenAt }) => Math.max(0, firstSeenAt - cause.at)));
  return { isMet: p95Ms === null ? null : p95Ms <= OBJECTIVES.detectionMs, p95Ms, episodes: dated.length };
}

function share(count: number, of: number, isMet: (percent: number) => boolean | null): Share {
  if (of === 0) return { isMet: null, percent: null, count, of };
  const percent = (count / of) * 100;
  return { isMet: isMet(percent), percent, count, of };
}

function p95(values: readonly number[]): number | null {
  return percentile(values, PERCENTILE);
}

/** The smallest value that such a share of all does not exceed: the nearest rank; `null` if there is none. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? null;
}
