import { setTimeout } from 'node:timers/promises';

const ASK_EVERY_MS = 200;
const BOUND_MS = 120_000;
const ANSWER_CHARS_TOLD = 2_000;

/**
 * Asks again until the answer will do.
 * @param what What is waited for, in words.
 * @throws Error if no answer does within the bound, with the last one
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  willDo: (answer: T) => boolean,
  boundMs = BOUND_MS,
): Promise<T> {
  const deadline = Date.now() + boundMs;
  for (;;) {
    const answer = await ask();
    if (willDo(answer)) return answer;
    if (Date.now() > deadline) {
      const last = (JSON.stringify(answer) ?? 'nothing').slice(0, ANSWER_CHARS_TOLD);
      throw new Error(`waited for ${boundMs / 1000} s, and it did not come about: ${what}; last: ${last}`);
    }
    await setTimeout(ASK_EVERY_MS);
  }
}
