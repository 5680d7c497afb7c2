import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms) => setTimeout(ms),
};

/** The machine's own cryptographic randomness. */
export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
};
