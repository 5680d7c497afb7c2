import pc from 'picocolors';
import type { HopState } from '../functions/contract/report.ts';
import { durationText, episodesOf, type Played, type Told } from './demo-stage.ts';
import { plainTable, type Screen } from './render.ts';

type Paint = (colors: ReturnType<typeof pc.createColors>) => (text: string) => string;

const PAINT: Record<Told['what'], Paint> = {
  deploy: (colors) => colors.dim,
  rotation: (colors) => colors.dim,
  'by hand': (colors) => colors.dim,
  event: (colors) => colors.dim,
  opened: (colors) => colors.cyan,
  overdue: (colors) => colors.red,
  notice: (colors) => colors.magenta,
  forward: (colors) => colors.green,
  'rolled-back': (colors) => colors.yellow,
  superseded: (colors) => colors.yellow,
  retired: (colors) => colors.yellow,
};

const HOP_PAINT: Record<HopState, Paint> = {
  agreed: (colors) => colors.green,
  converging: (colors) => colors.cyan,
  stuck: (colors) => colors.red,
  missing: (colors) => colors.red,
  failed: (colors) => colors.red,
  unobservable: (colors) => colors.yellow,
  unwatched: (colors) => colors.dim,
};

/** The story of a day, line by line, then its episodes with the times of the field, then rotations hop by hop. */
export function renderDay(day: Played, screen: Screen): string {
  const colors = pc.createColors(screen.colors);
  const told = day.story.map(({ at, what, subject, words }) => [
    new Date(at).toISOString().slice(11, 19),
    PAINT[what](colors)(what),
    subject,
    words,
  ]);
  const all = episodesOf(day);
  const episodes = all.map(({ subject, outcome, timeToDetectMs, convergenceMs, exposureMs, evidence }) => [
    subject,
    outcome === 'open' ? 'still open' : outcome === 'forward' && evidence ? `forward, ${evidence}` : outcome,
    durationText(timeToDetectMs),
    outcome === 'forward' ? durationText(convergenceMs) : '-',
    outcome === 'open' ? '-' : durationText(exposureMs),
  ]);
  const hops = all.flatMap(({ subject, hops = [] }) =>
    hops
      .filter(({ state, replica }) => state !== 'unwatched' || replica === hops[0]?.replica)
      .map(({ hop, replica, consumer, ms, state, evidence }) => [
        subject,
        String(hop),
        state === 'unwatched' ? 'consumers' : consumer === undefined ? replica : `${consumer} in ${replica}`,
        HOP_PAINT[state](colors)(state),
        ms === null ? '-' : durationText(ms),
        evidence ?? '-',
      ]),
  );
  const lines = [
    ...plainTable(['TIME', 'WHAT', 'SUBJECT', ''], told, screen),
    '',
    ...plainTable(['SUBJECT', 'EPISODE', 'DETECTED IN', 'CONVERGED IN', 'EXPOSED FOR'], episodes, screen),
    '',
    ...plainTable(['ROTATION', 'HOP', 'WHERE', 'STATE', 'AFTER', 'EVIDENCE'], hops, screen),
  ];
  return `${lines.join('\n')}\n`;
}
