import pc from 'picocolors';
import { clipped, durationText, usdText } from '../functions/app/draw-words.ts';
import type { ParsedConfig } from '../functions/contract/config.ts';
import type { Scenario } from '../functions/contract/names.ts';
import type { Figures, Rehearsed, TargetedFigures } from '../rehearsal/game-day.ts';
import { unselected } from '../rehearsal/stand-ins.ts';
import { printed } from './printable.ts';
import { plainTable, plural, type Screen, wrapped } from './render.ts';

/** What goes wrong, on purpose. */
const PLOTS: Readonly<Record<Scenario, string>> = {
  'bad-deploy': 'deploys, of which two leave a region out and one brings a wrong value',
  'lost-events': 'a day of deploys of whose events a fifth is lost',
  'stuck-replica': 'rotations; a replica stays behind, and a consumer keeps the old version',
  'region-outage': 'a region cannot be reached for an hour, and deploys go on',
  'duplicate-writes': 'tables that were written twice, or have gaps',
};
/** Four times, with what is between them. */
const TIMES_WIDTH = 41;
/** Violations that are shown one by one; the rest is counted. JSON has all. */
const SHOWN = 10;

/** Scenario by scenario: what went wrong, how fast that was seen and told, which alarms went on when, what it took, and what did not hold. */
export function renderRehearsals(
  config: ParsedConfig,
  rehearsals: readonly Rehearsed[],
  seed: number,
  screen: Screen,
): string {
  const places = plural(config.replicas.length, 'place');
  const intro = [
    `A rehearsal in ${places} (seed ${seed}). Functions, secrets and tables are made up; of each group some, so burn rates are higher than with all. Times are since the beginning; repairs are part of a scenario.`,
    ...unselected(config).map(
      (path) => `${path} selects nothing, or nothing that a group before it has not.`,
    ),
  ];
  const parts = rehearsals.map((each) => rehearsalLines(printed(each), screen));
  const broken = rehearsals.reduce((sum, { violations }) => sum + violations.length, 0);
  const checked = new Set(rehearsals.flatMap((each) => each.checked));
  const end =
    broken === 0
      ? `All ${plural(checked.size, 'invariant')} that were checked held.`
      : `${plural(broken, 'violation')} of what must hold: please report it, with config and seed.`;
  return `${[...intro.map((line) => wrapped(line, screen)), ...parts.flatMap((lines) => ['', ...lines]), '', end].join('\n')}\n`;
}

function rehearsalLines(rehearsed: Rehearsed, screen: Screen): string[] {
  const { scenario, skipped, lengthMs, changes, events, eventsLost, learnt, leftOut } = rehearsed;
  const colors = pc.createColors(screen.colors);
  const title = `${colors.bold(scenario)} · ${PLOTS[scenario]}`;
  if (skipped !== null) return [wrapped(title, screen), wrapped(`Nothing to rehearse: ${skipped}.`, screen)];
  const lost = eventsLost > 0 ? `, ${eventsLost} of them lost` : '';
  const what =
    changes === 0
      ? []
      : [
          `${plural(changes, 'change')} in ${durationText(lengthMs)}, told by ${plural(events, 'event')}${lost}`,
        ];
  const quiet = learnt > 0 ? [`${plural(learnt, 'subject')} only learnt: nothing of them alarms`] : [];
  return [
    wrapped(title, screen),
    ...[...what, ...quiet, ...leftOut.map((words) => `Left out: ${words}.`)].map((line) =>
      wrapped(line, screen),
    ),
    ...incidentLines(rehearsed, screen),
    ...figureLines(rehearsed, screen),
    ...alarmLines(rehearsed, screen),
    ...runLines(rehearsed, screen),
    ...costLines(rehearsed, screen),
    ...violationLines(rehearsed, screen),
  ];
}

function incidentLines({ incidents }: Rehearsed, screen: Screen): string[] {
  if (incidents.length === 0) return [];
  const rows = incidents.map((incident) => [
    clipped(
      `${incident.what} · ${incident.subject} · ${incident.replicas.join(', ')}`,
      screen.width - TIMES_WIDTH,
    ),
    durationText(incident.atMs),
    afterText(incident.noticedAfterMs),
    incident.endedAfterMs === null ? 'never' : durationText(incident.endedAfterMs),
    afterText(incident.closedAfterMs),
  ]);
  const head = ['INCIDENT', 'AT', 'NOTICE IN', 'REPAIR IN', 'CLOSED IN'];
  return ['', ...plainTable(head, rows, screen), ''];
}

