import pMap from 'p-map';
import type { ParsedConfig } from '../contract/config.ts';
import type { RunRequest } from '../contract/requests.ts';
import { RecohereError } from '../core/errors.ts';
import { OBJECT_NAMES, type Run, type Skip } from '../core/run.ts';
import { type RunReport, reportOf } from '../core/run-report.ts';
import { type Audit, audit } from './audit.ts';
import { planOf } from './plan-entries.ts';
import { type NewRun, newRun, planApply, planDryRun, planUndo, undoOf } from './plan-run.ts';
import type { RunPorts } from './run-ports.ts';
import { progressOf } from './run-progress.ts';
import { allSegmentsOf, changeRun, existingRun, forgotten, hasEnded, holderOf, summed } from './run-state.ts';

/** What the entry needs besides. */
export interface ReconcilePorts extends RunPorts {
  /** Starts an execution of a run; harmless if it is there already. */
  readonly start: (run: string, attempt: number) => Promise<void>;
}

/** How far a run is, and its report as far as it goes. */
export interface RunStatus extends RunReport {
  readonly phase: Run['phase'];
  /** Of this phase: items, or entries of a plan, or partitions. The last is thought to be, of a scan. */
  readonly progress: { readonly done: number; readonly of: number };
  /** Items that were left alone, if their keys were asked for. */
  readonly keys?: readonly { readonly reason: Skip; readonly key: string }[];
}

/** Objects that are erased at the same time. */
const REMOVALS_AT_ONCE = 16;
/** Requests for one run, and steps of it, that one request may cross. */
const RACES_MAX = 10;
/** Keys that one answer names: it has 6 MB at most. */
const KEYS_MAX = 10_000;

/**
 * Does what is asked, or says why not. What was asked for twice is done once.
 * @returns What can be said as JSON.
 * @throws RecohereError with the reason
 */
export async function reconcile(
  ports: ReconcilePorts,
  config: ParsedConfig,
  request: RunRequest,
): Promise<RunStatus | { readonly runs: readonly RunReport[] } | Audit | object> {
  switch (request.kind) {
    case 'dedupe':
    case 'backfill': {
      const plan = request.mode === 'apply' ? planApply : planDryRun;
      return begin(ports, await plan(ports, config, request));
    }
    case 'undo':
      return begin(ports, await planUndo(ports, request.run));
    case 'cancel':
      return again(ports, request.run, cancelling);
    case 'resume':
      return again(ports, request.run, resumed);
    case 'forget':
      return forget(ports, request.run);
    case 'status':
      return status(ports, await existingRun(ports, request.run), request.showKeys);
    case 'runs':
      return { runs: await reports(ports, request.limit) };
    case 'audit':
      return audit(ports, request.run);
  }
}

/** Remembers a run, unless it is remembered already, and has it started. */
async function begin(ports: ReconcilePorts, planned: NewRun): Promise<RunStatus> {
  const known = await ports.ledger.readRun(planned.id);
  if (known?.failure?.code === 'TABLE_TAKEN') return again(ports, planned.id, resumed);
  const run = known ?? newRun(ports, planned);
  // first of all, so that whoever has taken a table is remembered; if somebody else was faster, it is the same run
  if (known === undefined) await ports.ledger.swapRun(run);
  if (run.state === 'running') {
    await takeTable(ports, run);
    await ports.start(run.id, run.attempt);
  }
  return status(ports, run, false);
}

/**
 * Starts another execution of a run, which finds out what is left to do. A run that has ended well stays as it is. What is written is
 * the attempt that has taken the table: whoever crosses another request begins anew.
 */
