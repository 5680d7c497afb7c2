import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { Emulator } from './emulator.ts';
import { healthy } from './healthy.ts';

const run = promisify(execFile);

/** The last image that needs no token. */
const IMAGE = 'localstack/localstack:4.14.0';
const COMMAND_TIMEOUT_MS = 60_000;
const PULL_TIMEOUT_MS = 600_000;
const START_TIMEOUT_MS = 120_000;
/** LocalStack removes the containers of its functions while it stops. */
const STOP_SECONDS = 20;

/** Starts LocalStack in a container; `undefined` if no Docker engine answers. */
export async function startLocalStack(): Promise<Emulator | undefined> {
  if (!(await engineAnswers())) return undefined;
  await docker(['pull', '--quiet', IMAGE], PULL_TIMEOUT_MS);
  const { stdout } = await docker([
    'run',
    '--detach',
    '--publish=127.0.0.1::4566', // Docker chooses a free port
    '--volume=/var/run/docker.sock:/var/run/docker.sock', // functions run in containers next to it
    IMAGE,
  ]);
  const container = stdout.trim();
  const removeNow = () => {
    spawnSync('docker', ['rm', '--force', '--volumes', container]);
  };
  process.once('exit', removeNow); // an interrupted run has no teardown
  try {
    const endpoint = `http://${await publishedAt(container)}`;
    await healthy(`${endpoint}/_localstack/health`, START_TIMEOUT_MS, () => {});
    return {
      name: 'LocalStack',
      endpoint,
      isOurs: true,
      async stop() {
        await docker(['stop', `--time=${STOP_SECONDS}`, container]);
        removeNow();
        process.off('exit', removeNow);
      },
    };
  } catch (cause) {
    const { stdout: log, stderr } = await docker(['logs', '--tail=20', container]);
    removeNow();
    process.off('exit', removeNow);
    throw new Error(`LocalStack did not start; its last lines:\n${log}${stderr}`, { cause });
  }
}

function docker(args: readonly string[], timeoutMs = COMMAND_TIMEOUT_MS) {
  return run('docker', args, { timeout: timeoutMs, encoding: 'utf8' });
}

async function engineAnswers(): Promise<boolean> {
  try {
    await docker(['info']);
    return true;
  } catch {
    return false;
  }
}

/** `127.0.0.1:49153` */
async function publishedAt(container: string): Promise<string> {
  const { stdout } = await docker(['port', container, '4566/tcp']);
  const [address] = stdout.trim().split('\n');
  if (!address) throw new Error('Docker published no port for LocalStack.');
  return address;
}
