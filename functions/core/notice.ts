import { type NamedDeploy, type Notice, type NoticeJson, TEXT_MAX } from '../contract/notices.ts';
import type { Finding } from '../contract/report.ts';
import { type Episode, namesDeploy } from './episode.ts';
import { fitting } from './fitting.ts';
import { groupedBy } from './grouped-by.ts';
import { listed, phraseOf, plural } from './words.ts';

export type { Severity } from '../contract/deployment.ts';
export type { NamedDeploy, Notice, PauseRequest } from '../contract/notices.ts';

/** A subject that does not agree, as a notice names it. */
export type NamedSubject = NoticeJson['subjects'][number];

/** One deploy, and what does not agree since. */
export interface DeployOf<T> {
  /** What came first of it. */
  readonly deploy: NamedDeploy;
  readonly members: readonly [T, ...T[]];
}

/** Where no deploy is named, what came at about the same time is taken for one. */
const AT_ABOUT_ONE_TIME_MS = 15 * 60_000;

/** A stack's name comes back with its next deploy. */
const ONE_DEPLOY_MS = 60 * 60_000;

/** Fewer than the 100 that SNS takes for the subject of a mail. */
const TITLE_MAX = 99;
/** Characters of a line of the text, and of one name in it. */
const LINE_MAX = 240;
const NAME_MAX = 60;
/** So many findings of one replica are in a subject's line, keys of each, and replicas that have the same. */
const SHOWN_MAX = 3;
/** Room for `and 10,000 more`. */
const REST_MAX = 40;

/** Bytes of the subjects as JSON in a JSON text, which is how SNS takes them: with what else is sent, far below its 256 KB. */
const JSON_BYTES_MAX = 200_000;

/** Mark-up of chats: mentions, links, code. Each has one that looks like it and does nothing. */
const LOOKS_LIKE: Readonly<Record<string, string>> = {
  '<': '‹',
  '>': '›',
  '&': '＆',
  '@': '＠',
  '`': 'ˋ',
  '[': '(',
  ']': ')',
};

/**
 * Puts together what one deploy has caused: by its id and who told, within an hour; or, where no id of a deploy was told, within a
 * quarter of an hour. Both count from the first.
 */
export function deploysOf<T extends Pick<Episode, 'cause' | 'deploy'>>(
  all: readonly T[],
): readonly DeployOf<T>[] {
  const deploys: { readonly deploy: NamedDeploy; readonly members: [T, ...T[]] }[] = [];
  const latest = new Map<string, (typeof deploys)[number]>();
  const named = all.map((member) => ({ member, by: member.deploy ?? member.cause }));
  for (const { member, by } of named.toSorted((a, b) => a.by.at - b.by.at)) {
    const { id, source, at } = by;
    const key = JSON.stringify(namesDeploy(by) ? [source, id] : [source]);
    const known = latest.get(key);
    if (known && at - known.deploy.at <= (namesDeploy(by) ? ONE_DEPLOY_MS : AT_ABOUT_ONE_TIME_MS)) {
      known.members.push(member);
      continue;
    }
    const begun: (typeof deploys)[number] = { deploy: { id, source, at }, members: [member] };
    deploys.push(begun);
    latest.set(key, begun);
  }
  return deploys;
}

/** Those that matter most first: critical ones that are overdue, overdue ones, the others; then by name. */
export function byWeight(
  a: Pick<NamedSubject, 'subject' | 'critical' | 'isOverdue'>,
  b: Pick<NamedSubject, 'subject' | 'critical' | 'isOverdue'>,
): number {
  const weightOf = ({ critical, isOverdue }: typeof a) => (isOverdue ? 2 : 0) + (critical ? 1 : 0);
  return weightOf(b) - weightOf(a) || (a.subject < b.subject ? -1 : 1);
}

/**
 * What is told of one deploy. Names and keys, never values; in the title and the text, nothing that a chat would take for more than
 * text.
 * @param named In any order.
 * @param left How many subjects besides do not agree.
 */