function figureLines(rehearsed: Rehearsed, screen: Screen): string[] {
  const { changes, detection, convergence, exposure, deadlinesMs } = rehearsed;
  if (changes === 0) return [];
  const open = exposure.left > 0 ? `; ${exposure.left} still open, counted so far` : '';
  return [
    `seen, from the change on, in ${figuresText(detection)}; ${targetText(detection, ', whatever the config says')}`,
    `agreed, from the last change on (a deploy that repairs is one), in ${figuresText(convergence)}; ${targetText(convergence)}; deadline ${durationsText(deadlinesMs)}`,
    `mixed, from the first change on, for ${figuresText(exposure)}${open}`,
  ].map((line) => wrapped(line, screen));
}

function figuresText({ p50Ms, p95Ms, p99Ms }: Figures): string {
  if (p50Ms === null) return 'no time that could be measured';
  const [half, most, nearly] = [p50Ms, p95Ms, p99Ms].map(afterText);
  return `${half} (p50), ${most} (p95), ${nearly} (p99)`;
}

function targetText({ count, left, targetsMs, within }: TargetedFigures, which = ''): string {
  return `target of 95 in 100${which}: ${durationsText(targetsMs)}, met by ${within} of ${count + left}`;
}

function alarmLines({ changes, alarms, notices }: Rehearsed, screen: Screen): string[] {
  const rows = alarms.map(({ name, severity, fromMs, untilMs, notifiedMs }) => [
    name,
    severity,
    durationText(fromMs),
    notifiedMs === null ? 'silenced' : durationText(notifiedMs),
    untilMs === null ? '-' : durationText(untilMs),
  ]);
  if (rows.length === 0) return changes > 0 ? ['no alarm'] : [];
  const counts = ['page', 'ticket', 'pause'].flatMap((what) => {
    const count = notices.filter((each) => each.what === what).length;
    return count > 0 ? [plural(count, what)] : [];
  });
  return [
    '',
    ...plainTable(['ALARM', 'SEVERITY', 'ON AT', 'TELLS AT', 'OFF AT'], rows, screen),
    '',
    ...(counts.length > 0 ? [wrapped(`notices: ${counts.join(', ')}`, screen)] : []),
  ];
}

function runLines({ runs, refusals, usd }: Rehearsed, screen: Screen): string[] {
  if (runs.length === 0) return [];
  const rows = runs.map((run) => [`${run.mode} of ${run.kind} · ${run.table}`, run.state, countsText(run)]);
  return [
    '',
    ...plainTable(['RUN', 'STATE', 'ITEMS'], rows, screen),
    '',
    ...refusals.map(({ table, kind, found }) =>
      wrapped(
        `refused: an apply of ${kind} · ${table} for ${found}, where maxRemovals is ${found - 1}`,
        screen,
      ),
    ),
    `read and write units: ${usdText(usd)}, at list prices`,
  ];
}

function countsText({ duplicates, removed, restored, counts }: Rehearsed['runs'][number]): string {
  const { missing = 0, older = 0, written = 0 } = counts;
  const told = { duplicates, missing, older, removed, written, restored };
  const some = Object.entries(told).filter(([, count]) => count > 0);
  return some.map(([name, count]) => `${count} ${name}`).join(', ') || '-';
}

function costLines({ calls, invocations, usd }: Rehearsed, screen: Screen): string[] {
  const listed = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  if (Object.keys(invocations).length === 0) return [];
  return [
    wrapped(`calls: ${listed(calls)}; invocations: ${listed(invocations)}`, screen),
    wrapped(`${usdText(usd)} for these, their messages, events and writes, at list prices`, screen),
  ];
}

function violationLines({ violations }: Rehearsed, screen: Screen): string[] {
  const colors = pc.createColors(screen.colors);
  const left = violations.length - SHOWN;
  return [
    ...violations
      .slice(0, SHOWN)
      .map(({ invariant, atMs, words }) =>
        wrapped(`${colors.red(`violates ${invariant}`)} at ${durationText(atMs)}: ${words}`, screen),
      ),
    ...(left > 0 ? [`… and ${left} more`] : []),
  ];
}

function afterText(ms: number | null): string {
  return ms === null ? '-' : durationText(ms);
}

function durationsText(all: readonly number[]): string {
  const [least, most] = [all[0], all.at(-1)];
  if (least === undefined || most === undefined) return '-';
  return least === most ? durationText(least) : `${durationText(least)} to ${durationText(most)}`;
}
