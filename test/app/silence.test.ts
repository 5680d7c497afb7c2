import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedLedger } from '../../functions/adapters/sim/ledger.ts';
import { SimulatedSweepLedger } from '../../functions/adapters/sim/sweep-ledger.ts';
import { silence } from '../../functions/app/silence.ts';
import { parseConfig } from '../../functions/contract/config.ts';
import { FORMAT } from '../../functions/contract/ledger.ts';
import { PLACES } from './simulated.ts';

const NOW = Date.UTC(2026, 0, 30);
const parsed = parseConfig({
  hub: { region: 'us-east-1' },
  replicas: PLACES,
  functions: [{ select: { name: '*' } }],
  secrets: [{ name: 'prod/db' }],
});
if (!parsed.ok) throw new Error(parsed.mistakes.join('\n'));
const { config } = parsed;

let ledgers: { readonly function: SimulatedLedger; readonly secret: SimulatedLedger };
beforeEach(() => {
  ledgers = { function: new SimulatedLedger(), secret: new SimulatedLedger() };
  for (const [kind, subject] of [
    ['function', 'api'],
    ['secret', 'prod/db'],
  ] as const)
    ledgers[kind].plant({ format: FORMAT, state: { subject, version: 3, wake: 0 } });
});

const ask = (subject: string, seconds = 60) => {
  const clock = { now: () => NOW, sleep: async () => {} };
  const ports = { clock, ledgers, sweeps: new SimulatedSweepLedger() };
  return silence(ports, config, { subject, seconds, reason: 'a known delay' });
};
const apiOf = () => ledgers.function.stored('api')?.state ?? expect.fail();

describe('a silence', () => {
  const lasting = { until: NOW + 60_000, reason: 'a known delay' };

  it('is of a function or a secret, and lasts as long as it is asked for', async () => {
    expect(await ask('api')).toMatchObject({ subject: 'api', kind: 'function', silence: lasting });
    expect(await ask('prod/db')).toMatchObject({ subject: 'prod/db', kind: 'secret', silence: lasting });
    expect(apiOf()).toMatchObject({ version: 4, silence: lasting });
    expect(ledgers.secret.stored('prod/db')?.state).toMatchObject({ version: 4, silence: lasting });
  });

  it('is ended by one of 0 seconds', async () => {
    await ask('api');
    expect(await ask('api', 0)).toMatchObject({ silence: null });
    expect(apiOf()).not.toHaveProperty('silence');
  });

  it('is not for what nobody knows', async () => {
    await expect(ask('apy')).rejects.toMatchObject({ code: 'UNKNOWN_SUBJECT' });
  });

  it.each([
    { reason: 'once', lost: 1 },
    { reason: 'as often as may be', lost: 9 },
  ])(
    'is tried again where a look writes before it, $reason, and keeps what that has written',
    async ({ lost }) => {
      let looks = 0;
      ledgers.function.inject('swap', () => {
        if (looks++ >= lost) return;
        const state = apiOf();
        ledgers.function.plant({
          format: FORMAT,
          state: { ...state, version: state.version + 1, wake: looks },
        });
      });
      expect(await ask('api')).toMatchObject({ silence: lasting });
      expect(apiOf()).toMatchObject({ version: 4 + lost, wake: lost, silence: lasting });
    },
  );

  it('gives up after ten swaps that are lost', async () => {
    let looks = 0;
    ledgers.function.inject('swap', () => {
      looks++;
      const state = apiOf();
      ledgers.function.plant({ format: FORMAT, state: { ...state, version: state.version + 1 } });
    });
    await expect(ask('api')).rejects.toMatchObject({ code: 'CONTENDED', retryable: true });
    expect(looks).toBe(10);
    expect(apiOf()).not.toHaveProperty('silence');
  });
});
