/** The right to do a thing alone, for a while. */
export interface Turn {
  readonly name: string;
  /** How often the turn was taken or ended, this time included: an older one ends nothing. */
  readonly version: number;
}

/**
 * A turn that is taken is over for all processes when it is ended, or its time has passed. It saves work that is done twice, and is no
 * fence: a process that has slept through its end does not know. What must not be done twice has a condition of its own.
 */
export interface Turns {
  /**
   * @param untilMs When it is over unless it is ended, in epoch milliseconds; at most {@link TURN_MS_MAX} from now.
   * @returns `undefined` if somebody else has it.
   */
  take(name: string, untilMs: number): Promise<Turn | undefined>;
  /** Lets others have it. Harmless if they have it already. */
  end(turn: Turn): Promise<void>;
}

/** Longest turn: the longest time that a function may live. What claims to be longer was taken by a clock that ran ahead, and is over. */
export const TURN_MS_MAX = 15 * 60_000;

/** Whether a turn is over that was taken until then. */
export function isOver(untilMs: number, now: number): boolean {
  return untilMs <= now || untilMs - now > TURN_MS_MAX;
}
