import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Emulator } from './emulator.ts';
import { healthy } from './healthy.ts';
import { PACKAGE_ROOT } from './package-root.ts';

const run = promisify(execFile);

const REQUIREMENTS = join(PACKAGE_ROOT, 'local/requirements.txt');
const VENV = join(PACKAGE_ROOT, '.emulator/venv');
const VENV_PYTHON = join(VENV, 'bin/python');
const INSTALL_TIMEOUT_MS = 300_000;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const LOG_LINES_TOLD = 20;

const CHECK_PYTHON = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))';

/** Ends the emulator's process group when its input closes, which the system does however our own process ends. */
const MAIN = `
import os, signal, sys, threading
def end_with_input():
    while os.read(0, 1024):
        pass
    os.killpg(os.getpgrp(), signal.SIGTERM)
threading.Thread(target=end_with_input, daemon=True).start()
sys.argv = ['ministack']
from ministack.app import main
main()
`;

/**
 * Starts MiniStack from a Python virtual environment, which it makes first if need be.
 * @param logFile Where it writes what it and its functions print.
 * @param tell Called before a long installation.
 */
export async function startMiniStack(logFile: string, tell: (words: string) => void): Promise<Emulator> {
  await install(tell);
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const log = await open(logFile, 'w');
  const child = spawn(VENV_PYTHON, ['-c', MAIN], {
    detached: true, // a process group of its own, so that the functions that it runs end with it
    stdio: ['pipe', log.fd, log.fd],
    env: {
      PATH: process.env.PATH,
      IOT_MTLS_ENABLED: '0',
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
    },
  });
  const exited = once(child, 'exit');
  await log.close();
  try {
    await healthy(`${endpoint}/_ministack/health`, START_TIMEOUT_MS, () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error('It has ended.');
    });
  } catch (cause) {
    killGroup(child.pid);
    const lastLines = (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-LOG_LINES_TOLD);
    throw new Error(`MiniStack did not start; its last lines:\n${lastLines.join('\n')}`, { cause });
  }
  return {
    name: 'MiniStack',
    endpoint,
    isOurs: true,
    logFile,
    async stop() {
      const kill = setTimeout(() => killGroup(child.pid), STOP_TIMEOUT_MS);
      child.stdin?.end();
      await exited;
      clearTimeout(kill);
      killGroup(child.pid); // functions that were slower to end
    },
  };
}

function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL');
  } catch {
    // nothing of it is left
  }
}

/** Makes the virtual environment unless it already holds exactly the wanted versions. */
async function install(tell: (words: string) => void): Promise<void> {
  const wanted = (await readFile(REQUIREMENTS, 'utf8')).trim();
  if ((await installed()) === wanted) return;
  await requirePython();
  tell('installing MiniStack into .emulator, once');
  await rm(VENV, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', VENV], { timeout: INSTALL_TIMEOUT_MS });
  await run(
    VENV_PYTHON,
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', REQUIREMENTS],
    { timeout: INSTALL_TIMEOUT_MS },
  );
}

/** What the virtual environment holds, as `pip freeze` says; `undefined` if there is none that works. */
async function installed(): Promise<string | undefined> {
  try {
    const { stdout } = await run(VENV_PYTHON, ['-m', 'pip', 'freeze', '--disable-pip-version-check']);
    return stdout.trim();
  } catch {
    return undefined;
  }
}

async function requirePython(): Promise<void> {
  try {
    await run('python3', ['-c', CHECK_PYTHON]);
  } catch (cause) {
    throw new Error(
      'An AWS emulator is needed: set AWS_ENDPOINT_URL to one, start a Docker engine, or install Python 3.10 or later with its modules venv and ensurepip (Debian: python3-venv).',
      { cause },
    );
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return address.port;
}
