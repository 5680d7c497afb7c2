import type { Overview } from '../contract/overview.ts';
import { plural } from '../core/words.ts';
import { drawHeadline } from './draw-headline.ts';
import { html, type Markup } from './draw-html.ts';
import { drawLevels } from './draw-levels.ts';
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
  return html`<div class="rc rc-${theme} cwdb-no-default-styles">${STYLE}${askedFor(asked)}${partsOf(overview, marks, lookAgain)}</div>`.toString();
}

/** Draws an overview as one HTML document that needs nothing else, in the theme of who looks at it. Its second line says whose it is. */
export function drawPage(overview: Overview): string {
  return drawPages([{ heading: 'Recohere', words: `installation ${overview.prefix}`, overview }]);
}

/** Several overviews in one such document, one under the other. */
export function drawPages(
  pages: readonly { readonly heading: string; readonly words: string; readonly overview: Overview }[],
): string {
  const bodies = pages.map(
    ({ heading, words, overview }) => html`<h1>${heading} <small>${words}</small></h1>
${partsOf(overview, PAGE_MARKS)}`,
  );
  return html`<!doctype html>
<!-- recohere report -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Recohere · ${pages[0]?.overview.prefix}</title>
${STYLE}
<style>body{margin:0;background:light-dark(#fff,#161d26)}:root{color-scheme:light dark}@media print{:root{color-scheme:light}}</style>
</head>
<body><main class="rc rc-auto"><div class="rc-page">${bodies}</div></main></body>
</html>
`.toString();
}

function askedFor(subjects: readonly string[]): Markup {
  if (subjects.length === 0) return html``;
  const one =
    subjects.length === 1 ? clipped(subjects[0] ?? '', LINE_LENGTH) : plural(subjects.length, 'subject');
  return html`<p class="rc-dim" role="status">A look at ${one} is asked for. What it finds is shown when the dashboard is drawn again.</p>`;
}

function partsOf(overview: Overview, marks: number, lookAgain?: string): Markup {
  const { at, release, prefix } = overview;
  return html`${drawHeadline(overview)}
${drawMatrix(overview, lookAgain)}
${drawTimeline(overview, marks)}
${drawRuns(overview)}
${drawLevels(overview)}
<p class="rc-foot rc-dim">As of ${momentText(at)} UTC, as are all times. ${prefix}, release ${release}. Keys are named; no value of theirs is known here.</p>`;
}