async function again(ports: ReconcilePorts, id: string, change: (run: Run) => Run): Promise<RunStatus> {
  for (let races = 0; races < RACES_MAX; races++) {
    const before = await existingRun(ports, id);
    if (before.state === 'finished' && races > 0) return status(ports, before, false);
    if (before.state === 'finished')
      throw new RecohereError('ENDED', 'the run has finished, so there is nothing to cancel or resume');
    const isToUndo = change === resumed && before.mode === 'undo';
    const undone = isToUndo ? await existingRun(ports, planOf(before)) : undefined;
    if (before.isForgotten || undone?.isForgotten) throw forgotten();
    const { version, attempt } = before;
    const run = { ...change(before), version: version + 1, attempt: attempt + 1 };
    await takeTable(ports, run, version);
    // not before, for an undo has to take the table too
    if (change === resumed && hasEnded(before) && (await ports.ledger.readRun(undoOf(id)))) {
      // the table stays taken, for a request that crosses this one may have taken it as the same attempt: whoever wants it finds out
      throw new RecohereError(
        'UNDONE',
        'an undo of the run was asked for: resume that one, or make a new dry run',
      );
    }
    if (!(await ports.ledger.swapRun(run))) continue;
    await ports.start(run.id, run.attempt);
    return status(ports, run, false);
  }
  throw new RecohereError('CONTENDED', `${RACES_MAX} requests for this run have crossed: ask again`, {
    retryable: true,
  });
}

/** A run that is to stop. One that has stopped already stays as it is. */
function cancelling(run: Run): Run {
  return run.state === 'running' || run.state === 'failed' ? { ...unended(run), state: 'cancelling' } : run;
}

/** A run that goes on where it ended too early. */
function resumed(run: Run): Run {
  return run.state === 'cancelled' || run.state === 'failed' ? { ...unended(run), state: 'running' } : run;
}

/** Without what is said of a run that is over. */
function unended({ failure, endedAt, tally, problems, proofRoot, ...run }: Run): Run {
  return run;
}

/**
 * Makes sure that no other run changes the same table. One that has ended and died before it let go of the table holds nothing any
 * more. Each attempt takes the table anew, so that whoever lets go of an older one lets go of nothing.
 * @throws RecohereError `TABLE_TAKEN`
 */
async function takeTable(ports: RunPorts, run: Run, version = run.version): Promise<void> {
  const { ledger } = ports;
  const { id, changes } = run;
  if (changes === undefined) return;
  const own = holderOf(run);
  // its own attempt before this one loses the table to it, in the same write
  let insteadOf = holderOf({ id, attempt: run.attempt - 1 });
  let other = id;
  for (let takes = 0; takes < RACES_MAX; takes++) {
    const holder = await ledger.takeTable(changes, own, insteadOf);
    if (holder === own) return;
    const { attempt, ...held } = ofHolder(holder);
    other = held.id;
    if (other === id && attempt > run.attempt) return; // a request that crossed this one
    if (other !== id && !(await hasLeft(ports, other, attempt))) break;
    insteadOf = holder;
  }
  const failure = { code: 'TABLE_TAKEN' };
  await changeRun(ports, id, (now) =>
    now.version === version && now.state === 'running' ? { ...now, state: 'failed', failure } : undefined,
  );
  throw new RecohereError(
    'TABLE_TAKEN',
    `the run ${other} is changing this table: let it end, or cancel it`,
    {
      context: { run: other },
    },
  );
}

/**
 * Erases all items that a run has quarantined, all keys that were written down for it, and what makes hashes of keys. Its proofs stay
 * valid. If it is interrupted, it goes on where it is asked for again.
 */
async function forget(ports: ReconcilePorts, id: string): Promise<RunStatus> {
  const run = await existingRun(ports, id);
  if (run.mode !== 'apply')
    throw new RecohereError('NOTHING_KEPT', 'only an apply has removed something: name one');
  await atRest(ports, run); // first without the mark: what is refused here has changed nothing
  let isFirst = false;
  const { run: marked } = await changeRun(ports, id, (now) => {
    if (!hasEnded(now)) throw notEnded(now);
    isFirst = !now.isForgotten;
    return { ...now, isForgotten: true };
  });
  // no worker begins to put back any more; one that began before is of an undo that is not over, or has left a ghost
  const all = await atRest(ports, run).catch(async (error: unknown) => {
    // nothing is erased, and it is as it was, unless somebody else forgets it too, and has marked it since
    const { isForgotten: _, ...unmarked } = marked;
    if (isFirst) await ports.ledger.swapRun({ ...unmarked, version: marked.version + 1 });
    throw error;
  });
  for (const each of all) await changeRun(ports, each.id, (now) => ({ ...now, salt: '' }));
  const objects = ports.objects(run.table);
  for (const prefix of [OBJECT_NAMES.quarantineOf(id), ...all.map((each) => OBJECT_NAMES.of(each.id))]) {
    await pMap(objects.list(prefix), (name) => objects.remove(name), { concurrency: REMOVALS_AT_ONCE });
  }
  return status(ports, await existingRun(ports, id), false);
}

