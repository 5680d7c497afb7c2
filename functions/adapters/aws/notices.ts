import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { Severity } from '../../contract/deployment.ts';
import { PAUSE_EVENT } from '../../contract/notices.ts';
import type { Notices } from '../../ports/notices.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';
import { refused } from './errors.ts';

/** Where notices go. */
interface Destinations {
  /** ARN of the topic of each severity. */
  readonly topics: Readonly<Record<Severity, string>>;
  /** Name of the hub's event bus. */
  readonly bus: string;
}

/**
 * Notices on topics, and pauses on the hub's bus. Of one message to a topic, mails get the text, text messages the title, and HTTPS endpoints
 * both, in the form that Amazon Q Developer shows in chats, which listens as such an endpoint. Functions and queues get all of it as JSON. That
 * is there only once: SNS counts all variants together, to 256 KB.
 * @see https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 * @see https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
 */
export function awsNotices({ topics, bus }: Destinations): Notices {
  const sns = new SNSClient(CLIENT_BOUNDS);
  const events = new EventBridgeClient(CLIENT_BOUNDS);
  return {
    async send(severity, { title, text, json }) {
      const content = { textType: 'client-markdown', title, description: text };
      const message = {
        default: JSON.stringify({ title, text, ...json }),
        email: text,
        sms: title,
        https: JSON.stringify({ version: '1.0', source: 'custom', content }),
      };
      const command = new PublishCommand({
        TopicArn: topics[severity],
        Subject: title,
        MessageStructure: 'json',
        Message: JSON.stringify(message),
      });
      await asking('sns:Publish', (bounded) => sns.send(command, bounded));
    },

    async pause(request) {
      const { source, detailType } = PAUSE_EVENT;
      const entry = {
        EventBusName: bus,
        Source: source,
        DetailType: detailType,
        Detail: JSON.stringify(request),
      };
      const call = 'events:PutEvents';
      const { FailedEntryCount: failed, Entries: [put] = [] } = await asking(call, (bounded) =>
        events.send(new PutEventsCommand({ Entries: [entry] }), bounded),
      );
      if (failed) throw refused(call, { name: put?.ErrorCode });
    },
  };
}
