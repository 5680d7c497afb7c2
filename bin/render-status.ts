import pc from 'picocolors';
import { clipped, columnsOf, durationText, momentText, percentText } from '../functions/app/draw-words.ts';
import {
  OBJECTIVES,
  type ServiceLevels,
  SWEEP_LATE_MS,
  serviceLevels,
} from '../functions/app/service-levels.ts';
import {
  type EpisodeStatus,
  LEVELS_DAYS,
  type Overview,
  type SubjectStatus,
} from '../functions/contract/overview.ts';
import type { Difference, Finding, Verdict } from '../functions/contract/report.ts';
import { printed } from './printable.ts';
import {
  FUNCTIONS,
  findingLines,
  listed,
  PAINT,
  plainTable,
  plural,
  refusalLines,
  type Screen,
  SECRETS,
  verdictsText,
  wrapped,
} from './render.ts';

/** Subjects that are shown one by one; the rest is counted. JSON has all. */
const SUBJECTS_SHOWN = 100;
const SUBJECT_WIDTH_MIN = 16;
/** Older episodes of a subject that are shown. */
const EPISODES_SHOWN = 10;
const CAUSE_WIDTH_MAX = 40;

const WORST_FIRST: readonly Verdict[] = ['diverged', 'converging', 'unobservable', 'agreed'];

/** What does not agree, and in what; how many do; what the sweep could not see; and whether what was promised is kept. */
export function renderStatus(told: Overview, screen: Screen): string {
  const overview = printed(told);
  const { release, prefix, subjects, replicas } = overview;
  const apart = subjects.filter(({ verdict }) => verdict !== 'agreed');
  const verdicts = subjects.length > 0 ? `: ${verdictsText(subjects)}` : '';
  const count = `${plural(subjects.length, 'subject')} in ${plural(replicas.length, 'region')}${verdicts}`;
  const lines = [
    wrapped(`${prefix} ${release} · ${count}.`, screen),
    ...quietLines(subjects, screen),
    '',
    ...(apart.length > 0 ? [...subjectLines(apart, overview, screen), ''] : []),
    ...refusalLines(unreadWhole(overview), screen),
    ...sweepLines(overview, screen),
    '',
    ...levelLines(serviceLevels(overview), screen),
  ];
  return `${lines.join('\n')}\n`;
}

/** Verdicts of some subjects, with what does not agree. */
export function renderVerdicts(told: Overview, screen: Screen): string {
  const overview = printed(told);
  return `${subjectLines(overview.subjects, overview, screen).join('\n')}\n`;
}

/** Which keys of a subject differ where, and the episodes that it is and was in. */
export function renderDiff(told: Overview, screen: Screen): string {
  const overview = printed(told);
  const lines = overview.subjects.flatMap((status) => [
    ...differenceLines(status, overview, screen),
    ...episodeLines(status, overview, screen),
  ]);
  return `${lines.join('\n')}\n`;
}

function quietLines(subjects: readonly SubjectStatus[], screen: Screen): string[] {
  const learnt = subjects.filter(({ mode }) => mode === 'learn').length;
  const silenced = subjects.filter(({ silence }) => silence !== null).length;
  const quiet = [
    ...(learnt > 0 ? [`${learnt} only learnt`] : []),
    ...(silenced > 0 ? [`${silenced} silenced`] : []),
  ];
  return quiet.length === 0
    ? []
    : [wrapped(`Of these, ${quiet.join(' and ')}: no alarm sounds for them.`, screen)];
}

