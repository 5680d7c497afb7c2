import pc from 'picocolors';
import { type Day, durationText, type Told } from './demo-day.ts';
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
export function renderDay({ story, closed, open }: Day, screen: Screen): string {
  const colors = pc.createColors(screen.colors);
  const told = story.map(({ at, what, subject, words }) => [
    new Date(at).toISOString().slice(11, 19),
    PAINT[what](colors)(what),
    subject,
    words,
  ]);
  const ended = closed.map((episode) => [
    episode.subject,
    episode.outcome,
    durationText(episode.timeToDetectMs),
    episode.outcome === 'forward' ? durationText(episode.convergenceMs) : '-',
    durationText(episode.exposureMs),
  ]);
  const lasting = open.flatMap((state) =>
    state.open
      ? [[state.subject, 'still open', durationText(state.open.firstSeenAt - state.open.cause.at), '-', '-']]
      : [],
  );
  const lines = [
    ...plainTable(['TIME', 'WHAT', 'SUBJECT', ''], told, screen),
    '',
    ...plainTable(
      ['SUBJECT', 'EPISODE', 'DETECTED IN', 'CONVERGED IN', 'EXPOSED FOR'],
      [...ended, ...lasting],
      screen,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
