import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process that was started, and the first line that it said, which is JSON. */
export interface Child {
  readonly said: unknown;
  readonly process: ChildProcess;
}

/**
 * Starts a module of this folder as a process, and waits until it says something.
 * @throws if it ends before
 */
export async function startChild(module: URL, ...args: readonly string[]): Promise<Child> {
  const child = spawn(process.execPath, [module.pathname, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const line of createInterface(child.stdout)) return { said: JSON.parse(line), process: child };
  throw new Error(`${module.pathname} ended and said nothing`);
}
