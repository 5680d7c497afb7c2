import { SWEEP_LATE_MS, serviceLevels } from '../functions/app/service-levels.ts';
import type { Overview, SweepStatus } from '../functions/contract/overview.ts';
import { type AskFlags, askedOf, granted, overviewFrom, print } from './ask-hub.ts';
import { EXIT, type ExitCode, exitCodeOfVerdicts } from './failure.ts';
import { screenOf } from './render.ts';
import { renderDiff, renderStatus } from './render-status.ts';

/** `recohere status`: what is known of all subjects, and how far what was promised is kept. */
export async function status(flags: AskFlags): Promise<ExitCode> {
  const overview = await overviewFrom(await askedOf(flags));
  if (flags.json) print({ ...overview, levels: serviceLevels(overview) });
  else process.stdout.write(renderStatus(overview, screenOf(process.stdout)));
  return exitCodeOfStatus(overview);
}

/** `recohere diff`: which keys of a subject differ where, since when, and because of what. */
export async function diff(subject: string, flags: AskFlags): Promise<ExitCode> {
  const asked = await askedOf(flags);
  const overview = await granted(() => asked.overviewOf([subject]));
  if (flags.json) print(overview);
  else process.stdout.write(renderDiff(overview, screenOf(process.stdout)));
  return exitCodeOfVerdicts(overview.subjects, false);
}

/** What is only learnt or silenced counts too: verdicts are facts. So does a sweep that is late, or has not read all, as something that is not known. */
export function exitCodeOfStatus({ at, subjects, sweep }: Overview): ExitCode {
  const exitCode = exitCodeOfVerdicts(subjects, sweep === null || !isWhole(sweep, at));
  return exitCode === EXIT.agreed && subjects.length === 0 ? EXIT.usage : exitCode;
}

function isWhole({ endedAt, expected, read, left, unread }: SweepStatus, at: number): boolean {
  return at - endedAt <= SWEEP_LATE_MS && read >= expected && left === 0 && unread.length === 0;
}
