import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Run, run } from '../bin/run.ts';

/** An empty folder in which the command line runs, away from any config and profile but those put there. */
export class Folder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Folder> {
    return new Folder(await mkdtemp(join(tmpdir(), 'recohere-e2e-')));
  }

  write(name: string, text: string): Promise<void> {
    return writeFile(join(this.path, name), text);
  }

  read(name: string): Promise<string> {
    return readFile(join(this.path, name), 'utf8');
  }

  async makeFolder(name: string): Promise<void> {
    await mkdir(join(this.path, name));
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true });
  }

  /**
   * Runs `recohere` with these arguments and the emulator's environment.
   * @param change Variables to set, or to unset with `undefined`.
   */
  recohere(args: readonly string[], change: Readonly<Record<string, string | undefined>> = {}): Promise<Run> {
    const aws = Object.entries(process.env).filter(([name]) => name.startsWith('AWS_'));
    const env = { PATH: process.env.PATH, HOME: this.path, ...Object.fromEntries(aws), ...change };
    return run(args, { cwd: this.path, env });
  }
}
