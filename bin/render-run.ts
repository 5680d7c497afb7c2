import pc from 'picocolors';
import prettyMilliseconds from 'pretty-ms';
import type {
  ReportedAudit,
  ReportedRun,
  ReportedStatus,
} from '../functions/adapters/aws/reconcile-client.ts';
import { usdText } from '../functions/app/draw-words.ts';
import { REFUSAL_CODES } from '../functions/contract/report.ts';
import { UNIT_PRICES } from '../functions/contract/tables.ts';
import { printed } from './printable.ts';
import { plainTable, plural, type Screen, sentenceOf, wrapped } from './render.ts';

/** Items left alone that are shown by hashes of their keys; the rest is counted. Keys that were asked for are all shown. */
const HASHES_SHOWN = 10;

type State = ReportedRun['state'];
type Phase = ReportedStatus['phase'];

const PAINT: Record<State, (colors: ReturnType<typeof pc.createColors>) => (text: string) => string> = {
  running: (colors) => colors.cyan,
  cancelling: (colors) => colors.yellow,
  cancelled: (colors) => colors.yellow,
  failed: (colors) => colors.red,
  finished: (colors) => colors.green,
};

/** When a run failed is not known. */
const TOOK: Record<State, string | undefined> = {
  running: 'for',
  cancelling: 'for',
  cancelled: 'after',
  failed: undefined,
  finished: 'in',
};

/** What is counted, in the order in which it is shown. */
const COUNTS = {
  scanned: 'were read',
  unkeyed: 'have no dedupe key, or are not asked for',
  equal: 'are the same in source and target',
  newer: 'are newer in the target',
  extra: 'are in the target alone',
  groups: 'sets of copies were found',
  duplicates: 'are copies that an apply would remove',
  missing: 'are not in the target',
  older: 'are older in the target',
  removed: 'were quarantined and removed',
  unconfirmed: 'of these were gone when it was looked again',
  returned: 'were removed and put back at once',
  written: 'were written to the target',
  verified: 'are as they should be, said the check',
  restored: 'were put back as they were',
  retries: 'calls were made again',
} as const;
type Count = keyof typeof COUNTS;

/** What a run is asked for, which is shown if it is 0 too. */
const ASKED: Record<ReportedRun['mode'], Record<ReportedRun['kind'], readonly Count[]>> = {
  'dry-run': { dedupe: ['scanned', 'duplicates'], backfill: ['scanned', 'missing'] },
  apply: { dedupe: ['removed', 'verified'], backfill: ['written', 'verified'] },
  undo: { dedupe: ['restored'], backfill: ['restored'] },
};

const SKIPS: Readonly<Record<string, string>> = {
  BY_MISSING: 'a copy lacks what says which one is older',
  BY_MIXED: 'what says which one is older has several types',
  BY_UNUSABLE: 'what says which one is older has no order',
  TOO_MANY_COPIES: 'more copies than are told apart',
  DIFFERENT: 'it is in the target with other content',
  COLLISION: 'several items make the same item of the target',
  VERSION_UNUSABLE: 'what says which one is newer cannot be used',
  GONE: 'it is not there any more',
  CHANGED: 'it was written to since the dry run',
  KEEPER_GONE: 'the copy that was to stay is no copy any more',
  TRANSFORM_FAILED: 'the transform failed for it',
  REAPPEARED: 'it was removed, and somebody wrote it again',
  KEEPER_LOST: 'the copy that stayed is not there any more',
  NOT_AS_WRITTEN: 'it is not what was written',
  RECREATED: 'somebody wrote another item in its place',
  QUARANTINE_LOST: 'its quarantined copy is gone, or changed',
};

const FAILURES: Readonly<Record<string, string>> = {
  TOO_MANY_ERRORS: 'the transform failed for more items than maxErrors',
  SPILL_LOST: 'what the scan wrote down is not there any more: make a new dry run',
  TABLE_TAKEN: 'another run was changing the table',
  NO_SUCH_TABLE: 'there is no such table',
  NO_SUCH_BUCKET: 'the bucket beside the table is not there',
  BAD_TRANSFORM: 'the transform cannot be loaded, or is no function',
};

const PHASES: Record<Phase, string> = {
  scatter: 'reading',
  gather: 'comparing part',
  apply: 'applying',
  check: 'checking',
  undo: 'putting back',
};

/**
 * Runs that have ended, or how far they are: counts, what was left alone and why, what it took, and what it cost, with the prices that
 * say so.
 */