/**
 * An apply, its dry run and its undo.
 * @throws RecohereError `NOT_ENDED` if one of them may still write: retryable if time alone helps
 */
async function atRest(ports: RunPorts, applied: Run): Promise<readonly Run[]> {
  const undo = await ports.ledger.readRun(undoOf(applied.id));
  const all = [
    await existingRun(ports, applied.id),
    await existingRun(ports, planOf(applied)),
    ...(undo ? [undo] : []),
  ];
  const other = all.find((each) => !hasEnded(each));
  if (other) throw notEnded(other);
  const segments = await Promise.all(all.map((each) => allSegmentsOf(ports, each)));
  if (segments.flat().some(({ ghostUntil }) => ghostUntil > ports.clock.now())) {
    throw new RecohereError('NOT_ENDED', 'a worker of the run may still write: ask again in 15 minutes', {
      retryable: true,
    });
  }
  return all;
}

function notEnded({ id }: Run): RecohereError {
  return new RecohereError('NOT_ENDED', `the run ${id} has not ended: let it end, or cancel it`, {
    context: { run: id },
  });
}

async function reports({ ledger, clock }: RunPorts, limit: number): Promise<readonly RunReport[]> {
  const runs = await Promise.all((await ledger.runs(limit)).map((id) => ledger.readRun(id)));
  return runs.flatMap((run) => (run ? [reportOf(run, clock.now())] : []));
}

/** How far a run is, from what is remembered of its pieces. */
async function status(ports: RunPorts, run: Run, showKeys: boolean): Promise<RunStatus> {
  const all = await allSegmentsOf(ports, run);
  const tally = run.tally ?? summed(all).tally;
  const current = all.filter(({ phase }) => phase === run.phase);
  return {
    ...reportOf(run, ports.clock.now(), tally),
    phase: run.phase,
    progress: progressOf(run, current),
    ...(showKeys && { keys: await keysOf(ports, run) }),
  };
}

async function keysOf(ports: RunPorts, run: Run): Promise<NonNullable<RunStatus['keys']>> {
  const objects = ports.objects(run.table);
  // a worker that died may have named what the next one names again
  const keys = new Map<string, { reason: Skip; key: string }>();
  for await (const name of objects.list(OBJECT_NAMES.problems(run.id))) {
    const content = await objects.read(name);
    for (const line of content?.toString().split('\n') ?? []) {
      const [reason, key] = JSON.parse(line) as [Skip, string];
      keys.set(line, { reason, key });
      if (keys.size === KEYS_MAX) return [...keys.values()];
    }
  }
  return [...keys.values()];
}

/**
 * Whether an attempt of a run holds nothing any more. Somebody may be about to resume it: whoever took the table for that has crossed
 * this, and begins anew with another attempt.
 */
async function hasLeft(ports: RunPorts, id: string, attempt: number): Promise<boolean> {
  if ((await ports.ledger.readRun(id)) === undefined) return false;
  const { isChanged } = await changeRun(ports, id, (now) =>
    hasEnded(now) ? { ...now, attempt: Math.max(now.attempt, attempt) } : undefined,
  );
  return isChanged;
}

/** The run of which an attempt has taken a table, and which. */
function ofHolder(holder: string): Pick<Run, 'id' | 'attempt'> {
  const end = holder.lastIndexOf('.');
  return { id: holder.slice(0, end), attempt: Number(holder.slice(end + 1)) };
}
