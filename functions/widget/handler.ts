import type { Context } from 'aws-lambda';
import { installation, overviewPorts } from '../adapters/aws/installation.ts';
import { log } from '../adapters/aws/log.ts';
import { sqsLooks } from '../adapters/aws/queues.ts';
import { dynamoRunLedger } from '../adapters/aws/run-ledger.ts';
import { askingToLook } from '../app/ask-to-look.ts';
import { lazily } from '../app/lazily.ts';
import { runProgress } from '../app/run-progress.ts';
import { widget } from '../app/widget.ts';
import { widgetSchema } from '../contract/widget.ts';

const installed = lazily(async () => {
  const { config, environment, ports } = installation('widget');
  const runs = { ledger: dynamoRunLedger({}, environment.RECOHERE_LEDGER), clock: ports.clock };
  return {
    config,
    ports: {
      clock: ports.clock,
      ...overviewPorts(environment),
      runs: (limit: number) => runProgress(runs, limit),
      verify: askingToLook(config, ports, {
        functions: sqsLooks(environment.RECOHERE_QUEUE),
        secrets: sqsLooks(environment.RECOHERE_SECRETS_QUEUE),
      }),
    },
  };
});

/** Draws a custom widget of a CloudWatch dashboard, or says how it is used. */
export async function handler(event: unknown, context: Context): Promise<string | object> {
  try {
    const { ports, config } = await installed();
    return await widget(ports, config, widgetSchema.parse(event), context.invokedFunctionArn);
  } catch (error) {
    log.failure('the widget could not be drawn', error);
    throw new Error('the widget could not be drawn; the log of this function says why'); // what is thrown is printed whole
  }
}
