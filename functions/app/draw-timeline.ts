import type { EpisodeStatus, Overview } from '../contract/overview.ts';
import { plural } from '../core/words.ts';
import { type HeadingLevel, html, type Markup } from './draw-html.ts';
import { fillOf, glyph, OUTCOMES, outcomeOf } from './draw-marks.ts';
import { clipped, durationText, firstOf, LINE_LENGTH, momentText } from './draw-words.ts';

/** Episodes that are drawn, each in a lane; the rest is counted. */
const LANES_MAX = 30;
/** Replicas whose moment of agreement one lane names. */
const REACHED_MAX = 20;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** What the axis since a change is marked with, as far as there is room. */
const SINCE = [10_000, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY];
/** What the calendar may be marked with: the first that gives no more marks than there is room for. */
const STEPS = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY];
/** Of the axis since a change: up to here it is nearly even, beyond it every doubling takes the same room. */
const EVEN_MS = 10_000;
/** So that what took a second is seen, in percent of the width. */
const BAR_MIN = 0.6;
/** What begins an episode in the calendar, in percent of the width. */
const MARK_WIDTH = 0.9;

/** A mark on an axis, `at` percent of its width. */
interface Tick {
  readonly at: number;
  readonly text: string;
}

/**
 * The last episodes, when they were and, in one lane each, how long after their change replicas came to agree. The axis of lanes counts
 * from the change and not by the calendar, where a minute of agreement would not be seen beside a day of waiting.
 * @param room How many marks an axis has room for.
 */
export function drawTimeline(
  { at, episodes, subjects }: Overview,
  level: HeadingLevel,
  room: number,
): Markup {
  if (episodes.length === 0) return html``;
  const { shown, left } = firstOf(episodes, LANES_MAX);
  const longestMs = Math.max(MINUTE, ...shown.map((episode) => lastedMs(episode, at)));
  const scale = (ms: number) =>
    percentOf(Math.log1p(Math.max(0, ms) / EVEN_MS), Math.log1p(longestMs / EVEN_MS));
  const ticks = sinceTicks(scale, longestMs, room);
  const targets = new Map(
    subjects.map(({ kind, subject, targets }) => [`${kind} ${subject}`, targets.convergenceMs]),
  );
  const lanes = shown.map((episode) =>
    laneOf(episode, { at, scale, ticks, targetMs: targets.get(`${episode.kind} ${episode.subject}`) }),
  );
  return html`<section aria-label="Last episodes">
<h${level}>Last episodes</h${level}>
${calendarOf(shown, at, room)}
${legendOf(shown)}
<div class="rc-lane"><p class="rc-dim">time since the change</p>${axisOf([{ at: 0, text: '0' }, ...ticks])}</div>
<ol class="rc-lanes">${lanes}</ol>
${left > 0 && html`<p class="rc-dim">${plural(left, 'earlier episode')}, not drawn here.</p>`}
</section>`;
}

function lastedMs({ cause, endedAt }: EpisodeStatus, at: number): number {
  return Math.max(0, (endedAt ?? at) - cause.at);
}

function percentOf(part: number, whole: number): number {
  return Math.min(100, (part / whole) * 100);
}

/** Marks that are not nearer to each other than there is room. */
function sinceTicks(scale: (ms: number) => number, longestMs: number, room: number): Tick[] {
  const ticks: Tick[] = [];
  for (const ms of SINCE.filter((ms) => ms <= longestMs)) {
    const at = scale(ms);
    if (at - (ticks.at(-1)?.at ?? 0) >= 100 / room) ticks.push({ at, text: durationText(ms) });
  }
  return ticks;
}

/** When episodes were, by the calendar. */
function calendarOf(episodes: readonly EpisodeStatus[], at: number, room: number): Markup {
  const from = Math.min(...episodes.map(({ cause }) => cause.at), at - HOUR);
  const scale = (time: number) => percentOf(Math.max(0, time - from), at - from);
  const leastMs = (at - from) / room;
  const stepMs = STEPS.find((step) => step >= leastMs) ?? Math.ceil(leastMs / DAY) * DAY;
  const ticks: Tick[] = [];
  for (let time = Math.ceil(from / stepMs) * stepMs; time <= at; time += stepMs) {
    const isDay = time % DAY === 0;
    ticks.push({ at: scale(time), text: isDay ? dayText(time) : momentText(time).slice(-5) });
  }
  const marks = episodes.map((episode) => {
    const outcome = outcomeOf(episode);
    const x = Math.min(scale(episode.cause.at), 100 - MARK_WIDTH);
    const lasted = Math.max(0, scale(episode.endedAt ?? at) - x);
    return {
      lasting: html`<rect x="${percent(x)}" y="14" width="${percent(lasted)}" height="2" class="rc-fill-${OUTCOMES[outcome].tone}"/>`,
      start: html`<rect x="${percent(x)}" y="6" width="${percent(MARK_WIDTH)}" height="18" rx="2" ${fillOf(outcome)}><title>${titleOf(episode, at)}</title></rect>`,
    };
  });
  return html`<div class="rc-calendar"><svg width="100%" height="30" role="img" aria-label="When they were">${gridOf(ticks, 30)}${marks.map(({ lasting }) => lasting)}${marks.map(({ start }) => start)}</svg>${axisOf(ticks)}</div>`;
}

function dayText(time: number): string {
  return new Date(time).toLocaleDateString('en-US', { month: 'short', day: 'numeric', timeZone: 'UTC' });
}

