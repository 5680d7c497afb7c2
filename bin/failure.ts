/** Exit codes of every command; `defect` is for what must not happen. */
export const EXIT = { agreed: 0, disagreed: 1, usage: 2, refused: 3, defect: 70 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with words for the user and no stack. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
