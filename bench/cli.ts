import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compare, type Measured } from './measure.ts';

/** The start of the built command line, compared with a start of Node that runs nothing. */
export function measureCli(): Measured {
  const program = fileURLToPath(new URL('../bin/recohere.js', import.meta.url));
  const { ratio, micros } = compare(
    () => start(program, '--version'),
    () => start('-e', '0'),
    { rounds: 25, warmUps: 3, runs: 1 },
  );
  return { values: { startRatio: ratio, startMillis: micros / 1000 }, aims: { startRatio: 4 } };
}

/** @throws if the process does not end well */
function start(...args: string[]): void {
  execFileSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
