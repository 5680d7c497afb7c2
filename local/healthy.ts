import { setTimeout } from 'node:timers/promises';

const ASK_EVERY_MS = 100;
const ANSWER_TIMEOUT_MS = 5_000;

/**
 * Waits until a URL answers 2xx.
 * @param check Called before each try; throws to end the wait early.
 * @throws Error if it does not answer within the bound
 */
export async function healthy(url: string, boundMs: number, check: () => void): Promise<void> {
  const deadline = Date.now() + boundMs;
  for (;;) {
    check();
    if (await answers(url)) return;
    if (Date.now() > deadline) throw new Error(`${url} did not answer within ${boundMs / 1000} s.`);
    await setTimeout(ASK_EVERY_MS);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })).ok;
  } catch {
    return false;
  }
}
