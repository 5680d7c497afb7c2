import { execSync } from 'node:child_process';

/** Builds `dist` once before the tests that run the command line as a process. */
export function setup(): void {
  execSync('npm run --silent build', { stdio: 'inherit' });
}
