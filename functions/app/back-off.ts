import { accessKey } from '../contract/ledger.ts';
import { RefusedError } from '../core/errors.ts';
import type { Place } from '../core/place.ts';
import type { Access, AccessMemory, RefusedAccess } from '../ports/access-memory.ts';
import type { Clock } from '../ports/clock.ts';
import type { FunctionSource } from '../ports/function-source.ts';

/** From the first refusal to the next try; each further wait is twice as long. */
const FIRST_WAIT_MS = 5 * 60_000;
const WAIT_MAX_MS = 24 * 3_600_000;

/** For so long the memory is not read again; then it may say that another process got in, or a person may have deleted it. */
const BELIEVED_MS = 5 * 60_000;

const ASSUME_ROLE = 'sts:AssumeRole';

/** The way into one account, as this process knows it. */
interface Door {
  readonly access: Access;
  /** The last call got in. Nothing is read or written until one does not. */
  isOpen: boolean;
  /** What the memory held when it was last read or written. */
  refused: RefusedAccess | undefined;
  believedUntil: number;
  /** Ends, and never fails, when the first call at a door that is not open has its answer. */
  knock: Promise<void> | undefined;
}

/** Makes a call in a place, unless the way there is closed for now. @throws RefusedError */
export type Through = <T>(place: Place, call: () => Promise<T>) => Promise<T>;

/**
 * Leaves a role alone for a while if it could not be assumed, so that the user's audit trail is not filled with
 * refusals. The first wait is 5 minutes and each further one twice as long, up to a day: 9 tries on the first day, and from
 * then on one a day at most. A try is one call; all others of its process wait for what it learns. (Where a role was open and
 * is closed, all calls under way are refused: they count as one try.) Processes share the memory, whether they live long or
 * begin anew: only those that ask in the same moment, before the first of them has its answer, make that try once each.
 *
 * Made once for a process. A role that lets the hub in costs one read of the memory in the life of a process; one that does
 * not, a read in 5 minutes of use. A failure of the memory is thrown, and mended by the next call: without it nothing holds
 * back the processes that begin anew.
 * @param onRefused Told once when a role is refused that was not before: by one process, or by each that found it in the same
 * moment.
 * @param onReadable Told once, in the same way, when it can be assumed again.
 */
export function doorkeeper(
  memory: AccessMemory,
  clock: Clock,
  onRefused: (account: string) => void,
  onReadable: (account: string) => void,
): Through {
  const doors = new Map<string, Door>();

  function doorOf(access: Access): Door {
    const { pk } = accessKey(access);
    const door = doors.get(pk) ?? {
      access,
      isOpen: false,
      refused: undefined,
      believedUntil: Number.NEGATIVE_INFINITY,
      knock: undefined,
    };
    doors.set(pk, door);
    return door;
  }

  async function through<T>({ access }: Place, call: () => Promise<T>): Promise<T> {
    if (access === undefined) return call();
    const door = doorOf(access);
    if (door.isOpen) return pass(door, call);
    if (door.knock === undefined) {
      const knocking = enter(door, call);
      door.knock = Promise.allSettled([knocking]).then(() => {
        door.knock = undefined;
      });
      return knocking;
    }
    await door.knock;
    return enter(door, call); // if the first learned nothing, all who waited go together: a silent region costs them one wait
  }

  async function enter<T>(door: Door, call: () => Promise<T>): Promise<T> {
    if (clock.now() >= door.believedUntil) believe(door, await memory.read(door.access));
    if (door.refused && clock.now() < door.refused.nextAt) {
      throw new RefusedError({ code: 'ACCESS_DENIED', call: ASSUME_ROLE, permission: ASSUME_ROLE });
    }
    return pass(door, call);
  }

  async function pass<T>(door: Door, call: () => Promise<T>): Promise<T> {
    const before = door.refused;
    const answer = await call().catch(async (error: unknown) => {
      if (error instanceof RefusedError && error.code === 'ACCESS_DENIED') {
        if (error.refusal.permission === ASSUME_ROLE) await shut(door, before);
        else await open(door, before); // who is denied something else has got in
      }
      throw error;
    });
    await open(door, before);
    return answer;
  }

  /** @param before What was known when the call began; if that has changed, its answer is older than what is known now. */
  async function open(door: Door, before: RefusedAccess | undefined): Promise<void> {
    if (door.isOpen || door.refused !== before) return;
    if (before) {
      await memory.write(door.access, undefined);
      if (door.refused !== before) return;
      onReadable(accountOf(door.access));
    }
    door.refused = undefined;
    door.isOpen = true;
  }

  /** @param before As above: of calls that were under way at once, the first counts. */
  async function shut(door: Door, before: RefusedAccess | undefined): Promise<void> {
    if (door.refused !== before) return;
    door.isOpen = false;
    believe(door, refusedAgain(before, clock.now())); // at once, so that no call goes by while the memory is asked
    const stored = await memory.read(door.access);
    if (stored && clock.now() < stored.nextAt) {
      believe(door, stored); // another process has counted this try, or a later one
      return;
    }
    const refused = refusedAgain(stored, clock.now());
    believe(door, refused);
    await memory.write(door.access, refused);
    if (!stored) onRefused(accountOf(door.access));
  }

  function believe(door: Door, refused: RefusedAccess | undefined): void {
    const now = clock.now();
    const dueAt = refused && now < refused.nextAt ? refused.nextAt : Number.POSITIVE_INFINITY;
    door.refused = refused;
    door.believedUntil = Math.min(now + BELIEVED_MS, dueAt);
  }

  return through;
}

function refusedAgain(before: RefusedAccess | undefined, now: number): RefusedAccess {
  const { since, tries } = before ?? { since: now, tries: 0 };
  return { since, tries: tries + 1, nextAt: now + Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** tries) };
}

/** A source that makes its calls through a {@link doorkeeper}. */
export function backingOff(source: FunctionSource, through: Through): FunctionSource {
  return {
    ownAccount: (place) => source.ownAccount(place),
    list: (place, from) => through(place, () => source.list(place, from)),
    read: (place, name, version) => through(place, () => source.read(place, name, version)),
    alias: (place, name, alias) => through(place, () => source.alias(place, name, alias)),
    tagged: (place, filters, from) => through(place, () => source.tagged(place, filters, from)),
  };
}

/** `arn:aws:iam::<account>:role/<name>` */
function accountOf({ roleArn }: Access): string {
  return roleArn.split(':')[4] ?? roleArn;
}
