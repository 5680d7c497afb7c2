import type { Verdict } from '../functions/contract/report.ts';

/** Exit codes of every command; `defect` is for what must not happen. */
export const EXIT = { agreed: 0, disagreed: 1, usage: 2, refused: 3, defect: 70 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * What verdicts come to. A known difference before what could not be read: it is a fact, whatever else is not known.
 * @param isUnread Whether something could not be read that no verdict speaks of.
 */
export function exitCodeOfVerdicts(
  subjects: readonly { readonly verdict: Verdict }[],
  isUnread: boolean,
): ExitCode {
  const has = (...verdicts: Verdict[]) => subjects.some(({ verdict }) => verdicts.includes(verdict));
  if (has('diverged', 'converging')) return EXIT.disagreed;
  return isUnread || has('unobservable') ? EXIT.refused : EXIT.agreed;
}

/** Ends a command with words for the user and no stack. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
