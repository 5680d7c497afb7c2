import { startLocalStack } from './localstack.ts';
import { startMiniStack } from './ministack.ts';

/** An AWS emulator on loopback. */
export interface Emulator {
  readonly name: string;
  readonly endpoint: string;
  /** Whether it was started here, and ends with {@link stop}; else it was there already, and stays. */
  readonly isOurs: boolean;
  /** What it and the functions in it print, if it is in a file. */
  readonly logFile?: string;
  stop(): Promise<void>;
}

/** The account of every emulator. */
export const EMULATED_ACCOUNT = '000000000000';

const AWS_HOSTS = /(^|\.)(amazonaws\.com(\.cn)?|api\.aws|amazonaws\.[a-z.]+)$/i;

/**
 * The emulator that `AWS_ENDPOINT_URL` names, else LocalStack if a Docker engine answers, else MiniStack.
 * @param given `AWS_ENDPOINT_URL`
 * @param logFile Where MiniStack is to write what it prints.
 * @param tell Called with what takes longer than usual, in words.
 */
export async function findEmulator(
  given: string | undefined,
  logFile: string,
  tell: (words: string) => void,
): Promise<Emulator> {
  if (given === undefined || given === '') return (await startLocalStack()) ?? startMiniStack(logFile, tell);
  const endpoint = requireEmulator(given);
  return { name: 'the emulator of AWS_ENDPOINT_URL', endpoint, isOurs: false, stop: async () => {} };
}

/**
 * The endpoint, if it is one.
 * @throws Error if it is none, or AWS's own
 */
export function requireEmulator(endpoint: string | undefined): string {
  if (!endpoint || !URL.canParse(endpoint))
    throw new Error('AWS_ENDPOINT_URL does not name an AWS emulator.');
  if (AWS_HOSTS.test(new URL(endpoint).hostname)) {
    throw new Error('AWS_ENDPOINT_URL names AWS itself, where functions would be created and deleted.');
  }
  return endpoint;
}

/** What makes the SDK and the CDK talk to an emulator, as environment variables. */
export function emulatorEnvironment(endpoint: string): Readonly<Record<string, string>> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIALOCALSTACK0', // not 12 digits: that would be taken as an account
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_CONFIG_FILE: '/nonexistent',
    AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', // the package says on which Node it runs
  };
}

/** From here on this process, and every process that it starts, can reach that emulator and no AWS. */
export function useEmulator(endpoint: string): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, emulatorEnvironment(endpoint));
}
