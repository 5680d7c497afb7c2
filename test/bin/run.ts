import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The built command line. */
export const COMMAND = fileURLToPath(new URL('../../dist/bin/recohere.js', import.meta.url));
const RUN_TIMEOUT_MS = 50_000;

/** How a run of the command line ended. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where the SDK finds no credentials and asks nobody for any. */
const NO_CREDENTIALS = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  AWS_EC2_METADATA_DISABLED: 'true',
};

/** Runs the built command line as a process of its own. */
export function run(
  args: readonly string[],
  { cwd, env = NO_CREDENTIALS }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Run> {
  const options = { cwd, env, timeout: RUN_TIMEOUT_MS };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [COMMAND, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(error); // it did not start, or was ended by a signal
    });
  });
}
