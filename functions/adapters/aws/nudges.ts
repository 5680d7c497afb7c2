import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DEPLOYED } from '../../contract/deployment.ts';
import type { Nudges } from '../../ports/notices.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';

/** Invokes the function that sends notices, without a word, and does not wait for it. @param prefix Of the installation. */
export function lambdaNudges(prefix: string): Nudges {
  const client = new LambdaClient(CLIENT_BOUNDS);
  return {
    async nudge() {
      const command = new InvokeCommand({
        FunctionName: DEPLOYED.part(prefix, 'notify'),
        InvocationType: 'Event',
        Payload: '{}',
      });
      await asking('lambda:InvokeFunction', (bounded) => client.send(command, bounded));
    },
  };
}