function legendOf(episodes: readonly EpisodeStatus[]): Markup {
  const outcomes = [...new Set(episodes.map(outcomeOf))].map((outcome) =>
    keyOf(
      html`<rect x="1" y="2" width="20" height="12" rx="2" ${fillOf(outcome)}/>`,
      OUTCOMES[outcome].words,
    ),
  );
  return html`<ul class="rc-counts">${outcomes}${keyOf(html`<rect y="6" width="22" height="4" class="rc-unseen"/>`, 'not seen yet')}${keyOf(reachedMark('11', 8), 'a replica agrees')}${keyOf(lineOf(50, 16, 'target'), 'target')}</ul>`;
}

function keyOf(sample: Markup, words: string): Markup {
  return html`<li><svg width="22" height="16" aria-hidden="true">${sample}</svg>${words}</li>`;
}

interface LaneContext {
  readonly at: number;
  /** Percent of the width, of a time since the change. */
  readonly scale: (ms: number) => number;
  readonly ticks: readonly Tick[];
  /** Of a subject that is still watched. */
  readonly targetMs: number | undefined;
}

/** One episode: what it was in words, its bar with a mark for each replica, and what these marks are. */
function laneOf(episode: EpisodeStatus, context: LaneContext): Markup {
  const { subject, cause, evidence } = episode;
  const { shape, tone } = OUTCOMES[outcomeOf(episode)];
  const grade = evidence === 'unwatched' ? 'consumers not watched' : evidence;
  const reached = [...episode.reached].sort((one, other) => one.at - other.at);
  const { shown, left } = firstOf(reached, REACHED_MAX);
  const moments = shown.map(({ replica, at }) => ({
    replica: clipped(replica, LINE_LENGTH),
    at: context.scale(at - cause.at),
    after: durationText(at - cause.at),
  }));
  const marks = moments.map(
    ({ replica, at, after }) =>
      html`<g><title>${replica} after ${after}</title>${reachedMark(percent(at), 13)}</g>`,
  );
  const names = moments.map(({ replica, after }) => html`<span>${replica} <b>${after}</b></span> `);
  const from = `${momentText(cause.at)} · ${clipped(cause.source, LINE_LENGTH)}`;
  return html`<li class="rc-lane"><div class="rc-lane-head"><span class="rc-name" title="${subject}">${subject}</span>
<span class="rc-outcome rc-c-${tone}">${glyph(shape)}${outcomeText(episode, context.at)}${grade !== null && `, ${grade}`}</span>
<span class="rc-dim" title="${clipped(cause.id, LINE_LENGTH)}">${from}</span></div>
<div>${barOf(episode, context, marks)}<p class="rc-reached">${names}${left > 0 && html`<span>${plural(left, 'more replica')}</span>`}</p></div></li>`;
}

/** From the first change to the last one that joined, from which a target counts; of what is open, nobody can tell yet. */
function joiningMs(episode: EpisodeStatus): number {
  const { endedAt, convergenceMs, cause } = episode;
  return endedAt === null || convergenceMs === null ? 0 : Math.max(0, endedAt - cause.at - convergenceMs);
}

/** Thin until somebody saw it, and thick from then on. */
function barOf(episode: EpisodeStatus, { at, scale, ticks, targetMs }: LaneContext, marks: Markup[]): Markup {
  const seen = Math.min(scale(episode.firstSeenAt - episode.cause.at), 100 - BAR_MIN);
  const width = Math.max(BAR_MIN, scale(lastedMs(episode, at)) - seen);
  const due = scale(joiningMs(episode) + (targetMs ?? 0));
  const target =
    targetMs !== undefined &&
    due < 100 &&
    html`<g><title>target ${durationText(targetMs)} after the last change</title>${lineOf(due, 26, 'target')}</g>`;
  return html`<svg width="100%" height="26" role="img" aria-label="${titleOf(episode, at)}">${gridOf(ticks, 26)}<rect y="11" width="${percent(seen)}" height="4" class="rc-unseen"/><rect x="${percent(seen)}" y="6" width="${percent(width)}" height="14" rx="3" ${fillOf(outcomeOf(episode))}/>${target}${marks}</svg>`;
}

function outcomeText(episode: EpisodeStatus, at: number): string {
  const { words } = OUTCOMES[outcomeOf(episode)];
  return `${words} ${episode.endedAt === null ? 'for' : 'after'} ${durationText(lastedMs(episode, at))}`;
}

function titleOf(episode: EpisodeStatus, at: number): string {
  return `${clipped(episode.subject, LINE_LENGTH)}: ${outcomeText(episode, at)}`;
}

/** The moment at which a replica came to agree. */
function reachedMark(x: string, y: number): Markup {
  return html`<circle cx="${x}" cy="${y}" r="4.5" class="rc-reached-mark"/>`;
}

function lineOf(x: number, height: number, kind: 'grid' | 'target'): Markup {
  return html`<line x1="${percent(x)}" x2="${percent(x)}" y2="${height}" class="rc-${kind}"/>`;
}

function gridOf(ticks: readonly Tick[], height: number): readonly Markup[] {
  return ticks.map(({ at }) => lineOf(at, height, 'grid'));
}

function axisOf(ticks: readonly Tick[]): Markup {
  const texts = ticks.map(({ at, text }) => {
    const anchor = at < 4 ? 'start' : at > 94 ? 'end' : 'middle';
    return html`<text x="${percent(at)}" y="13" text-anchor="${anchor}">${text}</text>`;
  });
  return html`<svg class="rc-axis" width="100%" height="18">${texts}</svg>`;
}

/** A coordinate: positions in percent need no width, so that texts stay as large as they are at any. */
function percent(at: number): string {
  return `${Number(at.toFixed(2))}%`;
}
