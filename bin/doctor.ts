import pc from 'picocolors';
import { awsInspection } from '../functions/adapters/aws/inspection.ts';
import { reconcileClient } from '../functions/adapters/aws/reconcile-client.ts';
import { RELEASE } from '../functions/contract/release.ts';
import { type AskFlags, configOf, print } from './ask-hub.ts';
import { type Check, examine } from './examine.ts';
import { EXIT, type ExitCode } from './failure.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { plural, type Screen, screenOf, wrapped } from './render.ts';

const PAINT = { ok: 'green', wrong: 'red', unknown: 'yellow' } as const;
const STATES = ['ok', 'wrong', 'unknown'] as const;

/** `recohere doctor`: what would keep Recohere from its work, and what mends it. */
export async function doctor(flags: AskFlags): Promise<ExitCode> {
  const loaded = await configOf(flags);
  const asked = reconcileClient(loaded.config);
  const examined = { loaded, release: RELEASE, inspection: awsInspection(), asked };
  const checks = await withProgress(process.stderr, (show) =>
    examine(examined, (done, of) => show(done, of, `${done}/${of} regions`)),
  );
  if (flags.json) print({ checks });
  else process.stdout.write(renderChecks(checks, screenOf(process.stdout)));
  return exitCodeOfChecks(checks);
}

/** One line a check, with what mends it beneath, then how many there are. */
export function renderChecks(checks: readonly Check[], screen: Screen): string {
  const colors = pc.createColors(screen.colors);
  const lines = checks.flatMap(({ check, place, state, words, fix }) => {
    const said = [check, ...(place ? [place] : []), words].map(printable);
    return [
      wrapped([colors[PAINT[state]](state), ...said].join(' · '), screen),
      ...(fix ? [wrapped(`→ ${printable(fix)}`, screen, '  ')] : []),
    ];
  });
  const counts = STATES.map((state) => `${checks.filter((each) => each.state === state).length} ${state}`);
  return `${[...lines, '', `${plural(checks.length, 'check')}: ${counts.join(', ')}.`].join('\n')}\n`;
}

/** What is wrong before what is not known. */
export function exitCodeOfChecks(checks: readonly Pick<Check, 'state'>[]): ExitCode {
  const has = (state: Check['state']) => checks.some((check) => check.state === state);
  if (has('wrong')) return EXIT.disagreed;
  return has('unknown') ? EXIT.refused : EXIT.agreed;
}
