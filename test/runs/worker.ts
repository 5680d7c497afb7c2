import type { ReconcilePorts } from '../../functions/app/reconcile.ts';
import { haunted } from '../app/dying.ts';
import { hurriedClock, RealRuns } from './real-runs.ts';
import { ENDED, type WorkerOrder } from './worker-order.ts';

/*
 * Asks for a run, works on it to its end, and says each call of a port before and after. It may be killed at any moment, and started
 * again with the same order, but for a clock that is further ahead.
 */
const order = JSON.parse(process.argv[2] ?? '') as WorkerOrder;
const runs = new RealRuns({ ...order, clock: hurriedClock(order.aheadMs) });
const status = await runs.run(order.asked, talking(enlarged(runs.ports)));
process.stdout.write(`${ENDED}${JSON.stringify(status)}\n`);

function talking(ports: ReconcilePorts): ReconcilePorts {
  return haunted(ports, ({ name, moment }) => {
    process.stdout.write(`${moment} ${name}\n`); // to a pipe, it comes back when it is written
  });
}

function enlarged(ports: ReconcilePorts): ReconcilePorts {
  const { items } = order;
  return {
    ...ports,
    items(table) {
      const store = ports.items(table);
      return { ...store, describe: async () => ({ ...(await store.describe()), items }) };
    },
  };
}
