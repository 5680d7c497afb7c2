import pMap from 'p-map';
import type { ParsedConfig } from '../contract/config.ts';
import { TIME_TO_WRITE_MS } from '../contract/deployment.ts';
import { SUBJECT_KINDS, type SubjectKind } from '../contract/ledger.ts';
import { alarmOf } from '../core/alarming.ts';
import type { Episode, SubjectState } from '../core/episode.ts';
import { byWeight, type DeployOf, deploysOf, type NamedSubject, noticeOf } from '../core/notice.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Notices } from '../ports/notices.ts';
import type { Turns } from '../ports/turns.ts';
import { allOf } from './all-of.ts';
import { changeState } from './change-state.ts';
import { isMaintenance } from './maintenance.ts';
import { failFirst } from './swept.ts';
import { alarmOnAt, watchedBy } from './watched.ts';

export interface NotifyPorts {
  readonly clock: Clock;
  readonly ledgers: Readonly<Record<SubjectKind, Ledger>>;
  readonly turns: Turns;
  readonly notices: Notices;
}

/** What the turn to notify is called. */
const TURN = 'notify';
/** How long a run may take unless it is told. */
const RUN_MS = 5 * 60_000;
/** States that are read at once. */
const READS_AT_ONCE = 10;
/** Subjects whose findings one notice has, as far as they fit; the others are counted. */
const NAMED_MAX = 200;
/** Subjects that a request to pause names. */
const PAUSED_MAX = 100;
/** The shorter window of the alarm that says that budget burns. */
const BURN_MS = 15 * 60_000;
/** While budget burns, a pause is asked for again after so long. */
const PAUSE_AGAIN_MS = 60 * 60_000;

/** What an episode is marked with when somebody is told of it. */
type Mark = 'noticedAt' | 'pausedAt';

/** An open episode that alarms, or will when it is overdue, without its findings: there may be very many. */
interface Alarming extends Pick<Episode, Mark | 'cause' | 'deploy' | 'isOverdue'> {
  readonly kind: SubjectKind;
  readonly subject: string;
  readonly episode: string;
  readonly critical: boolean;
}

/** One run. */
interface Run extends NotifyPorts {
  readonly now: number;
  /** `undefined` if nothing of the subject is open that alarms. */
  readonly alarmingOf: (kind: SubjectKind, state: SubjectState) => Alarming | undefined;
  /** Of single subjects and deploys: they are not the others' trouble. */
  readonly errors: unknown[];
}

/**
 * Tells of deploys that did not arrive, by what the ledger says; why it was called is of no interest, so that a call may be lost or
 * repeated. One notice a deploy, as soon as one of its episodes is overdue, and another one only when one is that no notice has named, or a
 * critical one that only tickets have named. What is silenced, or only learnt, is never named.
 *
 * A pause is asked for when a critical one is overdue, and by a call that says that budget burns; for each episode once an hour at most. That is
 * a limit and no promise: an alarm calls when it begins, and nobody calls again while it lasts.
 *
 * In a window of maintenance nobody is told and no pause is asked for. When it ends, what is still open is told, and pauses are asked for
 * critical ones that are overdue. For a burn that begins in a window nobody asks for a pause, not even when the window ends.
 *
 * Episodes are marked before anything is sent. A process that dies in between, or before it has taken the marks back of what could not be
 * sent, has told nobody, and nobody will be told: that notice is lost, and the alarm is not. Where only the answer was lost, what was sent is
 * sent once more.
 *
 * If somebody else is at it already, nothing is done but to ask for a pause that budget burns for: marks keep two from sending one thing,
 * and what the other has missed the next call tells.
 * @param burning Whether an alarm on the burn rate has fired. @default false
 * @param until When to begin with no other deploy, in epoch milliseconds: the last one has {@link TIME_TO_WRITE_MS}. @default five minutes from now
 * @throws What went wrong first, when all else is done
 */
export async function notify(
  ports: NotifyPorts,
  config: ParsedConfig,
  { burning = false, until }: { readonly burning?: boolean; readonly until?: number } = {},
): Promise<void> {
  const now = ports.clock.now();
  if (isMaintenance(config.maintenance, now)) return;
  const endsAt = until ?? now + RUN_MS;
  const turn = await ports.turns.take(TURN, endsAt + TIME_TO_WRITE_MS);
  if (turn === undefined && !burning) return;
  try {
    const run: Run = { ...ports, now, alarmingOf: alarmingBy(config, now), errors: [] };
    for (const deploy of deploysOf(await surveyed(run))) {
      if (ports.clock.now() >= endsAt) break;
      await askForPause(run, deploy, burning).catch((error: unknown) => run.errors.push(error));
      if (turn) await sendNotice(run, deploy).catch((error: unknown) => run.errors.push(error));
    }
    failFirst(run);
  } finally {
    if (turn) await ports.turns.end(turn);
  }
}

function alarmingBy(config: ParsedConfig, now: number): Run['alarmingOf'] {
  const watched = watchedBy(config);
  return (kind, state) => {
    const of = kind === 'function' ? watched.function(state) : watched.secret(state.subject);
    const { subject, open } = state;
    if (open === undefined || !of || !alarmOf(open.findings, alarmOnAt(of, state, now)).isStalled)
      return undefined;
    const { critical } = of;
    const { id: episode, cause, deploy, isOverdue, noticedAt, pausedAt } = open;
    return { kind, subject, episode, cause, deploy, critical, isOverdue, noticedAt, pausedAt };
  };
}

