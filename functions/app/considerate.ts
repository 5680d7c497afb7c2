import type { AccessMemory } from '../ports/access-memory.ts';
import type { Clock } from '../ports/clock.ts';
import type { FunctionSource } from '../ports/function-source.ts';
import { backingOff } from './back-off.ts';
import { paced } from './pace.ts';
import { sharing } from './sharing.ts';

/**
 * Calls a second, per place and API, of all looks of one process. Two copies of verify-deploy and a sweep may run at
 * once: together they stay within the fifth of the quota that is ours.
 */
const CALLS_PER_SECOND = 1;

/** Says what a person should know, once. */
interface Words {
  warn(message: string, names: Readonly<Record<string, string>>): void;
  info(message: string, names: Readonly<Record<string, string>>): void;
}

/**
 * A source for a process that lives on: all its looks share one pace, looks of one batch share what they read, and a role
 * that refuses is left alone for a while.
 */
export function considerate(
  { source, memory, clock }: { source: FunctionSource; memory: AccessMemory; clock: Clock },
  words: Words,
): FunctionSource {
  const patient = backingOff(
    paced(source, clock, () => {}, CALLS_PER_SECOND).source,
    memory,
    clock,
    (account) =>
      words.warn('the read role of an account refuses the hub; it is asked again later', { account }),
    (account) => words.info('the read role of an account can be assumed again', { account }),
  );
  return sharing(patient);
}
