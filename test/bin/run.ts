import { execFile } from 'node:child_process';
import { resolve } from 'node:path';

/** What a run of the command line left behind. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const COMMAND = resolve('dist/bin/recohere.js');

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
  return new Promise((done) => {
    execFile(process.execPath, [COMMAND, ...args], { cwd, env }, (error, stdout, stderr) => {
      done({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}
