import type { Overview } from '../contract/overview.ts';
import { plural } from '../core/words.ts';
import { drawHeadline } from './draw-headline.ts';
import { type HeadingLevel, html, type Markup } from './draw-html.ts';
import { drawLevels } from './draw-levels.ts';
import { drawPatterns } from './draw-marks.ts';
import { drawMatrix } from './draw-matrix.ts';
import { drawRuns } from './draw-runs.ts';
import { STYLE } from './draw-style.ts';
import { drawTimeline } from './draw-timeline.ts';
import { clipped, LINE_LENGTH, momentText } from './draw-words.ts';

/** Pixels that one mark of an axis needs, and marks that an axis has at least and at most. */
const MARK_WIDTH = 110;
const MARKS = { least: 3, most: 10 } as const;
/** A page is as wide as its reader's window: these stand apart on a narrow one too. */
const PAGE_MARKS = 7;

/** How a widget is asked to look. */
export interface WidgetLook {
  readonly theme: 'light' | 'dark';
  /** In pixels. */
  readonly width: number;
  /** ARN of the function that buttons call with `{ "look": [subjects] }`. @default no buttons */
  readonly lookAgain?: string | undefined;
  /** Subjects of which a look has just been asked for. @default none */
  readonly asked?: readonly string[];
}

/** Draws an overview as HTML that CloudWatch puts into a dashboard: without scripts, and without anything from elsewhere. */
export function drawWidget(overview: Overview, { theme, width, lookAgain, asked = [] }: WidgetLook): string {
  const marks = Math.min(MARKS.most, Math.max(MARKS.least, Math.floor(width / MARK_WIDTH)));
  return html`<div class="rc rc-${theme} cwdb-no-default-styles">${STYLE}${askedFor(asked)}${drawPatterns()}${partsOf(overview, { marks, lookAgain })}</div>`.toString();
}

/** Draws an overview as one HTML document that needs nothing else, in the theme of who looks at it. Its second line says whose it is. */
export function drawPage(overview: Overview): string {
  const { prefix } = overview;
  return pageOf(
    prefix,
    html`<h1>Recohere <small>installation ${prefix}</small></h1>
${partsOf(overview, { marks: PAGE_MARKS })}`,
  );
}

/** What was known in one scenario of a rehearsal. */
export interface DrawnScene {
  readonly heading: string;
  readonly words: string;
  readonly overview: Overview;
}

/** Draws a rehearsal as one such document, without service levels, which speak of weeks. @param prefix Of what is rehearsed. */
export function drawRehearsal(prefix: string, scenes: readonly DrawnScene[]): string {
  const drawn = scenes.map(
    ({ heading, words, overview }) => html`<article aria-label="${heading}">
<h2>${heading} <small>${words}</small></h2>
${partsOf(overview, { marks: PAGE_MARKS, level: 3 })}
</article>`,
  );
  return pageOf(prefix, html`<h1>Recohere <small>a rehearsal of ${prefix}</small></h1>${drawn}`);
}

function pageOf(prefix: string, body: Markup): string {
  return html`<!doctype html>
<!-- recohere report -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Recohere · ${prefix}</title>
${STYLE}
<style>body{margin:0;background:light-dark(#fff,#161d26)}:root{color-scheme:light dark}@media print{:root{color-scheme:light}}</style>
</head>
<body><main class="rc rc-auto"><div class="rc-page">${drawPatterns()}${body}</div></main></body>
</html>
`.toString();
}

function askedFor(subjects: readonly string[]): Markup {
  if (subjects.length === 0) return html``;
  const one =
    subjects.length === 1 ? clipped(subjects[0] ?? '', LINE_LENGTH) : plural(subjects.length, 'subject');
  return html`<p class="rc-dim" role="status">A look at ${one} is asked for. What it finds is shown when the dashboard is drawn again.</p>`;
}

interface PartsLook {
  readonly marks: number;
  readonly lookAgain?: string | undefined;
  /** Of the headings of its parts; beneath another heading, there are no service levels. @default 2 */
  readonly level?: HeadingLevel;
}

function partsOf(overview: Overview, { marks, lookAgain, level = 2 }: PartsLook): Markup {
  const { at, release, prefix } = overview;
  return html`${drawHeadline(overview)}
${drawMatrix(overview, level, lookAgain)}
${drawTimeline(overview, level, marks)}
${drawRuns(overview, level)}
${level === 2 && drawLevels(overview)}
<p class="rc-foot rc-dim">As of ${momentText(at)} UTC, as are all times. ${prefix}, release ${release}. Keys are named; no value of theirs is known here.</p>`;
}
