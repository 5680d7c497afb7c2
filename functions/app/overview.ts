import pMap from 'p-map';
import type { ParsedConfig } from '../contract/config.ts';
import { SUBJECT_KINDS, type SubjectKind } from '../contract/ledger.ts';
import {
  type EpisodeStatus,
  LEVELS_DAYS,
  type Overview,
  type OverviewPage,
  type RunProgress,
  type SubjectStatus,
  type SweepStatus,
} from '../contract/overview.ts';
import { RELEASE } from '../contract/release.ts';
import type { Verdict } from '../contract/report.ts';
import { type ClosedEpisode, type Episode, lastSeenAt, type SubjectState } from '../core/episode.ts';
import { RecohereError } from '../core/errors.ts';
import { fitting } from '../core/fitting.ts';
import { placeId } from '../core/place.ts';
import { gradeOf } from '../core/rotation.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { SweepLedger } from '../ports/sweep-ledger.ts';
import { placesOfConfig } from './scope.ts';
import { subjectOfSecret } from './secret-scope.ts';
import { type Watched, watchedBy } from './watched.ts';

/** Subjects of one page, and characters of JSON that are said of them: an answer may have 6 MB. */
const PAGE_SUBJECTS = 100;
const PAGE_CHARS = 2_000_000;
/** Findings of one subject, or of one episode, that are said. */
const FINDINGS_SAID = 10;
/** Closed episodes of one subject whose findings are said, */
const EPISODES_TOLD = 20;
/** and closed episodes of it at all, of which service levels speak: more than ten a day, for four weeks. */
const EPISODES_SAID = 300;
/** History is a query a subject: of more subjects than this at once, as a widget shows them, only the last episode of each is said. */
const HISTORY_SUBJECTS = 200;
/** Of one overview: with a hundred subjects in each, a hundred thousand. */
const PAGES_MAX = 1_000;
const READS_AT_ONCE = 10;
const RUNS_SAID = 10;

export interface OverviewPorts {
  readonly clock: Clock;
  readonly ledgers: Readonly<Record<SubjectKind, Ledger>>;
  readonly sweeps: SweepLedger;
  /** The newest runs, of a config with tables. */
  readonly runs: (limit: number) => Promise<readonly RunProgress[]>;
}

/** One subject, by which pages go on: functions before secrets, each by name. */
interface Named {
  readonly kind: SubjectKind;
  readonly subject: string;
}

/** Which subjects are described: those named, or a page of all. */
interface Asked {
  readonly subjects?: readonly string[] | undefined;
  /** Where the page before ended. */
  readonly after?: string | undefined;
  /** @default as many as an answer of a function has room for */
  readonly limit?: number;
}

/**
 * Says what is known of all subjects, or of some, page by page. It reads the ledger alone, so it costs no call to what is watched.
 * @throws RecohereError `UNKNOWN_SUBJECT` for a name of which nothing is known
 */
export async function overview(
  ports: OverviewPorts,
  config: ParsedConfig,
  asked: Asked,
): Promise<OverviewPage> {
  const now = ports.clock.now();
  const { after = '', limit = PAGE_SUBJECTS } = asked;
  const due =
    asked.subjects?.map((name) => namedOf(config, name)) ?? (await subjectsAfter(ports, after, limit + 1));
  const page = due.slice(0, limit);
  const { status: sweep } = await ports.sweeps.read();
  const describe = describing(config, sweep, now);
  const since = now - LEVELS_DAYS * 86_400_000;
  const isBrief = page.length > HISTORY_SUBJECTS;
  const read = await pMap(
    page,
    async ({ kind, subject }) => {
      const state = await ports.ledgers[kind].read(subject);
      if (state.version === 0 && asked.subjects) throw unknown(subject);
      const isGone = state.retiredAt !== undefined || state.version === 0;
      if (isGone && !asked.subjects) return { subjects: [], episodes: [] };
      const most = asked.subjects ? EPISODES_TOLD : EPISODES_SAID;
      const closed =
        state.last && !isBrief ? await closedSince(ports.ledgers[kind], subject, since, most) : [];
      return {
        subjects: [describe(kind, state)],
        episodes: [
          ...(state.open ? [openStatus(kind, subject, state.open)] : []),
          ...withLast(closed, state.last)
            .filter(({ closedAt }) => closedAt >= since)
            .map((episode, position) => closedStatus(kind, episode, position < EPISODES_TOLD)),
        ],
      };
    },
    { concurrency: READS_AT_ONCE },
  );
  const told =
    asked.limit === undefined && !asked.subjects
      ? fitting(read, PAGE_CHARS, (each) => JSON.stringify(each).length, 1)
      : read;
  const last = page[told.length - 1];
  return {
    at: now,
    release: RELEASE,
    prefix: config.prefix,
    replicas: placesOfConfig(config).map(placeId),
    subjects: told.flatMap(({ subjects }) => subjects),
    episodes: newestFirst(told.flatMap(({ episodes }) => episodes)),
    isBrief,
    runs: asked.subjects || after !== '' || config.tables.length === 0 ? [] : await ports.runs(RUNS_SAID),
    sweep: sweep ?? null,
    ...(told.length < due.length && last && { next: cursorOf(last) }),
  };
}

