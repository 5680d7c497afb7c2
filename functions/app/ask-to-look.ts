import type { ParsedConfig } from '../contract/config.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import { subjectOfSecret } from './secret-scope.ts';

const ID_BYTES = 16;

/** Takes requests to look at subjects, for one of the functions that look. */
interface Looks {
  send(look: { readonly id: string; readonly at: number; readonly subjects: string[] }): Promise<void>;
}

/** Who was asked to look at what. */
export interface AskedToLook {
  /** When it was asked for, in epoch milliseconds: what the state of each has in `answeredUntil`, or more, once it was looked at. */
  readonly at: number;
  readonly functions: readonly string[];
  readonly secrets: readonly string[];
}

/**
 * Asks for a look at subjects. One that the config names as a secret is a secret; all others are functions.
 * @returns A function that says, when the requests are sent, what was asked for.
 */
export function askingToLook(
  config: ParsedConfig,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  queues: { readonly functions: Looks; readonly secrets: Looks },
): (subjects: readonly string[]) => Promise<AskedToLook> {
  const known = new Set(config.secrets.flatMap((secret) => [secret.name, subjectOfSecret(config, secret)]));
  return async (subjects) => {
    const id = Buffer.from(random.bytes(ID_BYTES)).toString('hex');
    const at = clock.now();
    const asked = {
      at,
      functions: subjects.filter((subject) => !known.has(subject)),
      secrets: subjects.filter((subject) => known.has(subject)),
    };
    for (const kind of ['functions', 'secrets'] as const) {
      if (asked[kind].length > 0) await queues[kind].send({ id, at, subjects: asked[kind] });
    }
    return asked;
  };
}
