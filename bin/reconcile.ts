import {
  type Reconciling,
  type ReportedRun,
  type ReportedStatus,
  reconcileClient,
  whyNot,
} from '../functions/adapters/aws/reconcile-client.ts';
import { systemClock, systemRandom } from '../functions/adapters/aws/system.ts';
import { tableOf, timeToken } from '../functions/app/plan-run.ts';
import { QUARANTINE } from '../functions/contract/deployment.ts';
import type { Hazard } from '../functions/contract/names.ts';
import type { WrittenRequest } from '../functions/contract/requests.ts';
import type { RunKind } from '../functions/contract/tables.ts';
import { type AskFlags, askedOf, configOf, failureOf, granted, type Loaded, print } from './ask-hub.ts';
import { EXIT, type ExitCode, Failure } from './failure.ts';
import { followRun, isAtWork } from './follow-run.ts';
import { withProgress } from './progress.ts';
import { screenOf } from './render.ts';
import { commandText, renderAudit, renderReports, renderRuns } from './render-run.ts';

/** Flags of the commands that start something. */
export interface StartFlags extends AskFlags {
  /** `false` for `--no-wait`. */
  readonly wait: boolean;
  readonly showKeys?: boolean;
}

export interface ReconcileFlags extends StartFlags {
  readonly dedupe?: boolean;
  readonly backfill?: boolean;
  readonly apply?: boolean;
  readonly plan?: string;
  readonly count?: number;
  readonly acknowledge?: readonly Hazard[];
  /** Above 0 and below 1. */
  readonly sample?: number;
  readonly region?: string;
  readonly account?: string;
  readonly token?: string;
  /** In this process, with the caller's own credentials. */
  readonly here?: boolean;
}

/** How a run is waited for and told of. */
interface Telling extends StartFlags {
  /** What is said after the report. */
  readonly next: (run: ReportedStatus) => readonly string[];
  /** Whether nothing is left of the run once this process has ended. */
  readonly isHere?: boolean;
  /** Whether the run was to be cancelled. */
  readonly isCancelled?: boolean;
  readonly onSignal?: () => void;
}

/** `recohere reconcile`: a dry run, or the apply of one. */
export async function reconcileTable(table: string, flags: ReconcileFlags): Promise<ExitCode> {
  const request = requestOf(table, flags);
  const loaded = await configOf(flags);
  requireTable(loaded, request);
  if (!flags.here) {
    const asked = reconcileClient(loaded.config);
    return telling(asked, () => asked.run(request), { ...flags, next: (run) => afterRun(run, flags) });
  }
  const { dryRunHere } = await import('./reconcile-here.ts');
  const here = await granted(() => dryRunHere(loaded.config, request));
  try {
    const next = (run: ReportedStatus) => afterRunHere(run, flags);
    const how = { ...flags, isHere: true, onSignal: here.close, next };
    return await telling(here, () => here.run(request), how);
  } finally {
    here.close();
  }
}

/** `recohere undo`, `cancel` and `resume`. */
export async function steerRun(
  kind: 'undo' | 'cancel' | 'resume',
  run: string,
  flags: StartFlags,
): Promise<ExitCode> {
  const asked = await askedOf(flags);
  const next = (now: ReportedStatus) => afterRun(now, flags);
  return telling(asked, () => asked.run({ kind, run }), { ...flags, isCancelled: kind === 'cancel', next });
}

/** `recohere forget`: erases what a run has quarantined. */
export async function forgetRun(
  run: string,
  flags: AskFlags & { readonly yes?: boolean },
): Promise<ExitCode> {
  if (!flags.yes) {
    throw new Failure(
      EXIT.usage,
      `forget erases for ever what ${run} has removed, so that no undo can put it back: say --yes if that is meant`,
    );
  }
  const asked = await askedOf(flags);
  const forgotten = await granted(() => asked.run({ kind: 'forget', run }));
  if (flags.json) print(forgotten);
  else process.stdout.write(`What ${forgotten.id} has removed is erased. Its proofs stay valid.\n`);
  return EXIT.agreed;
}

