import { inspect } from 'node:util';
import { faultOf } from '../fate.ts';
import type { Fault } from '../faults.ts';
import { INVARIANTS, type InvariantNumber, type Violation } from '../invariants.ts';
import { shrunk } from './shrink.ts';
import { playSystem } from './system-scenario.ts';
import { playTable } from './table-scenario.ts';

/** Replays that making a list of faults shorter may take. */
const SHRINKING_TRIES_MAX = 300;

/** A violation of a seed; when it was is not known of an error that ended it. */
export type SeedViolation = Omit<Violation, 'at'> & Partial<Pick<Violation, 'at'>>;

/** What playing one seed came to. */
export interface PlayedSeed {
  readonly violations: readonly SeedViolation[];
  /** Names of the chances that struck. */
  readonly struck: readonly string[];
  /** How often each invariant was held against something. */
  readonly judged: ReadonlyMap<InvariantNumber, number>;
}

/** A seed that did not hold what must hold. */
export interface Failure {
  readonly seed: number;
  readonly violation: SeedViolation;
  /** The shortest list of faults that was found to do it. */
  readonly schedule: readonly string[];
}

/**
 * Plays a seed: each third one a table that is written to while runs work on it, the others functions and secrets. An error that ends it, or
 * something in it that nobody waits for, is a violation too.
 */
export async function playSeed(seed: number, only?: readonly string[]): Promise<PlayedSeed> {
  const struck: string[] = [];
  const errors: unknown[] = [];
  const note = (error: unknown) => void errors.push(error);
  const play = (): Promise<PlayedSeed> =>
    seed % 3 === 0 ? playTable({ seed, only, struck }) : playSystem({ seed, only, struck });
  process.on('unhandledRejection', note);
  const played = await play().catch(note);
  process.off('unhandledRejection', note);
  const ended = errors.map((error): SeedViolation => {
    return { invariant: 18, words: `something did not come to its end: ${inspect(error)}` };
  });
  return {
    violations: [...(played?.violations ?? []), ...ended],
    struck,
    judged: new Map([...(played?.judged ?? []), [18, 1]]),
  };
}

/** What many seeds came to, counted. */
export class Tally {
  /** How often each fault struck. */
  readonly struck = new Map<Fault, number>();
  /** How often each invariant was held against something; not there if it never was. */
  readonly judged = new Map<InvariantNumber, number>();

  add({ struck, judged }: PlayedSeed): void {
    for (const name of struck) this.struck.set(faultOf(name), (this.struck.get(faultOf(name)) ?? 0) + 1);
    for (const [invariant, times] of judged) {
      if (times > 0) this.judged.set(invariant, (this.judged.get(invariant) ?? 0) + times);
    }
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

/** A violation in words: when, of what, and how. */
export function violationText({ invariant, at, words }: SeedViolation): string {
  return `${at === undefined ? 'at the end' : new Date(at).toISOString()}  ${invariant}: ${words}`;
}

/** Why a seed failed in words, with the command that replays it. */
export function wordsOf({ seed, violation, schedule }: Failure): string {
  const command = `npm run soak -- --seed ${seed} --faults '${JSON.stringify(schedule)}'`;
  return [
    `seed ${seed}: ${violationText(violation)}`,
    `invariant ${violation.invariant}: ${INVARIANTS[violation.invariant]}`,
    `faults:${schedule.map((each) => `\n  ${each}`).join('') || ' none'}`,
    `again: ${command}`,
  ].join('\n');
}
