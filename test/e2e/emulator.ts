import { startLocalStack } from './localstack.ts';
import { startMiniStack } from './ministack.ts';

/** An AWS emulator on loopback. */
export interface Emulator {
  readonly endpoint: string;
  stop(): Promise<void>;
}

const AWS_HOSTS = /(^|\.)(amazonaws\.com(\.cn)?|api\.aws|amazonaws\.[a-z.]+)$/i;

/**
 * Provides one emulator for all test files: the one that `AWS_ENDPOINT_URL` names, else LocalStack if a Docker engine
 * answers, else MiniStack. Test workers inherit the environment that it makes, which can reach nothing else.
 * @returns the teardown
 */
export async function setup(): Promise<() => Promise<void>> {
  const emulator = await findEmulator(process.env.AWS_ENDPOINT_URL);
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: emulator.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIALOCALSTACK0', // not 12 digits: that would be taken as an account
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_CONFIG_FILE: '/nonexistent',
    AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
  return () => emulator.stop();
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

async function findEmulator(given: string | undefined): Promise<Emulator> {
  if (given === undefined || given === '') return (await startLocalStack()) ?? startMiniStack();
  if (AWS_HOSTS.test(new URL(given).hostname)) {
    throw new Error('AWS_ENDPOINT_URL names AWS itself, and these tests create and delete functions.');
  }
  return { endpoint: given, stop: async () => {} };
}
