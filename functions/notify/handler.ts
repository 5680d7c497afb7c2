import type { Context } from 'aws-lambda';
import { installation } from '../adapters/aws/installation.ts';
import { dynamoLedger } from '../adapters/aws/ledger.ts';
import { log } from '../adapters/aws/log.ts';
import { awsNotices } from '../adapters/aws/notices.ts';
import { dynamoTurns } from '../adapters/aws/turns.ts';
import { lazily } from '../app/lazily.ts';
import { notify } from '../app/notify.ts';
import { firedSchema } from '../contract/alarm-event.ts';
import { DEPLOYED, TIME_TO_WRITE_MS } from '../contract/deployment.ts';

const installed = lazily(async () => {
  const { config, environment, ports } = installation('notify');
  const { RECOHERE_LEDGER: table, RECOHERE_PAGE_TOPIC: page, RECOHERE_TICKET_TOPIC: ticket } = environment;
  return {
    config,
    ports: {
      clock: ports.clock,
      ledgers: { function: dynamoLedger({}, table), secret: dynamoLedger({}, table, 'secret') },
      turns: dynamoTurns({}, table),
      notices: awsNotices({ topics: { page, ticket }, bus: DEPLOYED.bus(config.prefix) }),
    },
  };
});

/** Tells of deploys that did not arrive. Called by an alarm on the burn rate; or by anybody, with whatever event. */
export async function handler(event: unknown, context: Context): Promise<void> {
  try {
    const { ports, config } = await installed();
    const until = Date.now() + context.getRemainingTimeInMillis() - TIME_TO_WRITE_MS;
    await notify(ports, config, { burning: firedSchema.safeParse(event).success, until });
  } catch (error) {
    log.failure('deploys could not all be told of', error);
    throw new Error('deploys could not all be told of; a line before this one says why'); // what is thrown is printed whole
  }
}
