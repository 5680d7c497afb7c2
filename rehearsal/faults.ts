/** What goes wrong, and what Recohere does about it. */
interface FaultMeaning {
  /** How the system bears it, in a few words. */
  readonly borneBy: string;
}

/** Every fault that a rehearsal injects. */
export const FAULTS = {
  'event lost': { borneBy: 'a sweep sees what moved' },
  'event late': { borneBy: 'an event is a reason to look, and no more: state is read again' },
  'event repeated': { borneBy: 'the second look changes nothing' },
  'message repeated': { borneBy: 'a number that has passed is dropped; a second look changes nothing' },
  'message failed': { borneBy: 'it alone stays in its queue; the others of its batch are done' },
  'call throttled': {
    borneBy: 'tried again: a message, or a piece of a run; a replica that is not read is no agreement',
  },
  'call failed': { borneBy: 'the same' },
  'answer lost': {
    borneBy: 'what is written again has no second effect; what was sent, a notice too, is sent once more',
  },
  'process killed': {
    borneBy: 'the queue delivers again, the sweep comes again, a run goes on from its last checkpoint',
  },
  'process frozen': {
    borneBy:
      'the ledger refuses what it writes over something newer; a run waits until it can be alive no more',
  },
  'swap lost': { borneBy: 'the state is read again, and the step made from there' },
  'read stale': { borneBy: 'the next look sees what this one could not; there is one until copies agree' },
  'region unreachable': { borneBy: 'unobservable, which is never agreement' },
  'clock skewed': {
    borneBy:
      'a look that seems older than another says nothing; who took a piece of a run last alone can record it',
  },
  'metrics refused': { borneBy: 'the look goes on; what was to be published is lost' },
  'replication stuck': { borneBy: 'each region is asked itself; past its target the replica is stale' },
  'replication slow': { borneBy: 'looked at until it is there' },
  'replication overtaken': {
    borneBy: 'a version is current where the region itself says so, whatever the primary says',
  },
  'probe lying': { borneBy: 'a version that the secret does not have proves nothing' },
  'config changed': { borneBy: 'what is fingerprinted by other rules is not compared' },
  'key changed': { borneBy: 'what is fingerprinted with another key is not compared' },
  'release newer': {
    borneBy: 'what a later release wrote is left alone, and a dead letter says so; the other subjects go on',
  },
} as const satisfies Record<string, FaultMeaning>;

export type Fault = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as readonly Fault[];
