import { RefusedError } from '../core/errors.ts';
import { type Place, placeId } from '../core/place.ts';
import type { AccessMemory } from '../ports/access-memory.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConsumerProbes } from '../ports/consumer-probes.ts';
import type { FunctionSource } from '../ports/function-source.ts';
import type { Nudges } from '../ports/notices.ts';
import type { SecretSource } from '../ports/secret-source.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { backingOff, doorkeeper } from './back-off.ts';
import { type Pace, paced } from './pace.ts';
import { sharedCalls, sharing } from './sharing.ts';
import type { KnownFingerprints, SettledRevisions } from './survey.ts';

/**
 * Two copies of verify-deploy and a sweep may run at once: together they stay within {@link OUR_SHARE} over any two seconds. They know
 * nothing of each other, so four of their calls may begin in one of the two.
 */
const PACES = {
  'verify-deploy': { calls: 1, everyMs: 2000 },
  sweep: { calls: 2, everyMs: 1000 },
} as const satisfies Record<string, Pace>;

/** A process asks for notices so often at most. */
const NUDGE_EVERY_MS = 30_000;

/** Says what a person should know, once. */
interface Words {
  warn(message: string, names: Readonly<Record<string, string>>): void;
  info(message: string, names: Readonly<Record<string, string>>): void;
}

/**
 * Sources for a process that lives on: looks of one batch share what they read, and a role that refuses is left alone for a
 * while.
 */
export interface Considerate {
  /** All looks share one pace. */
  functions(source: FunctionSource, part: keyof typeof PACES): FunctionSource;
  /** `DescribeSecret` has a quota of thousands a second, so it needs no pace. */
  secrets(source: SecretSource): SecretSource;
  /** Functions of the user that are invoked: once for all messages of a batch that ask for it. */
  probes(probes: ConsumerProbes): ConsumerProbes;
  /** A metric that cannot be published costs no look: it is said once, and lost. */
  telemetry(telemetry: Telemetry): Telemetry;
  /** Asks for notices at most once in a while: each time, all states are read, and sweeps ask besides. */
  nudges(nudges: Nudges): Nudges;
  /** What this process has learnt of revisions. */
  readonly settled: SettledRevisions;
  readonly fingerprints: KnownFingerprints;
  /**
   * From then on, in epoch milliseconds, nothing more is read, and what is left is unobservable: a process that is ended in the
   * middle of a look would tell nothing at all.
   */
  readUntil(at: number): void;
}

export function considerate(
  { memory, clock }: { readonly memory: AccessMemory; readonly clock: Clock },
  words: Words,
): Considerate {
  let endsAt = Number.POSITIVE_INFINITY;
  const isLate = () => clock.now() >= endsAt;
  const through = doorkeeper(
    memory,
    clock,
    (account) =>
      words.warn('the read role of an account refuses the hub; it is asked again later', { account }),
    (account) => words.info('the read role of an account can be assumed again', { account }),
  );
  return {
    functions(source, part) {
      return sharing(backingOff(paced(source, clock, () => {}, PACES[part], isLate).source, through));
    },
    secrets(source) {
      const shared = sharedCalls();
      const inTime = <T>(place: Place, call: string, read: () => Promise<T>): Promise<T> =>
        through(place, async () => {
          if (isLate()) throw new RefusedError({ code: 'NOT_READ', call: `secretsmanager:${call}` });
          return read();
        });
      return {
        describe: (place, name) =>
          shared(['describe', placeId(place), name], () =>
            inTime(place, 'DescribeSecret', () => source.describe(place, name)),
          ),
        hasVersion: (place, name, versionId) =>
          shared(['hasVersion', placeId(place), name, versionId], () =>
            inTime(place, 'ListSecretVersionIds', () => source.hasVersion(place, name, versionId)),
          ),
      };
    },
    probes(probes) {
      const shared = sharedCalls();
      return {
        probe: (place, functionName, secret) =>
          shared([placeId(place), functionName, secret], async () =>
            isLate()
              ? { refusal: { code: 'NOT_READ', call: 'lambda:InvokeFunction' } }
              : probes.probe(place, functionName, secret),
          ),
      };
    },
    telemetry({ publish }) {
      let isSaid = false;
      return {
        publish(...sample) {
          try {
            publish(...sample);
          } catch {
            if (!isSaid) words.warn('metrics cannot be published, and are lost', { metric: sample[0] });
            isSaid = true;
          }
        },
      };
    },
    nudges(nudges) {
      let nextAt = Number.NEGATIVE_INFINITY;
      return {
        async nudge() {
          if (clock.now() < nextAt) return;
          nextAt = clock.now() + NUDGE_EVERY_MS;
          await nudges.nudge();
        },
      };
    },
    settled: new Map(),
    fingerprints: new Map(),
    readUntil(at) {
      endsAt = at;
    },
  };
}
