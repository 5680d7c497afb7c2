import {
  EventBridgeClient,
  ListRuleNamesByTargetCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod/mini';
import { EMULATED_ACCOUNT } from '../../local/emulator.ts';
import { type Installation, partFor } from '../../local/installation.ts';

/** What SQS gives in one call. */
const MESSAGES_MAX = 10;
const WAIT_SECONDS = 1;
const TARGET = 'e2e';

const forwardedSchema = z.object({ source: z.string() });

/**
 * Does what no emulator does: brings the events that the rules of a region forward to the hub, which is in another one. Each of
 * these rules gets one more target, a queue, and what comes there is put into the queue where the hub's own rule would put it.
 */
export class Forwarding {
  readonly #installation: Installation;
  readonly #events: EventBridgeClient;
  readonly #sqs: SQSClient;
  readonly #url: string;
  readonly #rules: readonly string[];
  readonly #ended: Promise<void>;
  #isStopped = false;

  private constructor(
    region: string,
    installation: Installation,
    { url, rules }: { url: string; rules: readonly string[] },
  ) {
    this.#installation = installation;
    this.#events = new EventBridgeClient({ region });
    this.#sqs = new SQSClient({ region, useQueueUrlAsEndpoint: false });
    this.#url = url;
    this.#rules = rules;
    this.#ended = this.#forward();
    this.#ended.catch(() => {}); // whoever stops it is told
  }

  /** Begins to forward what the region's stack, which is deployed, would forward. */
  static async start(region: string, installation: Installation): Promise<Forwarding> {
    const events = new EventBridgeClient({ region });
    const sqs = new SQSClient({ region });
    const name = `${installation.prefix}-forwarding`;
    const { QueueUrl: url = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
    const bus = `arn:aws:events:${installation.region}:${EMULATED_ACCOUNT}:event-bus/${installation.bus}`;
    const { RuleNames: rules = [] } = await events.send(new ListRuleNamesByTargetCommand({ TargetArn: bus }));
    if (rules.length === 0) throw new Error(`no rule of ${region} forwards to ${bus}`);
    const Targets = [{ Id: TARGET, Arn: `arn:aws:sqs:${region}:${EMULATED_ACCOUNT}:${name}` }];
    for (const Rule of rules) await events.send(new PutTargetsCommand({ Rule, Targets }));
    return new Forwarding(region, installation, { url, rules });
  }

  /** @throws Error if what was to be forwarded could not be */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const Rule of this.#rules)
      await this.#events.send(new RemoveTargetsCommand({ Rule, Ids: [TARGET] }));
    await this.#ended;
    await this.#sqs.send(new DeleteQueueCommand({ QueueUrl: this.#url }));
  }

  async #forward(): Promise<void> {
    while (!this.#isStopped) {
      const command = new ReceiveMessageCommand({
        QueueUrl: this.#url,
        MaxNumberOfMessages: MESSAGES_MAX,
        WaitTimeSeconds: WAIT_SECONDS,
      });
      const { Messages: messages = [] } = await this.#sqs.send(command);
      if (messages.length === 0) continue;
      for (const { Body: body = '' } of messages) {
        const { source } = forwardedSchema.parse(JSON.parse(body));
        await this.#installation.deliver([body], partFor(source));
      }
      await this.#sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl: this.#url,
          Entries: messages.map(({ ReceiptHandle }, position) => ({ Id: String(position), ReceiptHandle })),
        }),
      );
    }
  }
}
