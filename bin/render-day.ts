import pc from 'picocolors';
import { type Day, durationText, episodesOf, type Told } from './demo-day.ts';
import { plainTable, type Screen } from './render.ts';

type Paint = (colors: ReturnType<typeof pc.createColors>) => (text: string) => string;

const PAINT: Record<Told['what'], Paint> = {
  deploy: (colors) => colors.dim,
  'by hand': (colors) => colors.dim,
  event: (colors) => colors.dim,
  opened: (colors) => colors.cyan,
  overdue: (colors) => colors.red,
  forward: (colors) => colors.green,
  'rolled-back': (colors) => colors.yellow,
  retired: (colors) => colors.yellow,
};

/** The story of a day, line by line, then its episodes with the times of the field. */
export function renderDay(day: Day, screen: Screen): string {
  const colors = pc.createColors(screen.colors);
  const told = day.story.map(({ at, what, subject, words }) => [
    new Date(at).toISOString().slice(11, 19),
    PAINT[what](colors)(what),
    subject,
    words,
  ]);
  const episodes = episodesOf(day).map(({ subject, outcome, timeToDetectMs, convergenceMs, exposureMs }) => [
    subject,
    outcome === 'open' ? 'still open' : outcome,
    durationText(timeToDetectMs),
    outcome === 'forward' ? durationText(convergenceMs) : '-',
    outcome === 'open' ? '-' : durationText(exposureMs),
  ]);
  const lines = [
    ...plainTable(['TIME', 'WHAT', 'SUBJECT', ''], told, screen),
    '',
    ...plainTable(['SUBJECT', 'EPISODE', 'DETECTED IN', 'CONVERGED IN', 'EXPOSED FOR'], episodes, screen),
  ];
  return `${lines.join('\n')}\n`;
}
