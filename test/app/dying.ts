import type { ReconcilePorts } from '../../functions/app/reconcile.ts';

/** What a process throws that was killed. */
export class Killed extends Error {}

/** Whether something happens before a call has its effect, or after, so that its answer comes late or never. */
export const MOMENTS = ['before', 'after'] as const;
export type Moment = (typeof MOMENTS)[number];

/** What happens at a call of a port; calls are counted from 1 in the order in which they are made. */
export type AtCall = (call: {
  readonly number: number;
  readonly name: string;
  readonly moment: Moment;
}) => Promise<void> | void;

/** Ports of a process in which something happens at each call of a port that reads or writes. */
export function haunted(ports: ReconcilePorts, atCall: AtCall): ReconcilePorts {
  let calls = 0;
  const haunt = <T extends object>(port: T, of: string): T =>
    new Proxy(port, {
      get: (target, method) => {
        const made: unknown = Reflect.get(target, method, target);
        if (typeof made !== 'function') return made;
        const name = `${of}.${String(method)}`;
        const isList = method === 'list' || method === 'proofs';
        return (...given: unknown[]) => {
          const number = ++calls;
          const at = async (moment: Moment) => atCall({ number, name, moment });
          const call = () => Reflect.apply(made, target, given);
          return isList ? walked(at, call) : answered(at, call);
        };
      },
    });
  return {
    ...ports,
    ledger: haunt(ports.ledger, 'ledger'),
    items: (table) => haunt(ports.items(table), table.name),
    objects: (table) => haunt(ports.objects(table), 'objects'),
  };
}

type At = (moment: Moment) => Promise<void>;

async function answered<T>(at: At, call: () => Promise<T>): Promise<T> {
  await at('before');
  const answer = await call();
  await at('after');
  return answer;
}

async function* walked<T>(at: At, call: () => AsyncIterable<T>): AsyncGenerator<T> {
  await at('before');
  yield* call();
  await at('after');
}

/**
 * Ports of a process that dies at its n-th call: whatever it had begun elsewhere comes to its end, and it does nothing any more.
 * @returns Also whether it has died.
 */
export function dyingAt(ports: ReconcilePorts, number: number, moment: Moment) {
  const life = { isOver: false };
  const dying = haunted(ports, (call) => {
    if (call.number === number && call.moment === moment) life.isOver = true;
    if (life.isOver) throw new Killed();
  });
  return { ports: dying, life };
}
