import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Emulator } from './emulator.ts';
import { healthy } from './healthy.ts';

const run = promisify(execFile);

const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
const VENV = fileURLToPath(new URL('../../.emulator', import.meta.url));
const VENV_PYTHON = `${VENV}/bin/python`;
const INSTALL_TIMEOUT_MS = 300_000;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const OUTPUT_LINES_KEPT = 20;

const CHECK_PYTHON = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))';

/** Ends the emulator's process group when its input closes, which the system does however the test run ends. */
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

/** Starts MiniStack from a Python virtual environment, which it makes first if need be. */
export async function startMiniStack(): Promise<Emulator> {
  await install();
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = spawn(VENV_PYTHON, ['-c', MAIN], {
    detached: true, // a process group of its own, so that the functions that it runs end with it
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      IOT_MTLS_ENABLED: '0',
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
    },
  });
  const lastLines = keepLastLines(child);
  const exited = once(child, 'exit');
  try {
    await healthy(`${endpoint}/_ministack/health`, START_TIMEOUT_MS, () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error('It has ended.');
    });
  } catch (cause) {
    child.kill('SIGKILL');
    throw new Error(`MiniStack did not start; its last lines:\n${lastLines().join('\n')}`, { cause });
  }
  return {
    endpoint,
    async stop() {
      const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      child.stdin.end();
      await exited;
      clearTimeout(kill);
    },
  };
}

/** Makes the virtual environment unless it already holds exactly the wanted versions. */
async function install(): Promise<void> {
  const wanted = (await readFile(REQUIREMENTS, 'utf8')).trim();
  if ((await installed()) === wanted) return;
  await requirePython();
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
      'The tests need an AWS emulator: set AWS_ENDPOINT_URL to one, start a Docker engine, or install Python 3.10 or later with its modules venv and ensurepip (Debian: python3-venv).',
      { cause },
    );
  }
}

function keepLastLines({ stdout, stderr }: ChildProcess): () => readonly string[] {
  let lines: string[] = [];
  for (const stream of [stdout, stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      lines = [...lines, ...text.trimEnd().split('\n')].slice(-OUTPUT_LINES_KEPT);
    });
  }
  return () => lines;
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
