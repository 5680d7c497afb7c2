import type { Overview, SubjectStatus } from '../contract/overview.ts';
import type { Finding } from '../contract/report.ts';
import { SUBJECTS_MAX } from '../contract/requests.ts';
import { phraseOf, plural, sentenceOf, wordOf } from '../core/words.ts';
import { countsOf, VERDICT_TONES } from './draw-headline.ts';
import { type HeadingLevel, html, type Markup } from './draw-html.ts';
import { CELL_TONES, type CellWord, glyph } from './draw-marks.ts';
import { clipped, columnsOf, durationText, firstOf, LINE_LENGTH, momentText } from './draw-words.ts';

/** Subjects that are drawn, and fewer if there are many replicas; the rest is counted. */
const ROWS_MAX = 200;
const CELLS_MAX = 2_000;
/** Findings of one subject that are put into words. */
const FINDINGS_MAX = 12;
/** Characters of a column's head. */
const HEAD_LENGTH = 40;

const WORDS: Partial<Record<CellWord, string>> = { untold: 'not told', nowhere: 'not expected' };
const VERDICTS = Object.keys(VERDICT_TONES);

/**
 * The matrix of subjects and replicas: first those that do not agree, the worst and critical ones before the others.
 * @param lookAgain ARN of the function that buttons call with `{ "look": [names] }`; without it there are none.
 */
export function drawMatrix(overview: Overview, level: HeadingLevel, lookAgain?: string): Markup {
  const { subjects, replicas } = overview;
  if (subjects.length === 0) return html``;
  const sorted = [...subjects].sort((one, other) => rankOf(one) - rankOf(other));
  const rows = Math.min(ROWS_MAX, Math.ceil(CELLS_MAX / replicas.length));
  const { shown, left } = firstOf(sorted, rows);
  const apart = sorted.filter(({ verdict }) => verdict !== 'agreed').map(({ subject }) => subject);
  const { shown: looked, left: notLooked } = firstOf(apart, SUBJECTS_MAX);
  const all = notLooked > 0 ? `the first ${SUBJECTS_MAX}` : `all ${apart.length}`;
  const wholly = overview.sweep?.unread.filter(({ isWhole }) => isWhole);
  const unread: Readonly<Record<SubjectStatus['kind'], ReadonlyMap<string, string>>> = {
    function: new Map(
      wholly?.map(({ replica, refusal }) => [replica, `not readable: ${sentenceOf(refusal)}`]),
    ),
    secret: new Map(),
  };
  const heads = columnsOf(replicas).map(
    (name) => html`<th scope="col" title="${name}">${clipped(name, HEAD_LENGTH)}</th>`,
  );
  return html`<section aria-label="Subjects and replicas">
<div class="rc-title"><h${level}>Subjects and replicas</h${level}>${
    lookAgain !== undefined && apart.length > 0 && lookButton(`Look again at ${all}`, looked, lookAgain)
  }</div>
<div class="rc-scroll" tabindex="0" role="region" aria-label="Matrix of subjects and replicas">
<table class="rc-matrix" style="--rc-n:${replicas.length}"><thead><tr><th scope="col">subject</th>${heads}</tr></thead>
<tbody>${shown.map((subject) => rowsOf(subject, overview, unread[subject.kind], lookAgain))}</tbody></table></div>
${left > 0 && html`<p class="rc-dim">${leftText(sorted.slice(rows))}</p>`}
</section>`;
}

function rankOf({ verdict, critical }: SubjectStatus): number {
  return VERDICTS.indexOf(verdict) * 2 + (critical ? 0 : 1);
}

function leftText(subjects: readonly SubjectStatus[]): string {
  const words = countsOf(subjects).map(({ verdict, count }) => `${count.toLocaleString('en-US')} ${verdict}`);
  return `${plural(subjects.length, 'more subject')}, not drawn here: ${words.join(', ')}.`;
}

