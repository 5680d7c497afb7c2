import type { AskedLook, Reconciling } from '../functions/adapters/aws/reconcile-client.ts';
import { systemClock } from '../functions/adapters/aws/system.ts';
import { SUBJECTS_MAX } from '../functions/contract/requests.ts';
import { type AskFlags, askedOf, granted, print } from './ask-hub.ts';
import { EXIT, type ExitCode, exitCodeOfVerdicts, Failure } from './failure.ts';
import { followLook } from './follow-look.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { listed, plural, screenOf } from './render.ts';
import { renderVerdicts } from './render-status.ts';

export interface VerifyFlags extends AskFlags {
  readonly wait?: boolean;
  /** In seconds. */
  readonly timeout: number;
}

/** `recohere verify`: has subjects looked at now, and says what came of it if it is to wait. */
export async function verify(subjects: readonly string[], flags: VerifyFlags): Promise<ExitCode> {
  const names = [...new Set(subjects)];
  if (names.length > SUBJECTS_MAX) {
    throw new Failure(EXIT.usage, `name ${SUBJECTS_MAX} subjects at most; a sweep looks at all`);
  }
  const asked = await askedOf(flags);
  const look = await granted(() => asked.verify(names));
  if (flags.wait) return waitFor(asked, look, names, flags);
  if (flags.json) print(look);
  else process.stdout.write(`A look at ${plural(names.length, 'subject')} is asked for: recohere status\n`);
  return EXIT.agreed;
}

async function waitFor(
  asked: Reconciling,
  { at }: AskedLook,
  subjects: readonly string[],
  { timeout, json }: VerifyFlags,
): Promise<ExitCode> {
  if (at === undefined) {
    throw new Failure(
      EXIT.usage,
      'the release that is deployed does not say whether it has looked: deploy again, or leave --wait out',
    );
  }
  const waiting = { at, subjects, timeoutMs: timeout * 1000 };
  const { overview, unseen, isSettled } = await withProgress(process.stderr, (show) =>
    granted(() => followLook(asked, systemClock, waiting, show)),
  );
  if (json) print({ at, isSettled, unseen, subjects: overview.subjects });
  else process.stdout.write(renderVerdicts(overview, screenOf(process.stdout)));
  if (unseen.length > 0) {
    const names = printable(listed(unseen));
    process.stderr.write(`recohere: nobody has looked in time at ${names}; what is shown is older\n`);
  } else if (!isSettled) {
    process.stderr.write('recohere: time is up before all have agreed\n');
  }
  return exitCodeOfVerdicts(overview.subjects, unseen.length > 0);
}
