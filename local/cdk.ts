import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { EMULATED_ACCOUNT } from './emulator.ts';
import { PACKAGE_ROOT } from './package-root.ts';

const COMMAND = createRequire(import.meta.url).resolve('aws-cdk/bin/cdk');

const TIMEOUT_MS = 150_000;
const OUTPUT_LINES_TOLD = 30;

export interface CdkOptions {
  /** Where the CDK keeps what it remembers of accounts, and what it synthesizes: a place of its own for each emulator. */
  readonly folder: string;
  /** Config of Recohere. */
  readonly config: string;
  /** The package whose stacks they are, built. @default this one */
  readonly root?: string;
  /** Ends the run. @default nothing does */
  readonly signal?: AbortSignal;
}

/** Makes what the CDK needs of its own in each region. Doing it twice changes nothing. */
export function bootstrap(options: CdkOptions, regions: readonly string[]): Promise<string> {
  return cdk(options, ['bootstrap', ...regions.map((region) => `aws://${EMULATED_ACCOUNT}/${region}`)]);
}

/** All stacks but the monitoring, which no emulator can make: it has composite alarms, and alarms over several metrics. */
export const EMULATED_STACKS = 'Recohere/!(monitoring)';

/** Deploys, or deploys again, the stacks of the config, one after the other. The build must have run. */
export function deployStacks(options: CdkOptions): Promise<string> {
  return cdk(options, ['deploy', EMULATED_STACKS, contextOf(options)]);
}

/** Makes the templates of the config, and deploys nothing yet. */
export function synthesizeStacks(options: CdkOptions): Promise<string> {
  return cdk(options, ['synth', '--quiet', contextOf(options)]);
}

/** Deploys what {@link synthesizeStacks} has made. */
export function deploySynthesized(options: CdkOptions): Promise<string> {
  return cdk(options, ['deploy', EMULATED_STACKS, `--app=${outputOf(options.folder)}`]);
}

function contextOf({ config }: CdkOptions): string {
  return `--context=config=${config}`;
}

function outputOf(folder: string): string {
  return join(folder, 'cdk.out');
}

/**
 * The CDK's own settings, as environment variables. The app is run as it is built, where `cdk.json` would build it first.
 * @param folder As in {@link CdkOptions}, as is `root`.
 */
export function cdkEnvironment(folder: string, root = PACKAGE_ROOT): Readonly<Record<string, string>> {
  return {
    CDK_HOME: folder,
    CDK_APP: `node "${join(root, 'dist/bin/app.js')}"`,
    CDK_OUTPUT: outputOf(folder),
    CDK_REQUIRE_APPROVAL: 'never',
    CDK_METHOD: 'direct', // the CDK deletes its old change set first, and MiniStack refuses if there is none
    CDK_NOTICES: 'false',
    CDK_DISABLE_CLI_TELEMETRY: 'true',
  };
}

/**
 * Runs the CDK's command line against the emulator of the environment.
 * @returns All that it printed.
 * @throws Error with its last lines
 */
function cdk({ folder, root = PACKAGE_ROOT, signal }: CdkOptions, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [COMMAND, ...args, '--no-color'], {
    cwd: root, // where `cdk.json` is
    env: { ...process.env, ...cdkEnvironment(folder, root) },
    detached: true, // a process group of its own, so that the app that it runs ends with it
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    } catch {
      // it has ended by itself
    }
  };
  const timeout = setTimeout(end, TIMEOUT_MS);
  signal?.addEventListener('abort', end);
  return new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) return resolve(output);
      const lastLines = output.trimEnd().split('\n').slice(-OUTPUT_LINES_TOLD).join('\n');
      reject(new Error(`cdk ${args[0]} failed; its last lines:\n${lastLines}`));
    });
  }).finally(() => {
    clearTimeout(timeout);
    signal?.removeEventListener('abort', end);
  });
}