async function surveyed(run: Run): Promise<readonly Alarming[]> {
  const found: Alarming[] = [];
  for (const kind of SUBJECT_KINDS) {
    const ledger = run.ledgers[kind];
    const read = async (subject: string) => {
      const alarming = run.alarmingOf(kind, await ledger.read(subject));
      if (alarming) found.push(alarming);
    };
    await pMap(
      ledger.subjects(),
      (subject) => read(subject).catch((error: unknown) => run.errors.push(error)),
      { concurrency: READS_AT_ONCE },
    );
  }
  return found;
}

async function sendNotice(run: Run, { deploy, members }: DeployOf<Alarming>): Promise<void> {
  const isUntold = ({ isOverdue, noticedAt }: Alarming) => isOverdue && noticedAt === undefined;
  if (!members.some(isUntold)) return;
  const named: NamedSubject[] = [];
  let left = 0;
  const name = ({ kind, subject, critical }: Alarming, { isOverdue, findings }: Episode) => {
    if (named.length < NAMED_MAX) named.push({ subject, kind, critical, isOverdue, findings });
    else left++;
  };
  // what is critical and named in a ticket stays unmarked, so that it is paged for when it is overdue
  const isDue = (of: Alarming) =>
    of.noticedAt === undefined && (!of.critical || of.isOverdue || named.some(isPaging));
  const mark = (each: readonly Alarming[]) => markAll(run, each, 'noticedAt', isDue, name);
  const paging = await mark(members.filter(isPaging));
  const marked = [...paging, ...(await mark(members.filter((of) => !isPaging(of))))];
  await tell(run, marked, 'noticedAt', marked.some(isUntold), () => {
    const notice = noticeOf(deploy, named, run.now, left);
    return run.notices.send(notice.json.severity, notice);
  });
}

/** Whether a notice that names it is a page. */
function isPaging({ critical, isOverdue }: Pick<Alarming, 'critical' | 'isOverdue'>): boolean {
  return critical && isOverdue;
}

/** A rollout that burns budget is paused for all that does not agree; one with a critical subject that is overdue, for all critical ones. */
async function askForPause(
  run: Run,
  { deploy, members }: DeployOf<Alarming>,
  burning: boolean,
): Promise<void> {
  // one that has just begun and is in time burns nothing yet
  const isToBlame = members.some(({ isOverdue }) => isOverdue) || run.now - deploy.at >= BURN_MS;
  const isBurning = ({ pausedAt }: Alarming) =>
    burning && isToBlame && (pausedAt === undefined || Math.abs(run.now - pausedAt) >= PAUSE_AGAIN_MS);
  const isStalled = (of: Alarming) => isPaging(of) && of.pausedAt === undefined;
  const hasStalled = members.some(isStalled);
  const isDue = (of: Alarming) => isBurning(of) || (hasStalled && of.critical && of.pausedAt === undefined);
  const marked = await markAll(run, members.filter(isDue), 'pausedAt', isDue);
  const reason = marked.some(isStalled) ? 'critical-stalled' : 'exposure-burn';
  const isWorth = marked.some((of) => isStalled(of) || isBurning(of));
  await tell(run, marked, 'pausedAt', isWorth, () => {
    const { id: deployId, source, at } = deploy;
    const subjects = marked.toSorted(byWeight).slice(0, PAUSED_MAX);
    return run.notices.pause({
      deployId,
      source,
      at,
      reason,
      subjects: subjects.map(({ subject }) => subject),
    });
  });
}

/** Sends what is worth it; else, or if that fails, takes the marks back, so that it is tried again. */
async function tell(
  run: Run,
  marked: readonly Alarming[],
  mark: Mark,
  isWorth: boolean,
  send: () => Promise<void>,
): Promise<void> {
  const takeBack = () =>
    allOf(marked, async (of) => {
      await swapped(run, of, (open) => (open[mark] === run.now ? { ...open, [mark]: of[mark] } : open));
    });
  if (!isWorth) return takeBack();
  try {
    await send();
  } catch (error) {
    await takeBack().catch((also: unknown) => run.errors.push(also));
    throw error;
  }
}

/**
 * Marks those that are due of a deploy's episodes, the weightiest first.
 * @param each Is told of every one that still alarms, due or not.
 * @returns Those that this run has marked, as they were before.
 */
async function markAll(
  run: Run,
  members: readonly Alarming[],
  mark: Mark,
  isDue: (of: Alarming) => boolean,
  each: (of: Alarming, open: Episode) => void = () => {},
): Promise<readonly Alarming[]> {
  const marked: Alarming[] = [];
  const markOne = async (of: Alarming) => {
    let before: Alarming | undefined;
    let alarms = false;
    const open = await swapped(run, of, (open, now) => {
      alarms = now !== undefined;
      before = now && isDue(now) ? now : undefined;
      return before ? { ...open, [mark]: run.now } : open;
    });
    if (open && alarms) each(of, open);
    if (open && before) marked.push(before);
  };
  await allOf(members.toSorted(byWeight), (of) =>
    markOne(of).catch((error: unknown) => {
      run.errors.push(error);
    }),
  );
  return marked;
}

/**
 * Changes an episode by compare-and-swap, if it is still open. Nothing is written if it stays as it is.
 * @param change Is told of the episode as it is now, and how it alarms, if it does.
 * @returns What it is then; `undefined` if it has ended.
 * @throws RecohereError `CONTENDED`, retryable
 */
async function swapped(
  { ledgers, alarmingOf }: Run,
  { kind, subject, episode }: Alarming,
  change: (open: Episode, now: Alarming | undefined) => Episode,
): Promise<Episode | undefined> {
  const { open } = await changeState(ledgers[kind], subject, (state) => {
    if (state.open?.id !== episode) return state;
    const changed = change(state.open, alarmingOf(kind, state));
    return changed === state.open ? state : { ...state, open: changed };
  });
  return open?.id === episode ? open : undefined;
}
