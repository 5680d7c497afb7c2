import { isDeepStrictEqual } from 'node:util';
import Table from 'cli-table3';
import pc from 'picocolors';
import wrapAnsi from 'wrap-ansi';
import { clipped, columnsOf } from '../functions/app/draw-words.ts';
import type { Look } from '../functions/app/look.ts';
import { ALL_REPLICA_WORDS, listed, phraseOf, plural, sentenceOf, wordOf } from '../functions/app/words.ts';
import {
  type Finding,
  type Hop,
  type Refusal,
  type ReportedSubject,
  VERDICTS,
  type Verdict,
} from '../functions/contract/report.ts';

export { listed, plural, sentenceOf };

/** What the output can show. */
export interface Screen {
  readonly colors: boolean;
  /** Characters a line; `Infinity` for pipes and files, whose lines are not wrapped. */
  readonly width: number;
}

/** Rows of agreed subjects, and of unobservable ones, that are shown one by one; the rest is counted. */
const QUIET_SHOWN = 20;
/** Narrower than this, names of subjects cannot be told apart, and a column for each region gives way. */
const SUBJECT_WIDTH_MIN = 16;

type Colors = ReturnType<typeof pc.createColors>;

type Subject = ReportedSubject & {
  /** Replicas that were found. */
  readonly seenIn: readonly string[];
  /** Of a secret. */
  readonly hops?: readonly Omit<Hop, 'at'>[];
};

/** What is shown of a look, at functions or at secrets. */
export interface Shown extends Pick<Look, 'replicas' | 'alone' | 'refusals' | 'unmatched' | 'calls'> {
  readonly subjects: readonly Subject[];
}

interface Refused {
  readonly replica: string;
  readonly refusal: Refusal;
}

/** How a look speaks of what it looked at. */
interface Words {
  readonly subject: string;
  /** Of a replica. */
  readonly missing: string;
  /** What is said before and after the name of what selects nothing. */
  readonly unmatched: readonly [string, string];
  /** Why nothing was compared. */
  readonly nothing: string;
  /** What a look does not tell. */
  readonly untold: readonly string[];
}

/** Of a look at functions. */
export const FUNCTIONS: Words = {
  subject: 'subject',
  missing: 'function missing',
  unmatched: ['selects nothing', ' of the config, or nothing that a group before it has not'],
  nothing: 'no function is selected',
  untold: [],
};

/** Of a look at secrets. */
export const SECRETS: Words = {
  subject: 'secret',
  missing: 'missing',
  unmatched: ['not found in any of these regions', ''],
  nothing: 'no secret was found',
  untold: ['Consumers are not watched by a scan.'],
};

/** The screen that a stream is. Honours `NO_COLOR`. @see https://no-color.org */
export function screenOf(stream: NodeJS.WriteStream, { NO_COLOR, TERM } = process.env): Screen {
  if (!stream.isTTY) return { colors: false, width: Number.POSITIVE_INFINITY };
  return { colors: !NO_COLOR && TERM !== 'dumb', width: stream.columns || 80 };
}

/** The table of subjects and replicas, each finding in a line under its row, then what it comes to. */
export function renderLook(look: Shown, screen: Screen, words = FUNCTIONS): string {
  const colors = pc.createColors(screen.colors);
  const of = (...verdicts: Verdict[]) => look.subjects.filter(({ verdict }) => verdicts.includes(verdict));
  const [unread, agreed] = [of('unobservable'), of('agreed')];
  const shown = [
    ...of('diverged', 'converging'),
    ...unread.slice(0, QUIET_SHOWN),
    ...agreed.slice(0, QUIET_SHOWN),
  ];
  const lines: string[] = [];
  if (shown.length > 0) {
    const [head = '', ...rows] = tableOf(look, shown, screen, colors);
    lines.push(head);
    rows.forEach((row, position) => {
      lines.push(row, ...findingLines(shown[position] as Subject, look, screen, words));
    });
    for (const quiet of [unread, agreed].filter(({ length }) => length > QUIET_SHOWN)) {
      lines.push(`… and ${quiet.length - QUIET_SHOWN} more ${quiet[0]?.verdict}`);
    }
    lines.push('');
  }
  lines.push(...refusalLines(look.refusals, screen));
  const [nowhere, more] = words.unmatched;
  for (const what of look.unmatched) {
    lines.push(wrapped(`${colors.yellow(nowhere)} · ${what}${more}`, screen));
  }
  lines.push(...summaryOf(look, words).map((line) => wrapped(line, screen)));
  return `${lines.join('\n')}\n`;
}

/** What could not be read at all, one line a replica. */
export function refusalLines(refusals: readonly Refused[], screen: Screen): string[] {
  const colors = pc.createColors(screen.colors);
  return refusals.map(({ replica, refusal }) =>
    wrapped(`${colors.yellow('not readable')} · ${replica} · ${sentenceOf(refusal)}`, screen),
  );
}

