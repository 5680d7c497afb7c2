import { SimulatedTurns } from '../../../functions/adapters/sim/turns.ts';
import { describeTurns } from '../../contract/turns.ts';

describeTurns(async () => {
  let now = 0;
  return {
    turns: new SimulatedTurns({ now: () => now, sleep: async () => {} }),
    setClock(to) {
      now = to;
    },
    close: async () => {},
  };
});
