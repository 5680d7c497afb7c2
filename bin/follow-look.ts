import { type Reconciling, whyNot } from '../functions/adapters/aws/reconcile-client.ts';
import type { systemClock } from '../functions/adapters/aws/system.ts';
import type { Overview, SubjectStatus } from '../functions/contract/overview.ts';
import { pollMs } from './follow-run.ts';
import type { Show } from './progress.ts';

/** Of a subject that was deployed for the first time, nothing is known before its first look; after this, it is a mistake. */
const UNKNOWN_MS_MAX = 120_000;

/** What became of a look that was asked for. */
export interface Followed {
  readonly overview: Overview;
  /** Subjects that nobody has looked at in time. */
  readonly unseen: readonly string[];
  /** Whether all were looked at, and none is on its way any more. */
  readonly isSettled: boolean;
}

/** What is past its deadline has diverged, and may yet be mended: by an update that is in progress, say. */
function isOnItsWay({ verdict, findings }: SubjectStatus): boolean {
  if (verdict === 'converging') return true;
  return verdict === 'diverged' && findings.some(({ kind }) => kind === 'unsettled');
}

/**
 * Waits until subjects were looked at and are on their way no more, or until time is up.
 * @param at When the look was asked for, in epoch milliseconds.
 * @throws RecohereError of the hub; `UNKNOWN_SUBJECT` only when a first look has had its time.
 */
export async function followLook(
  asked: Pick<Reconciling, 'overviewOf'>,
  clock: typeof systemClock,
  {
    at,
    subjects,
    timeoutMs,
  }: { readonly at: number; readonly subjects: readonly string[]; readonly timeoutMs: number },
  show: Show,
): Promise<Followed> {
  const since = clock.now();
  const isSeen = ({ answeredUntil }: SubjectStatus) => answeredUntil !== null && answeredUntil >= at;
  for (;;) {
    const waitedMs = clock.now() - since;
    const overview = await asked.overviewOf(subjects).catch((error: unknown) => {
      const isUnknown = whyNot(error)?.code === 'UNKNOWN_SUBJECT';
      if (!isUnknown || waitedMs >= Math.min(UNKNOWN_MS_MAX, timeoutMs)) throw error;
    });
    const all = overview?.subjects ?? [];
    const settled = all.filter((status) => isSeen(status) && !isOnItsWay(status));
    if (overview) {
      const unseen = all.filter((status) => !isSeen(status)).map(({ subject }) => subject);
      const isSettled = settled.length === all.length;
      if (isSettled || waitedMs >= timeoutMs) return { overview, unseen, isSettled };
    }
    const seen = all.filter(isSeen).length;
    show(settled.length, subjects.length, `${seen}/${subjects.length} looked at · ${settled.length} settled`);
    await clock.sleep(Math.min(pollMs(waitedMs), timeoutMs - waitedMs));
  }
}
