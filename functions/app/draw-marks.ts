import type { EpisodeStatus } from '../contract/overview.ts';
import type { ReplicaWord } from '../core/words.ts';
import { html, type Markup } from './draw-html.ts';

/**
 * What a cell says of one replica: its worst finding in a word, or
 * - `ok`: it agrees.
 * - `untold`: findings of its subject are left out, and one may be of it.
 * - `nowhere`: the subject is not expected there.
 */
export type CellWord = ReplicaWord | 'ok' | 'untold' | 'nowhere';

/** Strokes in a square of 16, told apart without any colour. */
const SHAPES = {
  ok: 'M3 8.5l3.5 3.5L13 4.5',
  differs: 'M3 6h10M3 10h10M10.5 3l-5 10',
  missing: 'M8 2.5a5.5 5.5 0 1 0 .01 0M4.2 11.8l7.6-7.6',
  stale: 'M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.5l2.5 1.5',
  failed: 'M4 4l8 8M12 4l-8 8',
  unread: 'M5.5 5.5a2.5 2.5 0 1 1 3.6 2.3Q8 8.4 8 9.8M8 12.6v.2',
  updating: 'M12.6 6A5 5 0 1 0 13 9M13 2.5V6H9.5',
  untold: 'M3.5 8h.2M8 8h.2M12.5 8h.2',
  nowhere: 'M5.5 8h5',
  warning: 'M8 2.5L14 13.5H2zM8 6.5v3M8 11.5v.2',
  moving: 'M3 8h9M8.5 4.5L12 8l-3.5 3.5',
  back: 'M13 8H4M7.5 4.5L4 8l3.5 3.5',
  replaced: 'M3 5.5h9.5L10 3M13 10.5H3.5L6 13',
  gone: 'M4 4h8v8H4z',
} as const;
type Shape = keyof typeof SHAPES;

/** A shape in the colour of the text beside it, which says the same in words. Drawn each time, since CloudWatch takes `<use>` away. */
export function glyph(shape: Shape): Markup {
  return html`<svg class="rc-g" viewBox="0 0 16 16" aria-hidden="true"><path d="${SHAPES[shape]}"/></svg>`;
}

/** Names of colours, each with a tint behind it. */
export type Tone = 'ok' | 'bad' | 'gone' | 'unread' | 'moving' | 'dim';

export const CELL_TONES: Record<CellWord, Tone> = {
  ok: 'ok',
  differs: 'bad',
  missing: 'gone',
  stale: 'bad',
  failed: 'bad',
  unread: 'unread',
  updating: 'moving',
  untold: 'dim',
  nowhere: 'dim',
};

interface OutcomeLook {
  readonly words: string;
  readonly shape: Shape;
  readonly tone: Tone;
  /** What a bar is filled with, told apart without any colour. */
  readonly pattern: keyof typeof PATTERNS;
}

const PATTERNS = {
  solid: undefined,
  cross: 'M0 0l8 8M8 0l-8 8',
  hatch: 'M-2 2l4-4M0 8l8-8M6 10l4-4',
  dots: 'M2 2h.1M6 6h.1',
  hollow: 'M0 4h8',
} as const;

/** How episodes are drawn by their outcome; `overdue` is what is open and past its deadline. */
export const OUTCOMES = {
  overdue: { words: 'open, overdue', shape: 'warning', tone: 'bad', pattern: 'cross' },
  open: { words: 'open', shape: 'moving', tone: 'moving', pattern: 'solid' },
  forward: { words: 'agreed', shape: 'ok', tone: 'ok', pattern: 'solid' },
  'rolled-back': { words: 'rolled back', shape: 'back', tone: 'gone', pattern: 'hatch' },
  superseded: { words: 'superseded', shape: 'replaced', tone: 'unread', pattern: 'dots' },
  retired: { words: 'retired', shape: 'gone', tone: 'dim', pattern: 'hollow' },
} as const satisfies Record<EpisodeStatus['outcome'] | 'overdue', OutcomeLook>;

export function outcomeOf({ outcome, isOverdue }: EpisodeStatus): keyof typeof OUTCOMES {
  return outcome === 'open' && isOverdue ? 'overdue' : outcome;
}

/** The patterns that {@link fillOf} refers to, once a drawing. */
export function drawPatterns(): Markup {
  const patterns = Object.values(OUTCOMES).map(({ tone, pattern }) => {
    const d = PATTERNS[pattern];
    return (
      d &&
      html`<pattern id="rc-${pattern}" width="8" height="8" patternUnits="userSpaceOnUse"><rect width="8" height="8" class="rc-tint-${tone}"/><path d="${d}" class="rc-ink-${tone}"/></pattern>`
    );
  });
  return html`<svg class="rc-defs" width="0" height="0" aria-hidden="true"><defs>${patterns}</defs></svg>`;
}

/** Attributes that fill a bar. */
export function fillOf(outcome: keyof typeof OUTCOMES): Markup {
  const { tone, pattern } = OUTCOMES[outcome];
  return pattern === 'solid'
    ? html`class="rc-bar rc-fill-${tone}"`
    : html`class="rc-bar rc-edge-${tone}" fill="url(#rc-${pattern})"`;
}