function tableOf(look: Shown, subjects: readonly Subject[], screen: Screen, colors: Colors): string[] {
  const widest = (texts: readonly string[]) => Math.max(...texts.map((text) => text.length));
  const subjectWidth = widest(['SUBJECT', ...subjects.map(({ subject }) => subject)]);
  const verdictWidth = widest(['VERDICT', ...subjects.map(({ verdict }) => verdict)]);
  const columns = columnsOf(look.replicas);
  const regionsWidth = columns.reduce(
    (sum, column) => sum + GAP + Math.max(column.length, 'updating'.length),
    0,
  );
  const left = screen.width - verdictWidth - GAP - regionsWidth;
  const perRegion = left >= Math.min(subjectWidth, SUBJECT_WIDTH_MIN);
  const room = perRegion ? left : screen.width - verdictWidth - COUNTS_WIDTH - 2 * GAP;
  const rows = subjects.map((subject) => {
    const cells = look.replicas.map((replica) => cellOf(subject, replica));
    const verdict = PAINT[subject.verdict](colors)(subject.verdict);
    return [clipped(subject.subject, room), verdict, ...(perRegion ? cells : [countsOf(cells)])];
  });
  return plainTable(['SUBJECT', 'VERDICT', ...(perRegion ? columns : ['REPLICAS'])], rows, screen);
}

/** A table without lines, each row in one line of text. */
export function plainTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  screen: Screen,
): string[] {
  const colors = pc.createColors(screen.colors);
  const table = new Table({
    head: head.map((text) => colors.bold(text)),
    chars: BARE,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

const GAP = 2;
const COUNTS_WIDTH = 30;
const NO_LINE = { left: '', mid: '', right: '' };
const BARE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  ...NO_LINE,
  'left-mid': '',
  'mid-mid': '',
  'right-mid': '',
  middle: ' '.repeat(GAP),
};

export const PAINT: Record<Verdict, (colors: Colors) => (text: string) => string> = {
  agreed: (colors) => colors.green,
  converging: (colors) => colors.cyan,
  diverged: (colors) => colors.red,
  unobservable: (colors) => colors.yellow,
};

function cellOf({ findings, seenIn }: Subject, replica: string): string {
  const word = wordOf(findings.filter((finding) => finding.replica === replica));
  return word ?? (seenIn.includes(replica) ? 'ok' : '-');
}

function countsOf(cells: readonly string[]): string {
  return ['ok', ...ALL_REPLICA_WORDS]
    .map((word) => ({ word, count: cells.filter((cell) => cell === word).length }))
    .filter(({ count }) => count > 0)
    .map(({ word, count }) => `${count} ${word}`)
    .join(', ');
}

/** What is told once for the whole region is not told for each subject. One line a replica: `checkout-api · eu-west-1 · env DB_HOST differs from us-east-1; FEATURE_X missing`. */
export function findingLines(
  { subject, findings }: { readonly subject: string; readonly findings: readonly Finding[] },
  { refusals }: { readonly refusals: readonly Refused[] },
  screen: Screen,
  { missing }: Pick<Words, 'missing'>,
): string[] {
  const byReplica = new Map<string, Finding[]>();
  const isTold = (finding: Finding) =>
    finding.kind === 'unobservable' &&
    finding.facet === 'replica' &&
    refusals.some(
      (told) => told.replica === finding.replica && isDeepStrictEqual(told.refusal, finding.refusal),
    );
  for (const finding of findings.filter((each) => !isTold(each))) {
    byReplica.set(finding.replica, [...(byReplica.get(finding.replica) ?? []), finding]);
  }
  return [...byReplica].map(([replica, own]) => {
    const phrases = own.map((finding, position) => phraseOf(finding, own[position - 1], missing));
    return wrapped(`${subject} · ${replica} · ${phrases.join('; ')}`, screen, '  ');
  });
}

function summaryOf({ subjects, alone, replicas, refusals, calls }: Shown, words: Words): string[] {
  const made = [...calls.values()].reduce((sum, count) => sum + count, 0);
  if (subjects.length === 0) {
    const found = alone.length > 0 ? 'no function is in more than one of these regions' : words.nothing;
    const why = refusals.length > 0 && alone.length === 0 ? 'what could be read has no copies' : found;
    return [
      `Nothing was compared: ${why}. ${plural(made, 'call')}, all of them reads.`,
      ...aloneLines(alone),
    ];
  }
  return [
    `${plural(subjects.length, words.subject)} in ${plural(replicas.length, 'region')}: ${verdictsText(subjects)}. ${plural(made, 'call')}, all of them reads.`,
    ...aloneLines(alone),
    ...words.untold,
  ];
}

/** How many subjects have each verdict: `3 agreed, 1 diverged`. */
export function verdictsText(subjects: readonly { readonly verdict: Verdict }[]): string {
  return VERDICTS.map((verdict) => ({
    verdict,
    count: subjects.filter((subject) => subject.verdict === verdict).length,
  }))
    .filter(({ count }) => count > 0)
    .map(({ verdict, count }) => `${count.toLocaleString('en-US')} ${verdict}`)
    .join(', ');
}

function aloneLines(alone: Shown['alone']): string[] {
  if (alone.length === 0) return [];
  const names = listed(alone.map(({ subject }) => subject));
  return [`${plural(alone.length, 'function')} in one region only, not compared: ${names}.`];
}

/** Breaks a line at the screen's width; what follows is indented further than the beginning. */
export function wrapped(line: string, { width }: Screen, indent = ''): string {
  if (!Number.isFinite(width)) return indent + line;
  const hang = `${indent}  `;
  const [first = '', ...rest] = wrapAnsi(line, width - hang.length, { hard: true }).split('\n');
  return [indent + first, ...rest.map((part) => hang + part)].join('\n');
}
