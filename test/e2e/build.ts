import { execSync } from 'node:child_process';

/** Builds what `npm run local` runs, once before the tests. */
export function setup(): void {
  execSync('npx tsc -p local', { stdio: 'inherit' });
}