export function renderReports(
  runs: readonly (ReportedRun & Partial<ReportedStatus>)[],
  screen: Screen,
): string {
  const reports = printed(runs).flatMap((run) => [...reportLines(run, screen), '']);
  return `${[...reports, wrapped(pricesText(), screen)].join('\n')}\n`;
}

function reportLines(run: ReportedRun & Partial<ReportedStatus>, screen: Screen): string[] {
  const colors = pc.createColors(screen.colors);
  const state = PAINT[run.state](colors)(run.state);
  const took = TOOK[run.state];
  const time = took === undefined ? '' : ` ${took} ${durationText(run.durationMs)}`;
  const lines = [
    wrapped(`${colors.bold(`${run.mode} of ${run.kind}`)} · ${run.table} · ${state}${time}`, screen),
    run.id,
    '',
    ...countLines(run, screen),
  ];
  if (run.failure) lines.push('', wrapped(`${colors.red('failed')} · ${failureText(run.failure)}`, screen));
  lines.push(...leftAloneLines(run, screen));
  if (run.estimate) lines.push('', ...estimateLines(run.estimate).map((line) => wrapped(line, screen)));
  const { readUnits, writeUnits, costUsd } = run;
  lines.push(
    '',
    `${unitsText(readUnits)} read and ${unitsText(writeUnits)} write units: ${usdText(costUsd)}`,
  );
  return lines;
}

function countLines(run: ReportedRun, screen: Screen): string[] {
  const { scanned, duplicates, removed, restored, verified } = run;
  const counts: Record<string, number> = { scanned, duplicates, removed, restored, verified, ...run.counts };
  const asked: readonly string[] = ASKED[run.mode][run.kind];
  const names = [...new Set([...Object.keys(COUNTS), ...Object.keys(counts)])];
  const shown = names.filter((name) => (counts[name] ?? 0) > 0 || asked.includes(name));
  return countTable(
    ['COUNT', 'ITEMS', ''],
    shown.map((name) => [name, counts[name] ?? 0, (COUNTS as Readonly<Record<string, string>>)[name] ?? '']),
    screen,
  );
}

function leftAloneLines(
  { skipped, problems, keys }: ReportedRun & Partial<ReportedStatus>,
  screen: Screen,
): string[] {
  const reasons = Object.entries(skipped).filter(([, count]) => count > 0);
  const count = reasons.reduce((sum, [, each]) => sum + each, 0);
  if (count === 0) return [];
  const lines = [
    '',
    ...countTable(
      ['LEFT ALONE', 'ITEMS', ''],
      reasons.map(([reason, each]) => [reason, each, SKIPS[reason] ?? '']),
      screen,
    ),
  ];
  const named = keys ?? problems.slice(0, HASHES_SHOWN);
  if (named.length === 0) return lines;
  const rows = named.map(({ reason, key }) => [reason, key]);
  lines.push('', ...plainTable(['REASON', keys ? 'KEY' : 'KEY, HASHED'], rows, screen));
  if (count > named.length) lines.push(`… and ${(count - named.length).toLocaleString('en-US')} more`);
  return lines;
}

/** Numbers end in line. */
function countTable(
  head: readonly [string, string, string],
  rows: readonly (readonly [string, number, string])[],
  screen: Screen,
): string[] {
  const texts = rows.map(([, count]) => count.toLocaleString('en-US'));
  const width = Math.max(head[1].length, ...texts.map(({ length }) => length));
  return plainTable(
    [head[0], head[1].padStart(width), head[2]],
    rows.map(([name, , words], position) => [name, (texts[position] ?? '').padStart(width), words]),
    screen,
  );
}

function estimateLines({ share, items, readUnits, costUsd, duplicates }: Estimate): string[] {
  const whole = [
    plural(items, 'item'),
    ...(duplicates
      ? [
          `${duplicates.likely.toLocaleString('en-US')} copies (${duplicates.least.toLocaleString('en-US')} to ${duplicates.most.toLocaleString('en-US')} with 95 %)`,
        ]
      : []),
    `${unitsText(readUnits)} read units`,
    usdText(costUsd),
  ];
  return [`${percent(share)} of the table was read. The whole is thought to have ${whole.join(', ')}.`];
}
type Estimate = NonNullable<ReportedRun['estimate']>;

/** What costs are computed with. */
function pricesText(): string {
  const perMillion = (price: number) => `${Number((price * 1_000_000).toPrecision(6))} USD`;
  const { readUsd, writeUsd } = UNIT_PRICES;
  return `Costs are those of on-demand tables by the list prices of us-east-1: ${perMillion(readUsd)} for a million read units, ${perMillion(writeUsd)} for a million write units.`;
}