/** `recohere runs`: the newest runs. */
export async function listRuns({
  limit,
  ...flags
}: AskFlags & { readonly limit: number }): Promise<ExitCode> {
  const asked = await askedOf(flags);
  const runs = await granted(() => asked.runs(limit));
  if (flags.json) print({ runs });
  else process.stdout.write(renderRuns(runs, screenOf(process.stdout)));
  return EXIT.agreed;
}

/** `recohere runs RUN`: one of them, as far as it is. */
export async function showRun(
  run: string,
  flags: AskFlags & { readonly showKeys?: boolean },
): Promise<ExitCode> {
  const asked = await askedOf(flags);
  const { showKeys = false } = flags;
  const status = await granted(() => asked.run({ kind: 'status', run, showKeys }));
  tell(status, { json: flags.json ?? false, next: (now) => afterRun(now, flags) });
  return exitCodeOfRun(status);
}

/** `recohere audit`: whether the proofs of a run are whole. */
export async function auditRun(run: string, flags: AskFlags): Promise<ExitCode> {
  const asked = await askedOf(flags);
  const audit = await granted(() => asked.audit(run));
  if (flags.json) print(audit);
  else process.stdout.write(renderAudit(audit, screenOf(process.stdout)));
  return audit.breaks.length > 0 || audit.isRootSame === false ? EXIT.disagreed : EXIT.agreed;
}

/** A dry run that found nothing is 0; so is a run that goes on, of which nothing is known yet. */
export function exitCodeOfRun(run: ReportedRun, isCancelled = false): ExitCode {
  if (isAtWork(run)) return EXIT.agreed;
  if (run.state === 'cancelled') return isCancelled ? EXIT.agreed : EXIT.disagreed;
  const { returned = 0 } = run.counts;
  const isLeft = returned > 0 || Object.values(run.skipped).some((count) => count > 0);
  return run.state === 'failed' || isLeft || entriesOf(run) > 0 ? EXIT.disagreed : EXIT.agreed;
}

/** Has something begun, waits until it has ended, and tells of it. */
async function telling(
  asked: Pick<Reconciling, 'run'>,
  begin: () => Promise<ReportedStatus>,
  how: Telling,
): Promise<ExitCode> {
  const begun = await granted(begin);
  const ended = how.wait ? await waitFor(asked, begun, how) : begun;
  tell(ended, how);
  return exitCodeOfRun(ended, how.isCancelled);
}

function waitFor(
  asked: Pick<Reconciling, 'run'>,
  begun: ReportedStatus,
  { showKeys = false, isHere, onSignal = () => {}, ...flags }: Telling,
): Promise<ReportedStatus> {
  const goesOn = isHere ? [] : goingOn(begun.id, flags);
  return withProgress(
    process.stderr,
    async (show) => {
      try {
        const ended = await followRun(asked, systemClock, begun, show);
        return showKeys ? await asked.run({ kind: 'status', run: ended.id, showKeys }) : ended;
      } catch (error) {
        const failure = failureOf(error);
        if (!(failure instanceof Failure)) throw failure;
        throw new Failure(failure.exitCode, [failure.message, ...goesOn].join('\n'));
      }
    },
    () => {
      onSignal();
      process.stderr.write(goesOn.map((line) => `${line}\n`).join(''));
    },
  );
}

function tell(run: ReportedStatus, { json = false, next }: Pick<Telling, 'json' | 'next'>): void {
  if (json) {
    print(run);
    return;
  }
  process.stdout.write(renderReports([run], screenOf(process.stdout)));
  const lines = next(run);
  if (lines.length > 0) process.stdout.write(`\n${lines.join('\n')}\n`);
}

/** What may be done next, with the commands that do it. */
function afterRun(run: ReportedStatus, flags: ReconcileFlags | AskFlags): readonly string[] {
  const { id, kind, mode, state } = run;
  const on = (words: string, ...command: string[]) => [words, commandLine(flags, command)];
  if (isAtWork(run)) return goingOn(id, flags);
  if (state === 'failed') return on('When the reason is gone, go on with it:', `recohere resume ${id}`);
  const isUndoable = kind === 'dedupe' && mode === 'apply' && run.removed > 0;
  const undo = isUndoable
    ? on(`For ${QUARANTINE.days} days, what was removed can be put back:`, `recohere undo ${id}`)
    : [];
  if (state === 'cancelled') return [...on('Go on with it:', `recohere resume ${id}`), ...undo];
  if (mode !== 'dry-run' || entriesOf(run) === 0) return undo;
  const table = tableWords(run, flags);
  if (run.estimate) return on('A sample cannot be applied. Read the whole table:', table);
  const meant = ['--apply', `--plan ${id}`, `--count ${entriesOf(run)}`];
  return on(
    kind === 'dedupe' ? 'Nothing was changed. Remove the copies:' : 'Nothing was changed. Write the items:',
    `${table} ${meant[0]}`,
    ...meant.slice(1),
  );
}

