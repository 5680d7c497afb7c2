import type { ParsedConfig, WatchedSecret } from '../contract/config.ts';
import type { Targets } from '../contract/overview.ts';
import { SECRET_FACETS } from '../contract/report.ts';
import type { SubjectState } from '../core/episode.ts';
import { groupPath } from './scope.ts';
import { subjectOfSecret } from './secret-scope.ts';
import type { AlarmOn } from './swept.ts';

/** Within which subjects agree, of 95 in 100 deploys, unless the config says otherwise. */
const CONVERGENCE_SECONDS = { critical: 60, other: 300 } as const;
/** Of secrets, whose own target is the propagation's. */
const SECRET_EXPOSURE_PERCENT = 1;

/** What the config says of one subject, beside where it is and how it is compared. */
export interface Watched {
  readonly critical: boolean;
  readonly mode: 'alert' | 'learn';
  /** Which facets alarm if the mode lets them. */
  readonly facets: NonNullable<AlarmOn>;
  readonly targets: Targets;
}

type Group = ParsedConfig['functions'][number];

/** What the config says of functions of one group. */
export function watchedGroup({ mode }: ParsedConfig, group: Omit<Group, 'select'>): Watched {
  const { critical, alarmOn, targets } = group;
  const seconds =
    targets.convergenceSeconds ?? (critical ? CONVERGENCE_SECONDS.critical : CONVERGENCE_SECONDS.other);
  return {
    critical,
    mode: group.mode ?? mode,
    facets: alarmOn,
    targets: { convergenceMs: seconds * 1000, exposurePercent: targets.exposurePercent },
  };
}

export function watchedSecret({ mode }: ParsedConfig, secret: WatchedSecret): Watched {
  return {
    critical: secret.critical,
    mode: secret.mode ?? mode,
    facets: SECRET_FACETS, // all that can be wrong with a secret alarms
    targets: { convergenceMs: secret.targetSeconds * 1000, exposurePercent: SECRET_EXPOSURE_PERCENT },
  };
}

/**
 * What the config says of subjects by what is remembered of them: of functions by the group that they were last seen to belong to. Of a
 * group that is not there any more, it may be any that is not only learnt; of none, which an older release did not remember, nothing
 * alarms before the next sweep. `undefined` for a secret that is not watched any more.
 */
export function watchedBy(config: ParsedConfig) {
  const secrets = new Map(config.secrets.map((secret) => [subjectOfSecret(config, secret), secret]));
  const groups = new Map(
    config.functions.map((group, position) => [groupPath(position), watchedGroup(config, group)]),
  );
  const alerting = [...groups.values()].filter(({ mode }) => mode === 'alert');
  const any: Watched = {
    critical: false,
    mode: alerting.length > 0 ? 'alert' : 'learn',
    facets: [...new Set(alerting.flatMap(({ facets }) => facets))],
    targets: { convergenceMs: CONVERGENCE_SECONDS.other * 1000, exposurePercent: SECRET_EXPOSURE_PERCENT },
  };
  return {
    function: ({ group }: Pick<SubjectState, 'group'>): Watched =>
      group === undefined ? { ...any, mode: 'learn' } : (groups.get(group) ?? any),
    secret: (subject: string): Watched | undefined => {
      const secret = secrets.get(subject);
      return secret && watchedSecret(config, secret);
    },
  };
}

/** Which facets of a subject alarm at a time: none if it is only learnt, or silenced. */
export function alarmOnAt(
  watched: Watched | undefined,
  { silence }: Pick<SubjectState, 'silence'>,
  now: number,
): AlarmOn {
  const isQuiet = watched === undefined || watched.mode === 'learn' || (silence && now < silence.until);
  return isQuiet ? undefined : watched.facets;
}
