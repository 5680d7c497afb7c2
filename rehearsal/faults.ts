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
  'call throttled': { borneBy: 'a replica that is not read is no agreement; the message is tried again' },
  'call failed': { borneBy: 'the same' },
  'answer lost': { borneBy: 'what was done is read again before anything is written' },
  'process killed': { borneBy: 'the queue delivers again, and the sweep comes again' },
  'process frozen': { borneBy: 'what it writes when it wakes is older than what lies there, and is refused' },
  'swap lost': { borneBy: 'the state is read again, and the step made from there' },
  'read stale': { borneBy: 'the next look sees what this one could not; there is one until copies agree' },
  'region unreachable': { borneBy: 'unobservable, which is never agreement' },
  'clock skewed': { borneBy: 'a look that seems older than another says nothing' },
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