function afterRunHere(run: ReportedStatus, flags: ReconcileFlags): readonly string[] {
  if (run.state !== 'finished' || entriesOf(run) === 0) return [];
  const words = 'Nothing was changed. To apply it, deploy, and make the dry run there:';
  return [words, commandLine(flags, [tableWords(run, flags)])];
}

function goingOn(id: string, flags: AskFlags): readonly string[] {
  return [
    'The run goes on. See how far it is, or cancel it:',
    commandLine(flags, [`recohere runs ${id}`]),
    commandLine(flags, [`recohere cancel ${id}`]),
  ];
}

/** The command that a run of a table begins with. */
function tableWords({ kind, table }: ReportedRun, flags: ReconcileFlags | AskFlags): string {
  const { region, account } = { region: undefined, account: undefined, ...flags };
  const where = `${region ? ` --region ${region}` : ''}${account ? ` --account ${account}` : ''}`;
  return `recohere reconcile ${table} --${kind}${where}`;
}

/** A command as it is typed again, with the config of this one. */
export function commandLine({ config }: AskFlags, command: readonly string[]): string {
  const parts = [...command, ...(config === undefined ? [] : [`--config ${quoted(config)}`])];
  return commandText(parts, screenOf(process.stdout));
}

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Items that an apply of a dry run would remove or write. */
function entriesOf({ mode, duplicates, counts: { missing = 0, older = 0 } }: ReportedRun): number {
  return mode === 'dry-run' ? duplicates + missing + older : 0;
}

/** What is asked for. @throws Failure `usage` if flags do not go together */
function requestOf(table: string, flags: ReconcileFlags) {
  const misused = (words: string) => new Failure(EXIT.usage, words);
  const { dedupe, backfill, apply, here, plan, count, acknowledge, sample, region, account, token } = flags;
  if (!dedupe && !backfill) throw misused('say what to look for: --dedupe or --backfill');
  if (apply && here) {
    throw misused(
      'an apply is not made here: what it removes belongs into quarantine beside the table, which npx cdk deploy --all makes',
    );
  }
  if (apply && (plan === undefined || count === undefined)) {
    throw misused(
      'an apply names the dry run that it applies, and how many items that found: --plan ID --count N',
    );
  }
  if (!apply && (plan !== undefined || count !== undefined || acknowledge !== undefined)) {
    throw misused('--plan, --count and --acknowledge are of an apply: say --apply if that is meant');
  }
  const kind: RunKind = dedupe ? 'dedupe' : 'backfill';
  const where = { ...(region !== undefined && { region }), ...(account !== undefined && { account }) };
  if (apply) {
    return {
      kind,
      table,
      ...where,
      mode: 'apply' as const,
      plan,
      count,
      acknowledge: [...(acknowledge ?? [])],
    };
  }
  // a question whose answer is lost is asked again, and is not to start a second run
  return {
    kind,
    table,
    ...where,
    ...(sample !== undefined && { sample }),
    token: token ?? timeToken({ clock: systemClock, random: systemRandom }),
  };
}

/** @throws Failure `usage` if the config does not have exactly one such table */
function requireTable(
  { path, config }: Loaded,
  request: Extract<WrittenRequest, { readonly table: string }>,
): void {
  try {
    tableOf(config, request);
  } catch (error) {
    const why = whyNot(error);
    if (why?.code !== 'NO_SUCH_TABLE') throw failureOf(error);
    const named = config.tables.map(
      ({ name, region = config.hub.region, account }) =>
        `${name} in ${account ? `${account}/` : ''}${region}`,
    );
    const has = named.length === 0 ? 'it names none' : `it names ${named.join(', ')}`;
    throw new Failure(EXIT.usage, `${path} does not name this table; ${has}`);
  }
}
