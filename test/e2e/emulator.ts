import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEmulator, useEmulator } from '../../local/emulator.ts';

const LOG_VARIABLE = 'RECOHERE_EMULATOR_LOG';

/**
 * Provides one emulator for all test files: the one that `AWS_ENDPOINT_URL` names, else LocalStack if a Docker engine
 * answers, else MiniStack. Test workers inherit the environment that it makes, which can reach nothing else.
 * @returns the teardown
 */
export async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'recohere-emulator-'));
  const emulator = await findEmulator(process.env.AWS_ENDPOINT_URL, join(folder, 'log'), () => {});
  useEmulator(emulator.endpoint);
  process.env[LOG_VARIABLE] = emulator.logFile ?? '';
  return async () => {
    await emulator.stop();
    await rm(folder, { recursive: true });
  };
}

/**
 * The emulator, as a test sees it.
 * @throws Error outside of a run that {@link setup} prepared
 */
export function emulatorEndpoint(): string {
  const { AWS_ENDPOINT_URL } = process.env;
  if (!AWS_ENDPOINT_URL) throw new Error('Run these tests with npm run e2e, which starts an emulator.');
  return AWS_ENDPOINT_URL;
}

/** What the emulator has printed so far; `undefined` if this run has not started it, or not as a process. */
export async function emulatorLog(): Promise<string | undefined> {
  const file = process.env[LOG_VARIABLE];
  return file ? readFile(file, 'utf8') : undefined;
}
