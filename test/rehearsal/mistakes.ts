import type { SubjectState } from '../../functions/core/episode.ts';
import type { PlaceId } from '../../functions/core/place.ts';
import type { SecretMemory, SecretObservation } from '../../functions/core/secret.ts';
import type { InvariantNumber } from '../../rehearsal/invariants.ts';

/** A mistake in one module of the system, and how a rehearsal notices it. */
export interface Mistake {
  /** The module that has it, as a test beside this file imports it. */
  readonly path: string;
  readonly by: InvariantNumber;
  /** Seeds, from the first on. */
  readonly within: number;
  /** Where what it takes is rare, a seed that has it. @default 1 */
  readonly first?: number;
  /** What the module exports instead. */
  readonly mistaken: (original: object) => object;
}

function inModule<Module extends object>(
  path: string,
  caught: Pick<Mistake, 'by' | 'within' | 'first'>,
  mistaken: (original: Module) => Partial<Module>,
): Mistake {
  return {
    path: `../../functions/${path}`,
    ...caught,
    mistaken: (original) => mistaken(original as Module),
  };
}

type Steps = typeof import('../../functions/core/episode.ts');
type Watched = typeof import('../../functions/app/watched.ts');
type Open = NonNullable<SubjectState['open']>;

/** Each look leaves an open episode otherwise than it should. */
function withOpen(change: (open: Open) => Open): (original: Steps) => Partial<Steps> {
  return (original) => ({
    step: (...given) => {
      const taken = original.step(...given);
      const { open } = taken.state;
      return open ? { ...taken, state: { ...taken.state, open: change(open) } } : taken;
    },
  });
}

type Rotations = typeof import('../../functions/core/rotation.ts');
type Present = Extract<SecretObservation, { readonly state: 'present' }>;
type Held = SecretMemory['held'][string & PlaceId];

/** Each look takes what it has read of a replica for changed at another time. */
function dated(
  changedAt: (read: Present, known: Held | undefined, at: number) => number,
): (original: Rotations) => Partial<Rotations> {
  return ({ rotate }) => ({
    rotate: (before, heard, look, rules) => {
      const observations = new Map(
        [...look.observations].map(([replica, read]): [PlaceId, SecretObservation] => {
          if (read.state !== 'present') return [replica, read];
          const at = changedAt(read, before.secret?.held[replica], look.at);
          return [replica, { ...read, description: { ...read.description, changedAt: at } }];
        }),
      );
      return rotate(before, heard, { ...look, observations }, rules);
    },
  });
}

