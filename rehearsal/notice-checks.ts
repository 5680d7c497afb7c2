import { isMaintenance } from '../functions/app/maintenance.ts';
import { SUBJECT_KINDS, type SubjectKind } from '../functions/contract/ledger.ts';
import type { Episode, SubjectState } from '../functions/core/episode.ts';
import type { Notice, PauseRequest, Severity } from '../functions/core/notice.ts';
import type { Invocation } from './hub.ts';
import { type Expect, ruleOf } from './world.ts';

/** What a call writes into an episode before it sends something because of it. */
const MARKS = ['noticedAt', 'pausedAt'] as const;
type Mark = (typeof MARKS)[number];
type Marks<T> = Readonly<Record<Mark, T>>;

/** Holds what is sent to people, and to what deploys, against what their episodes say. */
export class NoticeChecks {
  readonly #expect: Expect;
  readonly #stateOf: (kind: SubjectKind, subject: string) => SubjectState | undefined;
  /** Episodes that a call has marked as told, and the calls that have sent notices of each. */
  readonly #marked: Marks<Map<Invocation, Map<string, Episode>>> = {
    noticedAt: new Map(),
    pausedAt: new Map(),
  };
  readonly #told: Marks<Map<string, Invocation[]>> = { noticedAt: new Map(), pausedAt: new Map() };
  /** Those whose notice was lost, with who marked them. */
  readonly #lost: Marks<Set<string>> = { noticedAt: new Set(), pausedAt: new Set() };
  /** What ever had an episode that was overdue. */
  readonly #wasOverdue = new Set<string>();

  /** @param stateOf What is remembered of a subject by now. */
  constructor(expect: Expect, stateOf: (kind: SubjectKind, subject: string) => SubjectState | undefined) {
    this.#expect = expect;
    this.#stateOf = stateOf;
  }

  noticed(severity: Severity, notice: Notice, by: Invocation): void {
    const named = notice.json.subjects.map(({ kind, subject }) => `${kind} ${subject}`);
    this.#expectNews('noticedAt', (of) => named.includes(of), `a notice tells of ${named}`, by);
    for (const { kind, subject, isOverdue, critical } of notice.json.subjects) {
      const own = this.#marked.noticedAt.get(by)?.get(`${kind} ${subject}`);
      // what this call has not marked was marked by another one, and may have ended since
      const isRight = own
        ? isOverdue === own.isOverdue
        : !isOverdue || this.#wasOverdue.has(`${kind} ${subject}`);
      this.#expect(9, isRight, () => `a notice says that ${subject} is overdue, or that it is not`);
      const isSaid = critical === this.#isCritical(by, kind, subject);
      this.#expect(9, isSaid, () => `a notice says that ${subject} is critical, or that it is not`);
    }
    const isPage = notice.json.subjects.some(({ isOverdue, critical }) => isOverdue && critical);
    this.#expect(9, isPage === (severity === 'page'), () => `a ${severity} tells of ${named}`);
  }

  paused(request: PauseRequest, by: Invocation): void {
    const { subjects, reason } = request;
    const isNamed = (of: string) => subjects.includes(of.slice(of.indexOf(' ') + 1));
    this.#expectNews('pausedAt', isNamed, `a pause is asked for because of ${subjects}`, by);
    const isStalled = [...(this.#marked.pausedAt.get(by) ?? [])].some(([of, { isOverdue }]) => {
      const kind = SUBJECT_KINDS.find((each) => of.startsWith(`${each} `));
      const isOwn = isNamed(of) && kind !== undefined;
      return isOwn && isOverdue && this.#isCritical(by, kind, of.slice(kind.length + 1));
    });
    const isRight = isStalled || reason !== 'critical-stalled';
    this.#expect(9, isRight, () => `a pause is asked for because of ${subjects}: ${reason}`);
  }

  swapped(kind: SubjectKind, before: SubjectState | undefined, next: SubjectState, by: Invocation): void {
    const { subject, open, silence } = next;
    if (open?.isOverdue) this.#wasOverdue.add(`${kind} ${subject}`);
    for (const mark of MARKS) {
      const markedAt = open?.[mark];
      if (open === undefined || markedAt === undefined || markedAt === before?.open?.[mark]) continue;
      const isQuiet =
        ruleOf(by.config, kind, next)?.mode === 'learn' ||
        isMaintenance(by.config.maintenance, markedAt) ||
        (silence !== undefined && markedAt < silence.until);
      const isTakenBack = markedAt < (before?.open?.[mark] ?? 0);
      this.#expect(
        9,
        isTakenBack || !isQuiet,
        () => `somebody is told of ${subject}, of which nobody is to be`,
      );
      const marked = this.#marked[mark].get(by) ?? new Map<string, Episode>();
      this.#marked[mark].set(by, marked.set(`${kind} ${subject}`, open));
      // what a process that has died was about to write may land
      if (by.outcome !== 'under way') this.#lost[mark].add(`${kind} ${subject} ${open.id}`);
    }
  }

  ended(invocation: Invocation): void {
    for (const mark of invocation.faults > 0 ? MARKS : []) {
      const marked = this.#marked[mark].get(invocation) ?? [];
      for (const [of, { id }] of marked) this.#lost[mark].add(`${of} ${id}`);
    }
  }

  /** What is overdue in the end was told of, unless the notice was lost. */
  expectTold(kind: SubjectKind, { subject, open }: SubjectState, ofCritical: boolean): void {
    const episode = `${kind} ${subject} ${open?.id}`;
    for (const mark of open?.isOverdue ? MARKS : []) {
      const isDue = mark === 'noticedAt' || ofCritical;
      const isTold = !isDue || this.#told[mark].has(episode) || this.#lost[mark].has(episode);
      this.#expect(9, isTold, () => `nobody was told that ${subject} is overdue: ${mark}`);
    }
  }

  #isCritical({ config }: Invocation, kind: SubjectKind, subject: string): boolean {
    const state = this.#stateOf(kind, subject);
    return (state && ruleOf(config, kind, state)?.critical) ?? false;
  }

  /** A call tells only what it has marked, and what no other call has told, unless the answer to that one was lost. */
  #expectNews(mark: Mark, isNamed: (of: string) => boolean, what: string, by: Invocation): void {
    const told = this.#told[mark];
    const marked = [...(this.#marked[mark].get(by) ?? [])].filter(([of]) => isNamed(of));
    const episodes = marked.map(([of, { id }]) => `${of} ${id}`);
    const tellers = episodes.map((episode) => told.get(episode) ?? []);
    // where the answer to the first was lost, it may come again as several, of the deploys that its episodes belong to by then
    const isNews = tellers.some((each) => each.length === 0 || each.some(isStruck));
    this.#expect(9, isNews, () => `${what}, and of nothing new`);
    for (const episode of episodes) told.set(episode, [...(told.get(episode) ?? []), by]);
  }
}

/** Whether something has befallen the process of a call. */
function isStruck({ process, faultsBefore }: Invocation): boolean {
  return process.faults > faultsBefore;
}
