import type { Overview, RunProgress } from '../contract/overview.ts';
import { plural } from '../core/words.ts';
import { type HeadingLevel, html, type Markup } from './draw-html.ts';
import type { Tone } from './draw-marks.ts';
import { clipped, durationText, firstOf, LINE_LENGTH, momentText, usdText } from './draw-words.ts';

/** Runs that are drawn; the rest is counted. */
const RUNS_MAX = 10;
/** Counts that one run shows. */
const COUNTS_MAX = 12;

/** The last runs over tables: how far they are, what they counted, what they took and cost. */
export function drawRuns({ runs }: Overview, level: HeadingLevel): Markup {
  if (runs.length === 0) return html``;
  const { shown, left } = firstOf(runs, RUNS_MAX);
  return html`<section aria-label="Runs over tables"><h${level}>Runs over tables</h${level}>
<ul class="rc-runs">${shown.map(runOf)}</ul>
${left > 0 && html`<p class="rc-dim">${plural(left, 'earlier run')}, not drawn here.</p>`}</section>`;
}

function runOf({
  id,
  kind,
  mode,
  state,
  table,
  progress,
  startedAt,
  durationMs,
  costUsd,
  counts,
}: RunProgress): Markup {
  const { done, of } = progress;
  const part = of > 0 ? Math.min(100, Math.floor((done / of) * 100)) : 0;
  const counted = firstOf(Object.entries(counts), COUNTS_MAX).shown.map(
    ([name, count]) =>
      html`<span>${clipped(name, LINE_LENGTH)} <b>${count.toLocaleString('en-US')}</b></span> `,
  );
  return html`<li><div class="rc-run-head"><span class="rc-name" title="${id}">${table}</span><span>${clipped(`${mode} of ${kind}`, LINE_LENGTH)}</span><span class="rc-outcome rc-c-${toneOf(state)}">${clipped(state, LINE_LENGTH)}</span></div>
<svg class="rc-progress" width="100%" height="8" role="img" aria-label="${done} of ${of} parts done"><rect width="100%" height="8" rx="4" class="rc-track"/><rect width="${part}%" height="8" rx="4" class="rc-fill-${toneOf(state)}"/></svg>
<p class="rc-reached"><span><b>${part} %</b> (${done} of ${of})</span> ${counted}</p>
<p class="rc-dim">${momentText(startedAt)} · ${durationText(durationMs)} · ${usdText(costUsd)}</p></li>`;
}

function toneOf(state: string): Tone {
  if (state === 'failed') return 'bad';
  if (state === 'finished') return 'ok';
  return state === 'running' ? 'moving' : 'unread';
}