export function noticeOf(deploy: NamedDeploy, named: readonly NamedSubject[], now: number, left = 0): Notice {
  const subjects = named.toSorted(byWeight);
  const count = subjects.length + left;
  const agrees = `${plural(count, 'subject')} ${count === 1 ? 'does' : 'do'} not agree`;
  const what = whatOf(deploy);
  const severity = subjects.some(({ critical, isOverdue }) => critical && isOverdue) ? 'page' : 'ticket';
  return {
    title: clipped(`Recohere: ${agrees} after ${what}`, TITLE_MAX).replace(/[^ -~]/g, '?'),
    text: textOf(`${agrees} after ${what}, ${agoOf(now - deploy.at)} ago`, subjects.map(lineOf), left),
    json: { deploy, severity, ...told(subjects, left) },
  };
}

function whatOf(deploy: NamedDeploy): string {
  if (deploy.source === 'look') return 'a change that nobody told of';
  if (deploy.source === 'manual') return 'a look by hand';
  const told = clipped(deploy.source, NAME_MAX);
  return namesDeploy(deploy)
    ? `deploy ${clipped(deploy.id, NAME_MAX)} (${told})`
    : `a change told by ${told}`;
}

function textOf(head: string, lines: readonly string[], left: number): string {
  let text = plain(head);
  let shown = 0;
  for (const line of lines) {
    if (text.length + 1 + line.length > TEXT_MAX - REST_MAX) break;
    text += `\n${line}`;
    shown++;
  }
  const rest = lines.length - shown + left;
  return rest > 0 ? `${text}\nand ${rest.toLocaleString('en-US')} more` : text;
}

/** `checkout-api (critical) · eu-west-1: env DB_HOST differs from us-east-1; FEATURE_X missing · us-west-2: function missing`. */
function lineOf({ subject, kind, critical, isOverdue, findings }: NamedSubject): string {
  const marks = [...(critical ? ['critical'] : []), ...(isOverdue ? [] : ['converging'])].join(', ');
  const missing = kind === 'function' ? 'function missing' : 'missing';
  const byReplica = groupedBy(findings, ({ replica }) => replica);
  const bySaying = groupedBy([...byReplica], ([, own]) => sayingOf(own, missing));
  const sayings = [...bySaying].map(
    ([saying, replicas]) =>
      `${listed(
        replicas.map(([replica]) => replica),
        SHOWN_MAX,
      )}: ${saying}`,
  );
  const line = [`${clipped(subject, NAME_MAX)}${marks && ` (${marks})`}`, ...sayings].join(' · ');
  return clipped(line, LINE_MAX);
}

/** What is said of one replica; where another one is in the same state, the same. */
function sayingOf(findings: readonly Finding[], missing: string): string {
  const short = findings.slice(0, SHOWN_MAX).map((finding) => ({
    ...finding,
    keys: finding.keys.map((key) => clipped(key, NAME_MAX)),
  }));
  const phrases = short.map((finding, n) => phraseOf(finding, short[n - 1], missing, SHOWN_MAX));
  const rest = findings.length - short.length;
  return `${phrases.join('; ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** The subjects for which there is room. */
function told(
  subjects: readonly NamedSubject[],
  left: number,
): Pick<NoticeJson, 'subjects' | 'subjectsLeft'> {
  const bytesOf = (subject: NamedSubject) => Buffer.byteLength(JSON.stringify(JSON.stringify(subject)));
  const fit = fitting(subjects, JSON_BYTES_MAX, bytesOf);
  return { subjects: fit, subjectsLeft: subjects.length - fit.length + left };
}

function agoOf(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d`;
}

/** One line of text that is nothing else: no control characters, no mark-up. */
function plain(text: string): string {
  return text
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/[<>&@`[\]]/g, (sign) => String(LOOKS_LIKE[sign]));
}

/** At most so many characters of {@link plain} text; none is cut in two. */
function clipped(text: string, max: number): string {
  const clean = plain(text);
  return clean.length <= max ? clean : `${clean.slice(0, max - 3).replace(/[\uD800-\uDBFF]$/, '')}...`;
}