/** Why a run could not go on. */
function failureText({ code, permission }: NonNullable<ReportedRun['failure']>): string {
  const refusal = REFUSAL_CODES.find((each) => each === code);
  if (refusal) return sentenceOf({ code: refusal, ...(permission !== undefined && { permission }) });
  return FAILURES[code] === undefined ? code : `${FAILURES[code]} (${code})`;
}

/** Runs, one in a line, where they fit; ids are never cut, since other commands want them whole. */
export function renderRuns(told: readonly ReportedRun[], screen: Screen): string {
  const runs = printed(told);
  if (runs.length === 0) return 'There are no runs yet.\n';
  const colors = pc.createColors(screen.colors);
  const rows = runs.map((run) => [run.id, run.state, resultText(run)] as const);
  const [ids = 0, states = 0, results = 0] = [0, 1, 2].map((at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  if (ids + states + results + 4 > screen.width) {
    return rows.map(([id, state, result]) => `${id}\n  ${PAINT[state](colors)(state)} ${result}\n`).join('');
  }
  const painted = rows.map(([id, state, result]) => [id, PAINT[state](colors)(state), result]);
  return `${plainTable(['RUN', 'STATE', 'RESULT'], painted, screen).join('\n')}\n`;
}

function resultText(run: ReportedRun): string {
  if (run.failure) return run.failure.code;
  const { written = 0, missing = 0, older = 0 } = run.counts;
  const count = (number: number, word: string) => `${number.toLocaleString('en-US')} ${word}`;
  switch (run.mode) {
    case 'dry-run':
      return count(run.duplicates + missing + older, 'found');
    case 'apply':
      return run.kind === 'dedupe' ? count(run.removed, 'removed') : count(written, 'written');
    case 'undo':
      return count(run.restored, 'put back');
  }
}

/** Whether the proofs of a run are whole. */
export function renderAudit(audit: ReportedAudit, screen: Screen): string {
  const colors = pc.createColors(screen.colors);
  const { run, proofs, items, isQuarantineRead, isRootSame, breaks } = printed(audit);
  const lines = [`${plural(proofs, 'proof')} of ${plural(items, 'item')} in the chains of ${run}`];
  if (breaks.length > 0) {
    const rows = breaks.map(({ phase, index, number, why }) => [phase, String(index), String(number), why]);
    lines.push('', ...plainTable(['PHASE', 'CHAIN', 'PROOF', ''], rows, screen), '');
  } else {
    lines.push(colors.green('No link is missing, and none was changed.'));
  }
  lines.push(
    isRootSame === null
      ? 'The run has not ended, so that there is no root to compare with.'
      : isRootSame
        ? colors.green('The root is the one that the run ended with.')
        : colors.red('The root is not the one that the run ended with.'),
    isQuarantineRead ? 'What is quarantined was compared with its proofs.' : 'Nothing is quarantined for it.',
  );
  return `${lines.map((line) => wrapped(line, screen)).join('\n')}\n`;
}

/** How far a run is, in the words beside a bar. @param perSecond Of this phase; 0 if that is not known. */
export function progressText(run: ReportedStatus, perSecond: number): string {
  const { done, of } = run.progress;
  const whole = (number: number) => Math.round(number).toLocaleString('en-US');
  const written = run.writeUnits > 0 ? `, ${whole(run.writeUnits)} write` : '';
  // how many items a scan will find is only thought to be, and nobody knows it once there are more
  const ofAll = run.phase === 'scatter' && of <= done ? '' : `/${whole(of)}`;
  return [
    run.state === 'cancelling' ? 'cancelling' : `${PHASES[run.phase]} ${whole(done)}${ofAll}`,
    ...(perSecond > 0 ? [`${whole(perSecond)}/s`] : []),
    `${whole(run.readUnits)} read${written} units`,
    ...(perSecond > 0 && of > done ? [`${durationText(((of - done) / perSecond) * 1000)} left`] : []),
  ].join(' · ');
}

/**
 * A command to copy, in several lines if the screen is narrow.
 * @param parts Each in one line.
 */
export function commandText(parts: readonly string[], screen: Screen): string {
  const whole = `  ${parts.join(' ')}`;
  if (whole.length <= screen.width) return whole;
  return `  ${parts.join(' \\\n    ')}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

function unitsText(units: number): string {
  return units.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

function durationText(ms: number): string {
  return ms < 1000 ? 'less than 1s' : prettyMilliseconds(Math.round(ms / 1000) * 1000);
}