/** Mistakes of use cases, and of what they rest on. */
export const MISTAKES: Readonly<Record<string, Mistake>> = {
  'what could not be read is left out': inModule<typeof import('../../functions/core/plan.ts')>(
    'core/plan.ts',
    { by: 1, within: 8 },
    ({ plan }) => ({
      plan: (input) => {
        const [first, ...rest] = plan(input).findings.filter(({ kind }) => kind !== 'unobservable');
        return first
          ? { verdict: 'diverged', findings: [first, ...rest] }
          : { verdict: 'agreed', findings: [] };
      },
    }),
  ),
  'a key of the environment is left out': inModule<typeof import('../../functions/core/fingerprint.ts')>(
    'core/fingerprint.ts',
    { by: 1, within: 4 },
    ({ fingerprint }) => ({
      fingerprint: (key, facet, values, home) =>
        fingerprint(key, facet, new Map([...values].filter(([name]) => name !== 'A')), home),
    }),
  ),
  'secrets are due once': inModule<typeof import('../../functions/core/sweep.ts')>(
    'core/sweep.ts',
    { by: 2, within: 30 },
    ({ dueAt }) => ({
      dueAt: (memory, now) => ({ ...dueAt(memory, now), secrets: memory.secretsAt === undefined }),
    }),
  ),
  'functions are due once': inModule<typeof import('../../functions/core/sweep.ts')>(
    'core/sweep.ts',
    { by: 2, within: 4 },
    ({ dueAt }) => ({
      dueAt: (memory, now) => ({ ...dueAt(memory, now), functions: memory.roundAt === undefined }),
    }),
  ),
  'all is overdue at once': inModule<Steps>(
    'core/episode.ts',
    { by: 3, within: 4 },
    withOpen((open) => ({ ...open, isOverdue: true })),
  ),
  'nothing is ever overdue': inModule<Steps>(
    'core/episode.ts',
    { by: 3, within: 4 },
    withOpen((open) => ({ ...open, isOverdue: false })),
  ),
  'moves are forgotten while something cannot be read': inModule<Steps>(
    'core/episode.ts',
    { by: 3, within: 1, first: 143 },
    ({ step }) => ({
      step: (before, change, looked, rules) => {
        const { open } = before;
        const isUnread = looked.outcome.findings.some(({ kind }) => kind === 'unobservable');
        const known = open && isUnread ? { ...open, lastMovedAt: open.cause.at } : open;
        return step({ ...before, open: known }, change, looked, rules);
      },
    }),
  ),
  'what moved before it could first be read has no date': inModule<Steps>(
    'core/episode.ts',
    { by: 3, within: 1, first: 1919 },
    ({ step }) => ({
      step: (before, change, looked, rules) =>
        step(before, change, before.open ? { ...looked, movedAt: {} } : looked, rules),
    }),
  ),
  'other keys are blamed': inModule<typeof import('../../functions/core/plan.ts')>(
    'core/plan.ts',
    { by: 4, within: 4 },
    ({ plan }) => ({
      plan: (input) => {
        const judged = plan(input);
        if (judged.verdict !== 'diverged') return judged;
        const [first, ...rest] = judged.findings;
        return { verdict: 'diverged', findings: [{ ...first, keys: ['OTHER'] }, ...rest] };
      },
    }),
  ),
  'an end is not remembered': inModule<Steps>('core/episode.ts', { by: 5, within: 4 }, ({ step }) => ({
    step: (before, ...given) => {
      const taken = step(before, ...given);
      return taken.closed ? { ...taken, state: { ...taken.state, last: before.last } } : taken;
    },
  })),
  'changes are dated a minute early': inModule<typeof import('../../functions/app/hear.ts')>(
    'app/hear.ts',
    { by: 7, within: 4 },
    ({ hear }) => ({
      hear: (event) => {
        const heard = hear(event);
        return heard && { ...heard, change: { ...heard.change, at: heard.change.at - 60_000 } };
      },
    }),
  ),
  'all hops agree': inModule<typeof import('../../functions/core/rotation.ts')>(
    'core/rotation.ts',
    { by: 8, within: 4 },
    ({ rotate }) => ({
      rotate: (...given) => {
        const taken = rotate(...given);
        const { open } = taken.state;
        if (open?.rotation === undefined) return taken;
        const hops = open.rotation.hops.map((hop) => ({
          ...hop,
          state: 'agreed' as const,
          at: hop.at ?? open.lastSeenAt,
        }));
        return {
          ...taken,
          state: { ...taken.state, open: { ...open, rotation: { ...open.rotation, hops } } },
        };
      },
    }),
  ),
  'a label that came back is dated as if it had never left': inModule<Rotations>(
    'core/rotation.ts',
    { by: 8, within: 1, first: 1_800_000_001_487 },
    dated(({ at, description }, before) => {
      const isBack = before?.versionId === description.currentId;
      return isBack ? Math.min(description.changedAt, before?.since ?? at) : description.changedAt;
    }),
  ),
  'what a slow look has read is dated by its beginning': inModule<Rotations>(
    'core/rotation.ts',
    { by: 8, within: 1, first: 1_800_000_021_538 },
    dated(({ description }, _, at) => Math.min(description.changedAt, at)),
  ),
  'a wake-up by a clock that is behind is the last': inModule<Steps>(
    'core/episode.ts',
    { by: 12, within: 10 },
    ({ step, lastLookedAt }) => ({
      step: (before, change, looked, rules) =>
        change === undefined && looked.at < lastLookedAt(before)
          ? { state: before, isFlap: false }
          : step(before, change, looked, rules),
    }),
  ),
  'a wake-up that can read no replica is the last': inModule<Steps>(
    'core/episode.ts',
    { by: 12, within: 4, first: 11 },
    () => ({ unread: (state) => ({ state, isFlap: false }) }),
  ),
  'nobody is told': inModule<typeof import('../../functions/core/notice.ts')>(
    'core/notice.ts',
    { by: 9, within: 4 },
    () => ({ deploysOf: () => [] }),
  ),
  'what is silenced alarms': inModule<Watched>('app/watched.ts', { by: 9, within: 6 }, ({ alarmOnAt }) => ({
    alarmOnAt: (watched, _, now) => alarmOnAt(watched, {}, now),
  })),
  'what is only learnt alarms': inModule<Watched>(
    'app/watched.ts',
    { by: 9, within: 4 },
    ({ alarmOnAt }) => ({
      alarmOnAt: (watched, ...given) => alarmOnAt(watched && { ...watched, mode: 'alert' }, ...given),
    }),
  ),
  'a silence is forgotten': inModule<Steps>('core/episode.ts', { by: 6, within: 6 }, ({ step }) => ({
    step: (...given) => {
      const { state, ...taken } = step(...given);
      return { ...taken, state: state === given[0] ? state : { ...state, silence: undefined } };
    },
  })),
  'maintenance is none': inModule<typeof import('../../functions/app/notify.ts')>(
    'app/notify.ts',
    { by: 9, within: 10 },
    ({ notify }) => ({
      notify: (ports, config, time) => notify(ports, { ...config, maintenance: [] }, time),
    }),
  ),
  'nobody is told later': inModule<typeof import('../../functions/app/standing.ts')>(
    'app/standing.ts',
    { by: 9, within: 10, first: 15 },
    ({ standingOf }) => ({ standingOf: (...given) => ({ ...standingOf(...given), isUntold: false }) }),
  ),
  'who was told is forgotten': inModule<Steps>(
    'core/episode.ts',
    { by: 9, within: 4 },
    withOpen(({ noticedAt: _forgotten, ...open }) => open),
  ),
  'what was paused is forgotten': inModule<Steps>(
    'core/episode.ts',
    { by: 9, within: 4 },
    withOpen(({ pausedAt: _forgotten, ...open }) => open),
  ),
  'pages are sent as tickets': inModule<typeof import('../../functions/core/notice.ts')>(
    'core/notice.ts',
    { by: 9, within: 4 },
    ({ noticeOf }) => ({
      noticeOf: (...given) => {
        const notice = noticeOf(...given);
        return { ...notice, json: { ...notice.json, severity: 'ticket' } };
      },
    }),
  ),
  'errors are swallowed': inModule<typeof import('../../functions/app/swept.ts')>(
    'app/swept.ts',
    { by: 10, within: 4 },
    () => ({ failFirst: () => {} }),
  ),
  'a dead letter holds its message': inModule<typeof import('../../functions/core/dead-letter.ts')>(
    'core/dead-letter.ts',
    { by: 11, within: 4 },
    ({ deadLetter }) => ({
      deadLetter: (reason, id, body, parsed) => ({
        ...deadLetter(reason, id, body, parsed),
        envelope: { source: body },
      }),
    }),
  ),
  'what is gone stays known': inModule<Steps>('core/episode.ts', { by: 13, within: 4 }, () => ({
    retire: (before) => ({ state: before, isFlap: false }),
  })),
  'no move is noted': inModule<typeof import('../../functions/core/moves.ts')>(
    'core/moves.ts',
    { by: 13, within: 4, first: 46 },
    () => ({ heed: (_, step) => ({ ...step, lost: [] }) }),
  ),
  'lost events are not counted': inModule<typeof import('../../functions/core/moves.ts')>(
    'core/moves.ts',
    { by: 13, within: 4 },
    ({ heed }) => ({ heed: (...given) => ({ ...heed(...given), lost: [] }) }),
  ),
  'events are counted as lost that may be under way': inModule<
    typeof import('../../functions/core/moves.ts')
  >('core/moves.ts', { by: 13, within: 4 }, ({ heed }) => ({
    heed: (before, step, heard) => heed(before, step, { ...heard, at: heard.at + 300_000 }),
  })),
  'budget burns too fast': inModule<typeof import('../../functions/app/standing.ts')>(
    'app/standing.ts',
    { by: 13, within: 4 },
    ({ standingOf }) => ({ standingOf: (...given) => ({ ...standingOf(...given), exposurePercent: 0.5 }) }),
  ),
  'a gauge leaves out what is open': inModule<typeof import('../../functions/app/standing.ts')>(
    'app/standing.ts',
    { by: 13, within: 4 },
    ({ standingOf }) => ({ standingOf: (...given) => ({ ...standingOf(...given), isOpen: false }) }),
  ),
};