/** Closed episodes, the newest first; those from before may be among them. */
async function closedSince(
  ledger: Ledger,
  subject: string,
  since: number,
  most: number,
): Promise<readonly ClosedEpisode[]> {
  const newest = await ledger.history(subject, EPISODES_TOLD);
  const oldest = newest.at(-1);
  const isAll = newest.length < EPISODES_TOLD || oldest === undefined || oldest.closedAt < since;
  return isAll || most <= EPISODES_TOLD ? newest : ledger.history(subject, most);
}

/** All pages of an overview as one. @throws RecohereError `UNENDING_PAGES` */
export async function wholeOverview(
  pageOf: (after: string | undefined) => Promise<OverviewPage>,
): Promise<Overview> {
  let { next, ...whole } = await pageOf(undefined);
  for (let pages = 1; next !== undefined; pages++) {
    const page: OverviewPage = await pageOf(next);
    if (page.next === next || pages === PAGES_MAX) {
      throw new RecohereError('UNENDING_PAGES', 'what is known of subjects has no end');
    }
    whole = {
      ...whole,
      subjects: [...whole.subjects, ...page.subjects],
      episodes: newestFirst([...whole.episodes, ...page.episodes]),
    };
    next = page.next;
  }
  return whole;
}

/** Describes subjects by their states. */
export function describing(
  config: ParsedConfig,
  sweep: SweepStatus | undefined,
  now: number,
): (kind: SubjectKind, state: SubjectState) => SubjectStatus {
  const watched = watchedBy(config);
  const columns = placesOfConfig(config).map(placeId) as readonly string[];
  const unreadSubjects = new Set(sweep?.unreadSubjects);
  const isAnyUnread = sweep !== undefined && sweep.unreadSubjectsLeft > 0; // nobody knows which
  const unreadReplicas = new Set(
    sweep?.unread.filter(({ isWhole }) => isWhole).map(({ replica }) => replica),
  );
  return (kind, state) => {
    const { subject, open, agreed, silence, answeredUntil } = state;
    const { critical, mode, targets }: Watched =
      (kind === 'secret' ? watched.secret(subject) : undefined) ?? watched.function(state);
    const findings = open?.findings ?? [];
    const replicas = new Set([
      ...Object.keys(open?.roots ?? agreed?.roots ?? {}),
      ...findings.map(({ replica }) => replica),
    ]);
    const isUnread =
      isAnyUnread ||
      unreadSubjects.has(subject) ||
      (kind === 'function' && [...replicas].some((replica) => unreadReplicas.has(replica)));
    const seenAt = lastSeenAt(state);
    return {
      subject,
      kind,
      verdict: verdictOf(state, isUnread),
      critical,
      mode,
      silence: silence && now < silence.until ? silence : null,
      replicas: [...replicas].sort((a, b) => rankIn(columns, a) - rankIn(columns, b)),
      openSince: open?.cause.at ?? null,
      findings: findings.slice(0, FINDINGS_SAID),
      findingsLeft: Math.max(0, findings.length - FINDINGS_SAID),
      seenAt: seenAt === 0 ? null : seenAt,
      answeredUntil: answeredUntil ?? null,
      targets,
    };
  };
}

