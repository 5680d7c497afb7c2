import type { Overview } from '../functions/contract/overview.ts';
import { type AskFlags, askedOf, granted, overviewFrom, print } from './ask-hub.ts';
import { EXIT, type ExitCode, exitCodeOfVerdicts } from './failure.ts';
import { screenOf } from './render.ts';
import { renderDiff, renderStatus, SWEEP_STALE_MS } from './render-status.ts';

/** `recohere status`: what is known of all subjects. */
export async function status(flags: AskFlags): Promise<ExitCode> {
  const overview = await overviewFrom(await askedOf(flags));
  if (flags.json) print(overview);
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

/** What is only learnt or silenced counts too: verdicts are facts. So does a sweep that is too old, as something that is not known. */
export function exitCodeOfStatus({ at, subjects, sweep }: Overview): ExitCode {
  const isUnread = sweep === null || sweep.unread.length > 0 || at - sweep.endedAt > SWEEP_STALE_MS;
  const exitCode = exitCodeOfVerdicts(subjects, isUnread);
  return exitCode === EXIT.agreed && subjects.length === 0 ? EXIT.usage : exitCode;
}
