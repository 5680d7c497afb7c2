/** What must hold, whatever happens: a sentence each. Numbers never change. */
export const INVARIANTS = {
  1: 'Nothing is called agreed of which a replica differed for the whole observation.',
  2: 'After a sweep in which nothing failed, every subject that differed all the while has an open episode.',
  3: 'An episode whose subject two such sweeps, further apart than its deadline, saw differ and not move is overdue.',
  4: 'Nothing opens an episode, and nothing is found in a replica, where nothing differed and nothing moved.',
  5: 'A subject has at most one open episode, and an episode that has ended never opens again.',
  6: 'Versions, wake numbers and epochs only grow, and nothing is written over what its writer has not read.',
  7: 'The time to agreement that an episode tells is true within its resolution.',
  8: 'Of a rotation, a hop is called agreed only if that region, or that process, had the version.',
  9: 'No two notices are sent because of the same episodes, unless the answer to the first was lost; and none of what is silenced.',
  10: 'Every message is handled, or becomes a dead letter.',
  11: 'No value is in a state, a metric, a notice, a dead letter or a log.',
  12: 'While an episode still moves, one message that wakes it is under way, and one whose number has passed causes no look.',
  13: 'When all is calm, the gauges say what is true, and nothing is open but what differs.',
  14: 'What has been removed from a table, or written over, is in quarantine, and was there before.',
  15: 'Table and quarantine together hold every item that was ever written.',
  16: 'After a run that finished, there is one copy of each key: the one that the rule keeps.',
  17: 'What a run says that it has done is what has been done.',
  18: 'Nothing ends by an error that nobody expects.',
} as const satisfies Record<number, string>;

export type InvariantNumber = keyof typeof INVARIANTS;

/** Something that did not hold. */
export interface Violation {
  readonly invariant: InvariantNumber;
  /** Virtual time, in epoch milliseconds. */
  readonly at: number;
  /** What it is about: names and times, never values. */
  readonly words: string;
}
