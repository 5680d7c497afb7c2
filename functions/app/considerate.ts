import type { Part } from '../contract/deployment.ts';
import type { AccessMemory } from '../ports/access-memory.ts';
import type { Clock } from '../ports/clock.ts';
import type { FunctionSource } from '../ports/function-source.ts';
import { backingOff } from './back-off.ts';
import { type Pace, paced } from './pace.ts';
import { sharing } from './sharing.ts';

/** Two copies of verify-deploy and a sweep may run at once: together they stay within {@link OUR_SHARE}. */
const PACES = {
  'verify-deploy': { calls: 1, everyMs: 2000 },
  sweep: { calls: 2, everyMs: 1000 },
} as const satisfies Record<Part, Pace>;

/** Says what a person should know, once. */
interface Words {
  warn(message: string, names: Readonly<Record<string, string>>): void;
  info(message: string, names: Readonly<Record<string, string>>): void;
}

export interface Considerate {
  readonly source: FunctionSource;
  /**
   * From then on, in epoch milliseconds, nothing more is read, and what is left is unobservable: a process that is ended in the
   * middle of a look would tell nothing at all.
   */
  readUntil(at: number): void;
}

/**
 * A source for a process that lives on: all its looks share one pace, looks of one batch share what they read, and a role
 * that refuses is left alone for a while.
 */
export function considerate(
  { source, memory, clock }: { source: FunctionSource; memory: AccessMemory; clock: Clock },
  part: Part,
  words: Words,
): Considerate {
  let endsAt = Number.POSITIVE_INFINITY;
  const patient = backingOff(
    paced(
      source,
      clock,
      () => {},
      PACES[part],
      () => clock.now() >= endsAt,
    ).source,
    memory,
    clock,
    (account) =>
      words.warn('the read role of an account refuses the hub; it is asked again later', { account }),
    (account) => words.info('the read role of an account can be assumed again', { account }),
  );
  return {
    source: sharing(patient),
    readUntil(at) {
      endsAt = at;
    },
  };
}
