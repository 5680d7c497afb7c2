import type { Overview, SubjectStatus } from '../contract/overview.ts';
import type { Verdict } from '../contract/report.ts';
import { SWEEP_LATE_MS } from '../core/service-levels.ts';
import { listed, plural, sentenceOf } from '../core/words.ts';
import { html, type Markup } from './draw-html.ts';
import { glyph, type Tone } from './draw-marks.ts';
import { clipped, durationText, firstOf, LINE_LENGTH } from './draw-words.ts';

const REPLICAS_SHOWN = 10;

/** Verdicts as they are drawn, the worst first. */
export const VERDICT_TONES = {
  diverged: 'bad',
  converging: 'moving',
  unobservable: 'unread',
  agreed: 'ok',
} as const satisfies Record<Verdict, Tone>;

/** How many subjects have each verdict that any has. */
export function countsOf(subjects: readonly Pick<SubjectStatus, 'verdict'>[]) {
  return Object.entries(VERDICT_TONES)
    .map(([verdict, tone]) => ({
      verdict,
      tone,
      count: subjects.filter((subject) => subject.verdict === verdict).length,
    }))
    .filter(({ count }) => count > 0);
}

/** How many subjects agree, what is wrong with the others, what the last sweep said, and why not to rely on it. */
export function drawHeadline(overview: Overview): Markup {
  const { subjects } = overview;
  const counts = countsOf(subjects);
  const agreed = counts.find(({ verdict }) => verdict === 'agreed')?.count ?? 0;
  const warnings = warningsOf(overview);
  const shares = counts.map(
    ({ tone, count }) => html`<i class="rc-dot-${tone}" style="flex-grow:${count}"></i>`,
  );
  const legend = counts.map(
    ({ verdict, tone, count }) =>
      html`<li><i class="rc-dot-${tone}"></i><b>${count.toLocaleString('en-US')}</b> ${verdict}</li>`,
  );
  return html`<section class="rc-headline" aria-label="At a glance">
<p class="rc-lead">${leadOf(agreed, subjects.length)}</p>
<p class="rc-dim">${sweepText(overview)}</p>
${shares.length > 0 && html`<div class="rc-share" aria-hidden="true">${shares}</div><ul class="rc-counts">${legend}</ul>`}
${
  warnings.length > 0 &&
  html`<ul class="rc-warnings">${warnings.map((text) => html`<li>${glyph('warning')}<span>${clipped(text, LINE_LENGTH)}</span></li>`)}</ul>`
}
</section>`;
}

function leadOf(agreed: number, all: number): Markup {
  if (all === 0) return html`Nothing is watched yet`;
  if (agreed === all) return html`All <b>${plural(all, 'subject')}</b> agree`;
  return html`<b>${agreed.toLocaleString('en-US')}</b> of ${plural(all, 'subject')} agree`;
}

function sweepText({ at, sweep }: Overview): string {
  if (sweep === null) return 'There was no sweep yet.';
  const { startedAt, endedAt, read, expected } = sweep;
  const took = durationText(endedAt - startedAt);
  return `The last sweep ended ${durationText(at - endedAt)} ago: it read ${read.toLocaleString('en-US')} of ${plural(expected, 'replica')} in ${took}.`;
}

function warningsOf({ at, sweep }: Overview): string[] {
  if (sweep === null) return ['No sweep has come to its end: what no event told of is not known.'];
  const { endedAt, unread, unreadSubjects, left } = sweep;
  const warnings: string[] = [];
  if (at - endedAt > SWEEP_LATE_MS) {
    warnings.push(
      `The last sweep ended ${durationText(at - endedAt)} ago, and is late: what no event told of since is not known.`,
    );
  }
  const { shown, left: more } = firstOf(unread, REPLICAS_SHOWN);
  for (const { replica, refusal } of shown) {
    warnings.push(`${replica} could not be read: ${sentenceOf(refusal)}.`);
  }
  if (more > 0) warnings.push(`${plural(more, 'more replica')} could not be read.`);
  if (unreadSubjects.length > 0) {
    warnings.push(`Not read in all their replicas: ${listed(unreadSubjects)}.`);
  }
  if (left > 0) warnings.push(`${plural(left, 'subject')} left for the next sweep, since time was up.`);
  return warnings;
}