/** A replica that is not in the config any more comes last. */
function rankIn(columns: readonly string[], replica: string): number {
  const position = columns.indexOf(replica);
  return position === -1 ? columns.length : position;
}

/** What could not be read is never agreement; nor is what was never read. */
function verdictOf({ open, agreed }: SubjectState, isUnread: boolean): Verdict {
  if (open === undefined) return agreed === undefined || isUnread ? 'unobservable' : 'agreed';
  if (open.findings.length > 0 && open.findings.every(({ kind }) => kind === 'unobservable')) {
    return 'unobservable';
  }
  return open.isOverdue ? 'diverged' : 'converging';
}

function openStatus(kind: SubjectKind, subject: string, episode: Episode): EpisodeStatus {
  return {
    ...statusOf(kind, subject, episode),
    outcome: 'open',
    firstSeenAt: episode.firstSeenAt,
    endedAt: null,
    isOverdue: episode.isOverdue,
    convergenceMs: null,
    resolutionMs: null,
  };
}

function closedStatus(kind: SubjectKind, episode: ClosedEpisode, isTold: boolean): EpisodeStatus {
  const status = statusOf(kind, episode.subject, episode);
  return {
    ...status,
    findings: isTold ? status.findings : [],
    outcome: episode.outcome,
    firstSeenAt: episode.cause.at + episode.timeToDetectMs,
    endedAt: episode.closedAt,
    isOverdue: episode.wasOverdue,
    convergenceMs: episode.convergenceMs,
    resolutionMs: episode.resolutionMs,
  };
}

function statusOf(kind: SubjectKind, subject: string, episode: Episode | ClosedEpisode) {
  const { id, deploy, findings, rotation, reached = {} } = episode;
  const cause = { ...(deploy ?? episode.cause), at: episode.cause.at };
  const hops = rotation?.hops.flatMap(({ replica, consumer, at }) =>
    at === null || consumer !== undefined ? [] : [{ replica, at }],
  );
  return {
    id,
    subject,
    kind,
    cause,
    reached: hops ?? Object.entries(reached).map(([replica, at]) => ({ replica, at })),
    evidence: rotation ? gradeOf(rotation) : null,
    findings: findings.slice(0, FINDINGS_SAID),
  };
}

/** History, and the last episode, which may not be in it yet. */
function withLast(
  closed: readonly ClosedEpisode[],
  last: ClosedEpisode | undefined,
): readonly ClosedEpisode[] {
  return last === undefined || closed.some(({ id }) => id === last.id) ? closed : [last, ...closed];
}

function newestFirst(episodes: readonly EpisodeStatus[]): EpisodeStatus[] {
  return episodes.toSorted((a, b) => b.cause.at - a.cause.at || (a.subject < b.subject ? -1 : 1));
}

/** What a subject is that somebody calls by name: a secret if the config names one, else a function. */
export function namedOf(config: ParsedConfig, name: string): Named {
  const secret = config.secrets.find((each) => each.name === name || subjectOfSecret(config, each) === name);
  return secret
    ? { kind: 'secret', subject: subjectOfSecret(config, secret) }
    : { kind: 'function', subject: name };
}

export function unknown(subject: string): RecohereError {
  const words = `nothing is known of ${subject}: recohere status lists what is`;
  return new RecohereError('UNKNOWN_SUBJECT', words, { context: { subject } });
}

/** So many subjects at most that come after a cursor. */
async function subjectsAfter(
  { ledgers }: OverviewPorts,
  cursor: string,
  limit: number,
): Promise<readonly Named[]> {
  const [of = '', after] = cursor.split(/ (.*)/s);
  const names: Named[] = [];
  for (const kind of SUBJECT_KINDS) {
    if (kind < of) continue;
    for await (const subject of ledgers[kind].subjects(kind === of ? after : undefined)) {
      if (names.length === limit) return names;
      names.push({ kind, subject });
    }
  }
  return names;
}

function cursorOf({ kind, subject }: Named): string {
  return `${kind} ${subject}`;
}
