import { LEVELS_DAYS, type Overview } from '../contract/overview.ts';
import { OBJECTIVES, type Share, serviceLevels, type Timeliness } from '../core/service-levels.ts';
import { plural } from '../core/words.ts';
import { html, type Markup } from './draw-html.ts';
import { glyph } from './draw-marks.ts';
import { durationText, percentText } from './draw-words.ts';

interface Tile {
  readonly name: string;
  readonly isMet: boolean | null;
  /** `null` where there is nothing to say. */
  readonly value: string | null;
  readonly objective: string;
  /** What it was computed of. */
  readonly of: string;
}

/** What was promised, and what came of it. */
export function drawLevels(overview: Overview): Markup {
  if (overview.subjects.length === 0) return html``;
  const levels = overview.isBrief
    ? html`<p class="rc-dim">There are too many subjects to sum up here: recohere status says it.</p>`
    : html`<ul class="rc-levels">${tilesOf(overview).map(tileOf)}</ul>`;
  return html`<section aria-label="Service levels"><h2>Service levels <small>of the last ${LEVELS_DAYS} days</small></h2>
${levels}</section>`;
}

function tilesOf(overview: Overview): readonly Tile[] {
  const { convergence, propagation, exposure, detection, overdue, rollbacks, completeness } =
    serviceLevels(overview);
  return [
    timelinessTile('Functions agree in time', convergence),
    timelinessTile('Secrets in use in time', propagation),
    {
      name: 'Time in a mixed state',
      isMet: exposure.isMet,
      value: exposure.percent === null ? null : percentText(exposure.percent),
      objective: 'no subject above its own target',
      of: `${exposure.above} of ${plural(exposure.subjects, 'subject')} above`,
    },
    {
      name: 'Time to detect, p95',
      isMet: detection.isMet,
      value: detection.p95Ms === null ? null : durationText(detection.p95Ms),
      objective: `at most ${durationText(OBJECTIVES.detectionMs)}`,
      of: plural(detection.episodes, 'episode'),
    },
    shareTile('Partial deploys', overdue, `below ${OBJECTIVES.overduePercent} %`, 'episodes'),
    shareTile('Rolled back', rollbacks, 'none', 'episodes'),
    shareTile(
      'Read by the last sweep',
      completeness,
      `above ${OBJECTIVES.completenessPercent} %`,
      'replicas',
    ),
  ];
}

function timelinessTile(name: string, { isMet, withinPercent, p95Ms, episodes }: Timeliness): Tile {
  return {
    name,
    isMet,
    value: withinPercent === null ? null : percentText(withinPercent),
    objective: `${OBJECTIVES.withinTargetPercent} % within target`,
    of: `${p95Ms === null ? '' : `p95 ${durationText(p95Ms)}, `}${plural(episodes, 'episode')}`,
  };
}

function shareTile(
  name: string,
  { isMet, percent, count, of }: Share,
  objective: string,
  what: string,
): Tile {
  return {
    name,
    isMet,
    value: percent === null ? null : percentText(percent),
    objective,
    of: `${count.toLocaleString('en-US')} of ${of.toLocaleString('en-US')} ${what}`,
  };
}

function tileOf({ name, isMet, value, objective, of }: Tile): Markup {
  const state =
    isMet === null
      ? undefined
      : isMet
        ? html`<span class="rc-c-ok">${glyph('ok')}met</span>`
        : html`<span class="rc-c-bad">${glyph('failed')}missed</span>`;
  return html`<li><p class="rc-level-name">${name}</p><p class="rc-level-value"><b>${value ?? '–'}</b>${state}</p><p class="rc-dim">${value === null ? 'nothing to say yet' : of}</p><p class="rc-dim">objective: ${objective}</p></li>`;
}
