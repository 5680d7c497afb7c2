import type { Clock } from '../../functions/ports/clock.ts';

const ASK_EVERY_MS = 50;
const BOUND_MS = 60_000;

/**
 * Asks again until the answer will do.
 * @throws Error if none does within {@link BOUND_MS}
 */
export async function until<T>(
  clock: Clock,
  ask: () => Promise<T>,
  willDo: (answer: T) => boolean,
): Promise<T> {
  const deadline = clock.now() + BOUND_MS;
  for (;;) {
    const answer = await ask();
    if (willDo(answer)) return answer;
    if (clock.now() > deadline) throw new Error(`No answer would do within ${BOUND_MS / 1000} s.`);
    await clock.sleep(ASK_EVERY_MS);
  }
}
