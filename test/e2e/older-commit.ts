import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PARTS, type Part } from '../../functions/contract/deployment.ts';
import { PACKAGE_ROOT } from '../../local/package-root.ts';

const run = promisify(execFile);

/** Commits that are tried at most: some change what no bundle has, such as comments, and some no longer build with the packages of today. */
const TRIES_MAX = 6;

/**
 * The commits before those that last changed `functions`, newest first; none without history: in a shallow checkout, or in no
 * repository of its own.
 */
export function olderCommits(): readonly string[] {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: PACKAGE_ROOT, encoding: 'utf8', stdio: 'pipe' });
  try {
    if (git('rev-parse', '--show-cdup').trim() !== '') return []; // the repository is one around this package
    const parents = git('log', '--first-parent', '--format=%P', `-${TRIES_MAX}`, '--', 'functions');
    return parents.split('\n').flatMap((line) => line.split(' ')[0] || []);
  } catch {
    return [];
  }
}

/** The package as a commit has it, built with the packages that are installed here. */
export class Checkout {
  readonly commit: string;
  readonly root: string;
  /** The functions whose bundle is another in this tree. */
  readonly changed: readonly Part[];

  private constructor(commit: string, root: string, changed: readonly Part[]) {
    this.commit = commit;
    this.root = root;
    this.changed = changed;
  }

  /** The first of some commits that builds, and of which a function is another in this tree. @throws if there is none */
  static async ofOther(commits: readonly string[]): Promise<Checkout> {
    const reasons: unknown[] = [];
    for (const commit of commits) {
      const root = await mkdtemp(join(tmpdir(), 'recohere-older-'));
      try {
        await build(commit, root);
        const changed = await changedIn(root);
        if (changed.length > 0) return new Checkout(commit, root, changed);
        reasons.push(`${commit}: no function is another`);
      } catch (error) {
        reasons.push(error);
      }
      await rm(root, { recursive: true });
    }
    throw new AggregateError(reasons, 'there is no older commit to upgrade from');
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true });
  }
}

async function build(commit: string, root: string): Promise<void> {
  const archive = join(root, 'archive.tar');
  await run('git', ['archive', `--output=${archive}`, commit], { cwd: PACKAGE_ROOT });
  await run('tar', ['-xf', archive, '-C', root]);
  await symlink(join(PACKAGE_ROOT, 'node_modules'), join(root, 'node_modules'));
  await run('npm', ['run', '--silent', 'build'], { cwd: root });
}

async function changedIn(root: string): Promise<Part[]> {
  const bundleOf = (of: string, part: Part) =>
    readFile(join(of, 'dist/handlers', part, 'index.mjs'), 'utf8').catch(() => 'not there yet');
  const changed: Part[] = [];
  for (const part of PARTS) {
    if ((await bundleOf(root, part)) !== (await bundleOf(PACKAGE_ROOT, part))) changed.push(part);
  }
  return changed;
}
