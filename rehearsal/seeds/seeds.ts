import { INVARIANTS, type Violation } from '../invariants.ts';
import { shrunk } from './shrink.ts';
import { playSystem } from './system-scenario.ts';
import { playTable } from './table-scenario.ts';

/** Replays that making a list of faults shorter may take. */
const SHRINKING_TRIES_MAX = 300;

/** What playing one seed came to. */
export interface PlayedSeed {
  readonly violations: readonly Violation[];
  /** Names of the chances that struck. */
  readonly struck: readonly string[];
}

/** A seed that did not hold what must hold. */
export interface Failure {
  readonly seed: number;
  readonly violation: Violation;
  /** The shortest list of faults that was found to do it. */
  readonly schedule: readonly string[];
}

/**
 * Plays a seed: each third one a table that is written to while runs work on it, the others functions and secrets.
 * @throws Error with the seed in it, if something ended that never may
 */
export async function playSeed(seed: number, only?: readonly string[]): Promise<PlayedSeed> {
  try {
    return await (seed % 3 === 0 ? playTable({ seed, ...(only && { only }) }) : playSystem({ seed, only }));
  } catch (error) {
    throw new Error(`seed ${seed} did not come to its end; again: npm run soak -- --seed ${seed}`, {
      cause: error,
    });
  }
}

/** Says why a seed failed, with as few faults as possible: what they do alone may be told in other words than what all did. */
export async function explained(
  seed: number,
  { violations, struck }: PlayedSeed,
): Promise<Failure | undefined> {
  const [first] = violations;
  if (first === undefined) return undefined;
  let violation = first;
  const fails = async (only: readonly string[]) => {
    const again = (await playSeed(seed, only)).violations.find(
      ({ invariant }) => invariant === first.invariant,
    );
    violation = again ?? violation;
    return again !== undefined;
  };
  const schedule = await shrunk(struck, fails, SHRINKING_TRIES_MAX);
  return { seed, violation, schedule };
}

/** The same in words, with the command that replays it. */
export function wordsOf({ seed, violation, schedule }: Failure): string {
  const { invariant, at, words } = violation;
  const command = `npm run soak -- --seed ${seed} --faults '${JSON.stringify(schedule)}'`;
  return [
    `seed ${seed} at ${new Date(at).toISOString()}: ${words}`,
    `invariant ${invariant}: ${INVARIANTS[invariant]}`,
    `faults:${schedule.map((each) => `\n  ${each}`).join('') || ' none'}`,
    `again: ${command}`,
  ].join('\n');
}