/** The worst first, each finding in a line under its row. */
function subjectLines(subjects: readonly SubjectStatus[], overview: Overview, screen: Screen): string[] {
  const colors = pc.createColors(screen.colors);
  const shown = [...subjects]
    .sort(
      (one, other) =>
        WORST_FIRST.indexOf(one.verdict) - WORST_FIRST.indexOf(other.verdict) ||
        Number(other.critical) - Number(one.critical) ||
        (one.openSince ?? 0) - (other.openSince ?? 0),
    )
    .slice(0, SUBJECTS_SHOWN);
  const cells = shown.map(
    (status) => [status.verdict, sinceText(status, overview.at), noteOf(status)] as const,
  );
  const widths = [0, 1, 2].map((at) =>
    Math.max('VERDICT'.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const room = Math.max(SUBJECT_WIDTH_MIN, screen.width - widths.reduce((sum, width) => sum + 2 + width, 0));
  const [head = '', ...rows] = plainTable(
    ['SUBJECT', 'VERDICT', 'SINCE', ''],
    cells.map(([verdict, since, note], position) => [
      clipped(shown[position]?.subject ?? '', room),
      PAINT[verdict](colors)(verdict),
      since,
      note,
    ]),
    screen,
  );
  const lines = shown.flatMap((status, position) => [
    rows[position] ?? '',
    ...whyLines(status, status.findings, overview, screen),
  ]);
  const left = subjects.length - shown.length;
  return [head, ...lines, ...(left > 0 ? [`… and ${plural(left, 'more subject')}`] : [])];
}

/** What is found, and why nobody is told of it. */
function whyLines(
  { subject, kind, silence, findingsLeft }: SubjectStatus,
  findings: readonly Finding[],
  overview: Overview,
  screen: Screen,
): string[] {
  const words = kind === 'secret' ? SECRETS : FUNCTIONS;
  const lines = findingLines({ subject, findings }, { refusals: unreadWhole(overview) }, screen, words);
  if (findingsLeft > 0) lines.push(`  … and ${plural(findingsLeft, 'more finding')}`);
  if (silence) {
    const until = `silenced until ${momentText(silence.until)} UTC`;
    lines.push(wrapped(`${subject} · ${until}: ${silence.reason}`, screen, '  '));
  }
  return lines;
}

/** What is said once for a region; the rest is said of each subject. */
function unreadWhole({ sweep }: Overview) {
  return sweep?.unread.filter(({ isWhole }) => isWhole) ?? [];
}

function sinceText({ openSince }: SubjectStatus, at: number): string {
  return openSince === null ? '-' : durationText(at - openSince);
}

function noteOf({ critical, mode, silence }: SubjectStatus): string {
  return [critical && 'critical', mode === 'learn' && 'learnt', silence && 'silenced']
    .filter(Boolean)
    .join(', ');
}

function sweepLines({ at, sweep }: Overview, screen: Screen): string[] {
  const { yellow } = pc.createColors(screen.colors);
  if (sweep === null) return [yellow('No sweep has come to its end yet.')];
  const { endedAt, expected, read, left, unreadSubjects } = sweep;
  const share = expected === 0 ? '' : ` (${percentText((read / expected) * 100)})`;
  const ended = `The last sweep ended ${durationText(at - endedAt)} ago`;
  const lines = [
    `${ended} and read ${read.toLocaleString('en-US')} of ${plural(expected, 'replica')}${share}.`,
  ];
  if (at - endedAt > SWEEP_LATE_MS) {
    lines.push(
      yellow('It is too old: what has moved since is known only if an event told. See alarm-heartbeat.'),
    );
  }
  if (left > 0)
    lines.push(`It had no time for ${plural(left, 'subject')}, which the next one looks at first.`);
  if (unreadSubjects.length > 0) lines.push(`Not read in all replicas: ${listed(unreadSubjects)}.`);
  return lines.map((line) => wrapped(line, screen));
}

/** What was promised, and what came of it; nothing is said where nothing happened. */
function levelLines(levels: ServiceLevels, screen: Screen): string[] {
  const { green, red } = pc.createColors(screen.colors);
  const { withinTargetPercent, detectionMs, overduePercent, completenessPercent } = OBJECTIVES;
  const { exposure, detection } = levels;
  const timely = ({ withinPercent, p95Ms, episodes }: ServiceLevels['convergence']) =>
    withinPercent === null
      ? '-'
      : `${percentText(withinPercent)} of ${plural(episodes, 'episode')}${p95Ms === null ? '' : `, p95 ${durationText(p95Ms)}`}`;
  const share = ({ percent, count, of }: ServiceLevels['overdue']) =>
    percent === null
      ? '-'
      : `${percentText(percent)}, ${count.toLocaleString('en-US')} of ${of.toLocaleString('en-US')}`;
  const exposed =
    exposure.percent === null
      ? '-'
      : `${percentText(exposure.percent)} of the time, ${exposure.above.toLocaleString('en-US')} above`;
  const inTime = `${withinTargetPercent} % in time`;
  const rows = [
    ['convergence', timely(levels.convergence), inTime, levels.convergence],
    ['secret propagation', timely(levels.propagation), inTime, levels.propagation],
    ['mixed state', exposed, 'of each its own', exposure],
    [
      'time to detect',
      detection.p95Ms === null ? '-' : `p95 ${durationText(detection.p95Ms)}`,
      durationText(detectionMs),
      detection,
    ],
    ['past deadline', share(levels.overdue), `< ${overduePercent} %`, levels.overdue],
    ['rolled back', share(levels.rollbacks), '-', levels.rollbacks],
    ['replicas read', share(levels.completeness), `> ${completenessPercent} %`, levels.completeness],
  ] as const;
  return plainTable(
    [`LAST ${LEVELS_DAYS} DAYS`, '', 'TARGET', ''],
    rows.map(([name, value, target, { isMet }]) => [
      name,
      value,
      target,
      isMet === null ? '' : isMet ? green('met') : red('missed'),
    ]),
    screen,
  );
}

function differenceLines(status: SubjectStatus, overview: Overview, screen: Screen): string[] {
  const { subject, kind, verdict, openSince, findings } = status;
  const colors = pc.createColors(screen.colors);
  const since =
    openSince === null ? [] : [`since ${momentText(openSince)} UTC (${sinceText(status, overview.at)})`];
  const note = noteOf(status);
  const head = [
    colors.bold(subject),
    kind,
    PAINT[verdict](colors)(verdict),
    ...since,
    ...(note ? [note] : []),
  ];
  const table = keyTable(status, screen);
  const rest = table === undefined ? findings : findings.filter((finding) => !isDifference(finding));
  const lines = [...(table ?? []), ...whyLines(status, rest, overview, screen)];
  return [wrapped(head.join(' · '), screen), '', ...(lines.length > 0 ? lines : ['All replicas agree.'])];
}

const CELLS: Record<Difference['kind'], string> = {
  missing: 'missing',
  extra: 'extra',
  different: 'differs',
};

/** Keys that differ, and in which replicas; `undefined` if none does, or if it would be too wide. */
function keyTable({ replicas, findings }: SubjectStatus, screen: Screen): string[] | undefined {
  const differences = findings.filter(isDifference);
  const keys = new Map(
    differences.flatMap(({ facet, keys }) => keys.map((key) => [`${facet} ${key}`, { facet, key }])),
  );
  if (keys.size === 0) return undefined;
  const rows = [...keys].map(([name, { facet, key }]) => {
    const own = differences.filter((each) => each.facet === facet && each.keys.includes(key));
    const cellOf = (replica: string): string => {
      const found = own.find((each) => each.replica === replica);
      if (found) return CELLS[found.kind];
      if (own.some(({ reference }) => reference === replica)) return 'reference';
      const isUnknown = findings.some(
        (each) =>
          each.replica === replica &&
          (each.facet === 'replica' || each.facet === facet) &&
          !isDifference(each),
      );
      return isUnknown ? '?' : 'ok';
    };
    return [name, ...replicas.map(cellOf)];
  });
  const table = plainTable(['KEY', ...columnsOf(replicas)], rows, { ...screen, colors: false });
  return table.some(({ length }) => length > screen.width) ? undefined : table;
}

function isDifference(finding: Finding): finding is Difference {
  return 'reference' in finding;
}

/** The newest episode in full, and the ones before it in a line each. */
function episodeLines(
  { subject, kind, replicas }: SubjectStatus,
  { episodes }: Overview,
  screen: Screen,
): string[] {
  const own = episodes.filter((each) => each.subject === subject && each.kind === kind);
  const [newest, ...older] = own;
  if (newest === undefined) return ['', `No episode within ${LEVELS_DAYS} days.`];
  const { outcome, endedAt, cause, firstSeenAt, isOverdue, reached } = newest;
  const end =
    endedAt === null
      ? `open, its deadline has ${isOverdue ? '' : 'not '}passed`
      : `${endText(newest)}, ended ${momentText(endedAt)} UTC`;
  const told = LOOKS.has(cause.source)
    ? `nobody told, a ${causeText(newest)} saw it`
    : `told by ${causeText(newest)}`;
  const moved = `${momentText(cause.at)} UTC, first seen ${durationText(firstSeenAt - cause.at)} later`;
  const lines = [
    '',
    wrapped(`Episode ${newest.id}: ${end}`, screen),
    wrapped(`Cause: ${told}, ${moved}`, screen),
  ];
  if (reached.length > 0) {
    const columns = columnsOf(replicas);
    const rows = replicas.map((replica, position) => {
      const moment = reached.find((each) => each.replica === replica);
      return [
        columns[position] ?? replica,
        ...(moment
          ? [`${momentText(moment.at)} UTC`, `${durationText(moment.at - cause.at)} after`]
          : ['-', '']),
      ];
    });
    lines.push('', ...plainTable(['REPLICA', outcome === 'open' ? 'MOVED' : 'REACHED', ''], rows, screen));
  }
  if (older.length === 0) return lines;
  const shown = older
    .slice(0, EPISODES_SHOWN)
    .map((episode) => [
      momentText(episode.cause.at),
      endText(episode),
      episode.convergenceMs === null ? '-' : durationText(episode.convergenceMs),
      causeText(episode),
    ]);
  lines.push('', ...plainTable(['BEFORE', 'EPISODE', 'CONVERGED IN', 'CAUSE'], shown, screen));
  const left = older.length - shown.length;
  return [
    ...lines,
    ...(left > 0 ? [`… and ${plural(left, 'more episode')} within ${LEVELS_DAYS} days`] : []),
  ];
}

function endText({ outcome, evidence }: EpisodeStatus): string {
  return outcome === 'forward' && evidence ? `${outcome}, ${evidence}` : outcome;
}

/** Sources of changes that are looks, and no changes that somebody told of. */
const LOOKS: ReadonlyMap<string, string> = new Map([
  ['look', 'look'],
  ['manual', 'look by hand'],
]);

function causeText({ cause: { id, source } }: EpisodeStatus): string {
  return LOOKS.get(source) ?? clipped(`${source} ${id}`, CAUSE_WIDTH_MAX);
}