function rowsOf(
  status: SubjectStatus,
  { at, replicas, sweep }: Overview,
  unread: ReadonlyMap<string, string>,
  lookAgain: string | undefined,
): Markup {
  const { subject, verdict, openSince, critical, mode, kind, silence } = status;
  const since = openSince === null ? '' : ` for ${durationText(at - openSince)}`;
  const silenced = silence !== null && at < silence.until && silence;
  const marks = [
    critical && 'critical',
    kind === 'secret' && 'secret',
    mode === 'learn' && 'learnt only',
    silenced && 'silenced',
    sweep?.unreadSubjects.includes(subject) && 'not all read by the last sweep',
  ];
  const isOpen = verdict !== 'agreed';
  const tone = VERDICT_TONES[verdict];
  const cells = replicas.map((replica) => cellOf(status, replica, unread));
  return html`<tr><th scope="row" class="rc-v-${tone}"><span class="rc-name" title="${subject}">${subject}</span>${
    isOpen && html`<span class="rc-verdict">${verdict}${since}</span>`
  }${marks.map((mark) => mark && html`<span class="rc-mark">${mark}</span>`)}</th>${cells}</tr>${
    (isOpen || silenced) &&
    html`<tr class="rc-why"><td colspan="${replicas.length + 1}" class="rc-v-${tone}"><div>${isOpen && whyOf(status)}${
      silenced &&
      html`<p class="rc-silence">Silenced until ${momentText(silenced.until)}: ${clipped(silenced.reason, LINE_LENGTH)}</p>`
    }${isOpen && lookAgain !== undefined && lookButton('Look again', [subject], lookAgain)}</div></td></tr>`
  }`;
}

function cellOf(status: SubjectStatus, replica: string, unread: ReadonlyMap<string, string>): Markup {
  const { kind, verdict, findings, findingsLeft, replicas } = status;
  const own = findings.filter((finding) => finding.replica === replica);
  const isHidden =
    verdict === 'unobservable' && findings.length === 0 && !replicas.some((each) => unread.has(each));
  const [word, why] = saidOf();
  return html`<td${why !== undefined && html` title="${why}"`}><div class="rc-cell rc-c-${CELL_TONES[word]}">${glyph(word)}<span>${WORDS[word] ?? word}</span></div></td>`;

  function saidOf(): readonly [CellWord, string?] {
    const worst = wordOf(own);
    if (worst) return [worst, wordsOf(own, kind)];
    if (!replicas.includes(replica)) return ['nowhere'];
    const refusal = unread.get(replica);
    if (refusal !== undefined) return ['unread', refusal];
    if (isHidden) return ['untold', 'not all replicas could be read'];
    return findingsLeft > 0 ? ['untold', `${plural(findingsLeft, 'finding')} left out`] : ['ok'];
  }
}

/** What is wrong with a subject: the first of it at once, all of it on a click. */
function whyOf({ kind, findings, findingsLeft }: SubjectStatus): Markup {
  const { shown, left } = firstOf(findings, FINDINGS_MAX);
  const [first = html`Nothing is told of why.`, ...others] = shown.map(
    (finding) => html`<b>${clipped(finding.replica, LINE_LENGTH)}</b> ${wordsOf([finding], kind)}`,
  );
  const more = left + findingsLeft;
  if (others.length + more === 0) return html`<p>${first}</p>`;
  return html`<details><summary>${first} <em>and ${others.length + more} more</em></summary><ul>${others.map((words) => html`<li>${words}</li>`)}${
    more > 0 && html`<li>${plural(more, 'more finding')}, not told here</li>`
  }</ul></details>`;
}

function wordsOf(findings: readonly Finding[], kind: SubjectStatus['kind']): string {
  const missing = kind === 'secret' ? 'missing' : undefined;
  const phrases = findings.map((finding, position) => phraseOf(finding, findings[position - 1], missing));
  return clipped(phrases.join('; '), LINE_LENGTH);
}

/** A button as CloudWatch has it: an element, and right after it what a click on it does. */
function lookButton(text: string, look: readonly string[], endpoint: string): Markup {
  return html`<button type="button" class="btn rc-button">${text}</button><cwdb-action action="call" endpoint="${endpoint}" display="widget" event="click">${plainJson({ look })}</cwdb-action>`;
}

/** JSON that reads the same whether or not who reads it decodes entities, and in which every character is seen. */
function plainJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
