import { isDeepStrictEqual } from 'node:util';
import Table from 'cli-table3';
import pc from 'picocolors';
import wrapAnsi from 'wrap-ansi';
import type { Look } from '../functions/app/look.ts';
import {
  type Behind,
  type Consumption,
  type Finding,
  type Hop,
  type Refusal,
  type ReportedSubject,
  VERDICTS,
  type Verdict,
} from '../functions/contract/report.ts';

/** What the output can show. */
export interface Screen {
  readonly colors: boolean;
  /** Characters a line; `Infinity` for pipes and files, whose lines are not wrapped. */
  readonly width: number;
}

/** Rows of agreed subjects, and of unobservable ones, that are shown one by one; the rest is counted. */
const QUIET_SHOWN = 20;
/** Keys that one finding names on the screen; JSON has all. */
const KEYS_SHOWN = 10;
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

const FUNCTIONS: Words = {
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
  for (const { replica, refusal } of look.refusals) {
    lines.push(wrapped(`${colors.yellow('not readable')} · ${replica} · ${sentenceOf(refusal)}`, screen));
  }
  const [nowhere, more] = words.unmatched;
  for (const what of look.unmatched) {
    lines.push(wrapped(`${colors.yellow(nowhere)} · ${what}${more}`, screen));
  }
  lines.push(...summaryOf(look, words).map((line) => wrapped(line, screen)));
  return `${lines.join('\n')}\n`;
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

/** Replicas of one account are told apart by their regions alone. */
function columnsOf(replicas: readonly string[]): readonly string[] {
  const accounts = new Set(replicas.map((replica) => replica.slice(0, replica.indexOf('/') + 1)));
  const [account = ''] = accounts;
  return accounts.size === 1 ? replicas.map((replica) => replica.slice(account.length)) : replicas;
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

const PAINT: Record<Verdict, (colors: Colors) => (text: string) => string> = {
  agreed: (colors) => colors.green,
  converging: (colors) => colors.cyan,
  diverged: (colors) => colors.red,
  unobservable: (colors) => colors.yellow,
};

/** What a replica's worst finding is called in its cell, worst first. */
const CELLS = [
  ['missing', 'missing'],
  ['different', 'differs'],
  ['extra', 'differs'],
  ['unexpected', 'differs'],
  ['stale', 'stale'],
  ['standalone', 'stale'],
  ['failed', 'failed'],
  ['unobservable', 'unread'],
  ['unsettled', 'updating'],
] as const satisfies readonly (readonly [Finding['kind'], string])[];

function cellOf({ findings, seenIn }: Subject, replica: string): string {
  const own = findings.filter((finding) => finding.replica === replica);
  const isWhole = ({ facet }: Finding) => facet === 'replica' || facet === 'version';
  if (own.some((finding) => finding.kind === 'missing' && !isWhole(finding))) return 'differs';
  const worst = CELLS.find(([kind]) => own.some((finding) => finding.kind === kind));
  if (worst) return worst[1];
  return seenIn.includes(replica) ? 'ok' : '-';
}

function countsOf(cells: readonly string[]): string {
  return ['ok', ...new Set(CELLS.map(([, word]) => word))]
    .map((word) => ({ word, count: cells.filter((cell) => cell === word).length }))
    .filter(({ count }) => count > 0)
    .map(({ word, count }) => `${count} ${word}`)
    .join(', ');
}

/** What is told once for the whole region is not told for each subject. One line a replica: `checkout-api · eu-west-1 · env DB_HOST differs from us-east-1; FEATURE_X missing`. */
function findingLines(
  { subject, findings }: Subject,
  { refusals }: Shown,
  screen: Screen,
  { missing }: Words,
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

/** What one finding says; the facet is named once for findings that follow each other. */
export function phraseOf(finding: Finding, before?: Finding, missing = FUNCTIONS.missing): string {
  const { kind, facet, keys } = finding;
  if (kind === 'unobservable') {
    return `${facet === 'replica' ? '' : `${facet} `}not readable: ${sentenceOf(finding.refusal)}`;
  }
  switch (facet) {
    case 'replica':
      if (kind === 'extra')
        return keys.length > 0 ? `also claimed by ${keys.join(', ')}` : 'not expected here';
      if (kind === 'missing') return keys.includes('DeletedDate') ? 'scheduled for deletion' : missing;
      return { unsettled: 'update in progress', failed: 'last update failed' }[kind];
    case 'traffic':
      return `alias ${keys.join(', ')} ${kind === 'missing' ? 'missing' : 'splits its traffic'}`;
    case 'version':
      if (kind !== 'stale') return VERSION_PHRASES[kind];
      return keys.includes('InSync')
        ? "version is not the primary's although AWS calls it in sync"
        : 'replication takes too long';
    case 'consumer': {
      const name = keys.join(', ');
      if (kind !== 'failed') return `consumer ${name} ${CONSUMER_PHRASES[kind]}`;
      return `probe of ${name} failed${finding.refusal ? `: ${sentenceOf(finding.refusal)}` : ''}`;
    }
    case 'rotation':
      return `rotation ${keys.includes('NextRotationDate') ? 'is overdue' : 'failed'} (${keys.join(', ')})`;
    default: {
      const what = facet === before?.facet ? listed(keys) : `${facet} ${listed(keys)}`;
      if (kind === 'missing') return `${what} missing`;
      if (kind === 'unexpected') return `${what} is not the one expected`;
      if (kind === 'extra') return `${what} not in ${finding.reference}`;
      return `${what} ${keys.length > 1 ? 'differ' : 'differs'} from ${finding.reference}`;
    }
  }
}

const VERSION_PHRASES: Record<Exclude<Behind['kind'], 'stale'>, string> = {
  unsettled: 'replication under way',
  failed: 'replication failed',
  missing: 'no version is current',
  standalone: 'a standalone secret: promoted, or never a replica',
};

const CONSUMER_PHRASES: Record<Exclude<Consumption['kind'], 'failed'>, string> = {
  unsettled: 'may still keep another version',
  stale: 'still uses another version',
  unexpected: 'says that it uses a version that the secret never had',
};

function listed(keys: readonly string[]): string {
  const names = keys.slice(0, KEYS_SHOWN).join(', ');
  return keys.length > KEYS_SHOWN ? `${names} and ${keys.length - KEYS_SHOWN} more` : names;
}

const SENTENCES: Record<Refusal['code'], string> = {
  ACCESS_DENIED: 'access denied',
  NO_CREDENTIALS: 'no usable AWS credentials in environment, profile, single sign-on or instance role',
  CREDENTIALS_EXPIRED: 'the AWS credentials have expired; sign in again',
  CREDENTIALS_REJECTED: 'the AWS credentials are not accepted; is the region enabled for the account?',
  REGION_UNREACHABLE: 'no answer; does the region exist, and is there a network?',
  UNAVAILABLE: 'AWS failed to answer, also after retries; try again later',
  KEY_UNUSABLE: 'the key that encrypts it is disabled or gone',
  THROTTLED: 'throttled, also after retries; try again later',
  UNEXPECTED_ANSWER: 'an answer that AWS does not document',
  NOT_READ: 'not read',
  TOO_OLD: 'read too long ago',
  OTHER_ACCOUNT: 'the credentials belong to another account than the config names',
  NO_BUILD_ID: 'no replica has the build id that the config compares code by',
  OTHER_KEY: 'fingerprinted with another key',
  PROBE_FAILED: 'it ran, and could not use the secret',
  PROBE_MISSING: 'there is no such function or alias',
  PROBE_SILENT: 'it did not answer in time',
  PROBE_UNREADABLE: 'its answer is not one of a probe',
};

/** A refusal in words that a person can act on: which permission is missing, for which call. */
export function sentenceOf({ code, call, permission }: Refusal): string {
  const lacking = permission === undefined ? '' : `: missing permission ${permission}`;
  const during = call === undefined || call === permission ? '' : ` (${call})`;
  return `${SENTENCES[code]}${lacking}${during}`;
}

function summaryOf({ subjects, alone, replicas, refusals, calls }: Shown, words: Words): string[] {
  const counts = VERDICTS.map((verdict) => ({
    verdict,
    count: subjects.filter((subject) => subject.verdict === verdict).length,
  })).filter(({ count }) => count > 0);
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
    `${plural(subjects.length, words.subject)} in ${plural(replicas.length, 'region')}: ${counts
      .map(({ verdict, count }) => `${count} ${verdict}`)
      .join(', ')}. ${plural(made, 'call')}, all of them reads.`,
    ...aloneLines(alone),
    ...words.untold,
  ];
}

function aloneLines(alone: Shown['alone']): string[] {
  if (alone.length === 0) return [];
  const names = listed(alone.map(({ subject }) => subject));
  return [`${plural(alone.length, 'function')} in one region only, not compared: ${names}.`];
}

/** `1 item`, `2,000 items`. */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

function clipped(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(1, width - 1))}…`;
}

/** Breaks a line at the screen's width; what follows is indented further than the beginning. */
export function wrapped(line: string, { width }: Screen, indent = ''): string {
  if (!Number.isFinite(width)) return indent + line;
  const hang = `${indent}  `;
  const [first = '', ...rest] = wrapAnsi(line, width - hang.length, { hard: true }).split('\n');
  return [indent + first, ...rest.map((part) => hang + part)].join('\n');
}
