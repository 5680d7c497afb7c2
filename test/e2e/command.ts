import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../dist/bin/recohere.js', import.meta.url));
const RUN_TIMEOUT_MS = 50_000;

/** How a run of the command line ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An empty folder in which the command line runs, away from any config and profile but those put there. */
export class Folder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Folder> {
    return new Folder(await mkdtemp(join(tmpdir(), 'recohere-e2e-')));
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.path, name), text);
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true });
  }

  /**
   * Runs `recohere` with these arguments and the emulator's environment.
   * @param change Variables to set, or to unset with `undefined`.
   */
  recohere(
    args: readonly string[],
    change: Readonly<Record<string, string | undefined>> = {},
  ): Promise<Ended> {
    const aws = Object.entries(process.env).filter(([name]) => name.startsWith('AWS_'));
    const env = { PATH: process.env.PATH, HOME: this.path, ...Object.fromEntries(aws), ...change };
    const options = { cwd: this.path, env, timeout: RUN_TIMEOUT_MS };
    return new Promise((resolve, reject) => {
      execFile(process.execPath, [PROGRAM, ...args], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === 'number') resolve({ code, stdout, stderr });
        else reject(error); // it did not start, or was ended by a signal
      });
    });
  }
}
