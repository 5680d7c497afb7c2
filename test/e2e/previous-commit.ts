import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PACKAGE_ROOT } from '../../local/package-root.ts';

const run = promisify(execFile);

/** The commit before the one that is checked out; `undefined` without history: in a shallow checkout, or in no repository of its own. */
export function previousCommit(): string | undefined {
  try {
    const options = { cwd: PACKAGE_ROOT, encoding: 'utf8', stdio: 'pipe' } as const;
    const answer = execFileSync('git', ['rev-parse', '--show-cdup', '--verify', 'HEAD^'], options);
    const [wayUp, commit] = answer.split('\n');
    return wayUp === '' && commit ? commit : undefined; // else the repository is one around this package
  } catch {
    return undefined;
  }
}

/** The package as a commit has it, built with the packages that are installed here. */
export class Checkout {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async of(commit: string): Promise<Checkout> {
    const root = await mkdtemp(join(tmpdir(), 'recohere-previous-'));
    const archive = join(root, 'archive.tar');
    await run('git', ['archive', `--output=${archive}`, commit], { cwd: PACKAGE_ROOT });
    await run('tar', ['-xf', archive, '-C', root]);
    await symlink(join(PACKAGE_ROOT, 'node_modules'), join(root, 'node_modules'));
    await run('npm', ['run', '--silent', 'build'], { cwd: root });
    return new Checkout(root);
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true });
  }
}
