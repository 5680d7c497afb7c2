import type { ReconcilePorts } from '../../functions/app/reconcile.ts';
import { haunted as hauntedPort, MOMENTS, type Moment } from '../../rehearsal/haunted.ts';

export { MOMENTS, type Moment };

/** What a process throws that was killed. */
export class Killed extends Error {}

/** What happens at a call of a port; calls are counted from 1 in the order in which they are made. */
export type AtCall = (call: {
  readonly number: number;
  readonly name: string;
  readonly moment: Moment;
}) => Promise<void> | void;

/** Ports of a process in which something happens at each call of a port that reads or writes. */
export function haunted(ports: ReconcilePorts, atCall: AtCall): ReconcilePorts {
  let calls = 0;
  const numbers = new WeakMap<readonly unknown[], number>();
  const at = async (name: string, moment: Moment, given: readonly unknown[]) => {
    if (moment === 'before') numbers.set(given, ++calls);
    await atCall({ number: numbers.get(given) ?? 0, name, moment });
  };
  const haunt = <T extends object>(port: T, name: string) => hauntedPort(port, name, at, ['list', 'proofs']);
  return {
    ...ports,
    ledger: haunt(ports.ledger, 'ledger'),
    items: (table) => haunt(ports.items(table), table.name),
    objects: (table) => haunt(ports.objects(table), 'objects'),
  };
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
