import { randomUUID } from 'node:crypto';
import {
  CloudWatchLogsClient,
  paginateDescribeLogGroups,
  paginateFilterLogEvents,
} from '@aws-sdk/client-cloudwatch-logs';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetFunctionConfigurationCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  ChangeMessageVisibilityBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod/mini';
import { dynamoLedger } from '../functions/adapters/aws/ledger.ts';
import { DEPLOYED, PARTS, type Part, type QueuedPart } from '../functions/contract/deployment.ts';
import { ROTATION_SOURCES } from '../functions/contract/event-patterns.ts';
import type { SubjectKind } from '../functions/contract/ledger.ts';
import { envelopeSchema } from '../functions/contract/messages.ts';
import { type MetricName, NAMESPACE } from '../functions/contract/metrics.ts';
import { EMULATED_ACCOUNT } from './emulator.ts';
import { until } from './until.ts';

/** What an event says, as far as it is not for EventBridge to say. */
export interface Told {
  readonly source: string;
  readonly detailType: string;
  readonly detail: object;
  readonly resources?: readonly string[];
}

/** One value of a metric, as a log line in the embedded metric format tells it. */
export interface Sample {
  readonly metric: MetricName | string;
  readonly value: number;
  readonly unit: string;
  readonly subject: string | undefined;
  /** Of a rotation: the weakest evidence on which it rests that consumers use the new version. */
  readonly evidence: string | undefined;
  /** Id of the run over a table that has ended. */
  readonly run: string | undefined;
  /** Epoch milliseconds. */
  readonly at: number;
}

export type Ledger = ReturnType<typeof dynamoLedger>;
export type State = Awaited<ReturnType<Ledger['read']>>;
export type DeadLetter = z.output<typeof deadLetterSchema>;

const deadLetterSchema = z.object({
  reason: z.string(),
  messageId: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  envelope: envelopeSchema,
});

/** What AWS takes in one call, of events and of messages. */
const ENTRIES_MAX = 10;
/** For so long nobody else sees a dead letter that is being read. */
const READING_SECONDS = 30;
const DEAD_LETTER_PAGES_MAX = 100;

/** What is deployed under one prefix, as its user sees it: over AWS's own calls, with the endpoint of the environment. */
export class Installation {
  readonly prefix: string;
  readonly region: string;
  readonly #lambda: LambdaClient;
  readonly #events: EventBridgeClient;
  readonly #logs: CloudWatchLogsClient;
  readonly #sqs: SQSClient;

  /** @param region Of the hub. */
  constructor(prefix: string, region: string) {
    this.prefix = prefix;
    this.region = region;
    this.#lambda = new LambdaClient({ region });
    this.#events = new EventBridgeClient({ region });
    this.#logs = new CloudWatchLogsClient({ region });
    this.#sqs = new SQSClient({ region, useQueueUrlAsEndpoint: false });
  }

  /**
   * Puts an event on a bus of the hub's region.
   * @param bus The hub's own; or `default`, from which the rules of the region's stack forward it.
   * @returns The id that EventBridge gave it.
   */
  async put(bus: string, { source, detailType, detail, resources = [] }: Told): Promise<string> {
    const entry = {
      EventBusName: bus,
      Source: source,
      DetailType: detailType,
      Detail: JSON.stringify(detail),
      Resources: [...resources],
    };
    const { Entries: [result] = [] } = await this.#events.send(new PutEventsCommand({ Entries: [entry] }));
    if (result?.EventId === undefined) throw new Error(`the bus refused an event: ${result?.ErrorCode}`);
    return result.EventId;
  }

  /** The hub's bus. */
  get bus(): string {
    return DEPLOYED.bus(this.prefix);
  }

  /**
   * Tells of a change in a region, as AWS does there. No emulator brings events to a bus of another region, so what another
   * region would forward is put where the hub's rule would put it, in the queue.
   */
  async tell(region: string, told: Told): Promise<void> {
    if (region === this.region) await this.put('default', told);
    else await this.deliver([JSON.stringify(eventOf(region, told))], partFor(told.source));
  }

  /** Puts messages into the queue that a function reads, all at once. */
  async deliver(bodies: readonly string[], to: QueuedPart = 'verify-deploy'): Promise<void> {
    if (bodies.length > ENTRIES_MAX) throw new Error(`SQS takes ${ENTRIES_MAX} messages in one call`);
    const command = new SendMessageBatchCommand({
      QueueUrl: await this.#queueUrl(DEPLOYED.part(this.prefix, to)),
      Entries: bodies.map((body, position) => ({ Id: String(position), MessageBody: body })),
    });
    const { Failed: [failed] = [] } = await this.#sqs.send(command);
    if (failed) throw new Error(`the queue refused a message: ${failed.Code}`);
  }

  /** Waits until all messages of a function's queue but those for later are handled. */
  async handled(by: QueuedPart = 'verify-deploy'): Promise<void> {
    const command = new GetQueueAttributesCommand({
      QueueUrl: await this.#queueUrl(DEPLOYED.part(this.prefix, by)),
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    });
    await until(
      `${by} has handled its messages`,
      async () => (await this.#sqs.send(command)).Attributes ?? {},
      (counts) => Object.values(counts).every((count) => Number(count) === 0),
    );
  }

  /**
   * Sweeps now; once more if nothing is logged of it, as in {@link logLines}.
   * @returns What the sweep counted, by metric.
   */
  async sweep(): Promise<Readonly<Record<string, number>>> {
    const lastIn = (samples: readonly Sample[]) =>
      samples.findLast(({ metric }) => metric === 'SweepHeartbeat')?.at;
    const before = lastIn(await this.samples());
    const samples = await until(
      'a sweep has logged what it counted',
      async () => {
        await this.invoke('sweep', { all: true });
        return this.samples();
      },
      (logged) => lastIn(logged) !== before,
    );
    const at = lastIn(samples);
    const own = samples.filter((sample) => sample.at === at && sample.subject === undefined);
    return Object.fromEntries(own.map(({ metric, value }) => [metric, value]));
  }

  /** @returns What the function answers. @throws Error if it fails */
  async invoke(part: Part, event: object): Promise<unknown> {
    const command = new InvokeCommand({
      FunctionName: DEPLOYED.part(this.prefix, part),
      Payload: JSON.stringify(event),
    });
    const { FunctionError: failed, Payload: answer } = await this.#lambda.send(command);
    if (failed !== undefined) throw new Error(`${part} has failed; its log says why`);
    return answer && answer.length > 0 ? JSON.parse(Buffer.from(answer).toString()) : undefined;
  }

  /** What a function is given in its environment. */
  async environmentOf(part: Part): Promise<Readonly<Record<string, string>>> {
    const command = new GetFunctionConfigurationCommand({ FunctionName: DEPLOYED.part(this.prefix, part) });
    return (await this.#lambda.send(command)).Environment?.Variables ?? {};
  }

  /** The ledger of one kind of subjects, through the adapter that the functions use too. */
  async ledger(kind: SubjectKind = 'function'): Promise<Ledger> {
    const { RECOHERE_LEDGER: table = '' } = await this.environmentOf('sweep');
    return dynamoLedger({ region: this.region }, table, kind);
  }

  /** What the ledger remembers of each subject of a kind, sorted by name. */
  async states(kind: SubjectKind = 'function'): Promise<readonly State[]> {
    const ledger = await this.ledger(kind);
    const states: State[] = [];
    for await (const subject of ledger.subjects()) states.push(await ledger.read(subject));
    return states.sort((one, other) => one.subject.localeCompare(other.subject));
  }

  /**
   * All lines that the functions have logged. MiniStack, when it is busy, logs the last lines of an invocation with the next one, so
   * those that a queue feeds are invoked once more first, without a message.
   */
  async logLines(): Promise<readonly string[]> {
    for (const part of ['verify-deploy', 'verify-rotation'] as const)
      await this.invoke(part, { Records: [] });
    const groups = await this.#logGroups();
    const lines: string[] = [];
    for (const part of PARTS) {
      const logGroupName = `/aws/lambda/${DEPLOYED.part(this.prefix, part)}`;
      if (!groups.has(logGroupName)) continue; // what works on tables is there only if the config has some
      for await (const { events = [] } of paginateFilterLogEvents({ client: this.#logs }, { logGroupName })) {
        lines.push(...events.map(({ message = '' }) => message));
      }
    }
    return lines;
  }

  async #logGroups(): Promise<ReadonlySet<string | undefined>> {
    const names = new Set<string | undefined>();
    const begin = { logGroupNamePrefix: `/aws/lambda/${this.prefix}-` };
    for await (const { logGroups = [] } of paginateDescribeLogGroups({ client: this.#logs }, begin)) {
      for (const { logGroupName } of logGroups) names.add(logGroupName);
    }
    return names;
  }

  /** All values of metrics that were logged, the oldest first. CloudWatch makes metrics of them, emulators do not. */
  async samples(): Promise<readonly Sample[]> {
    const samples = (await this.logLines()).flatMap(samplesOf);
    return samples.sort((one, other) => one.at - other.at);
  }

  /** All dead letters of a function. They stay where they are. */
  async deadLetters(of: QueuedPart = 'verify-deploy'): Promise<readonly DeadLetter[]> {
    const texts = await this.deadLetterTexts(of);
    return texts.map((text) => deadLetterSchema.parse(JSON.parse(text)));
  }

  /** The same as they are. */
  async deadLetterTexts(of: QueuedPart): Promise<readonly string[]> {
    const url = await this.#queueUrl(DEPLOYED.deadLetters(this.prefix, of));
    const messages: Message[] = [];
    for (let page = 0; page < DEAD_LETTER_PAGES_MAX; page++) {
      const command = new ReceiveMessageCommand({
        QueueUrl: url,
        MaxNumberOfMessages: ENTRIES_MAX,
        VisibilityTimeout: READING_SECONDS,
        WaitTimeSeconds: 1,
      });
      const { Messages: received = [] } = await this.#sqs.send(command);
      if (received.length === 0) break;
      messages.push(...received);
    }
    for (let first = 0; first < messages.length; first += ENTRIES_MAX) {
      const command = new ChangeMessageVisibilityBatchCommand({
        QueueUrl: url,
        Entries: messages.slice(first, first + ENTRIES_MAX).map(({ ReceiptHandle }, position) => ({
          Id: String(position),
          ReceiptHandle,
          VisibilityTimeout: 0,
        })),
      });
      await this.#sqs.send(command);
    }
    return messages.map(({ Body = '' }) => Body);
  }

  async #queueUrl(name: string): Promise<string> {
    const { QueueUrl: url = '' } = await this.#sqs.send(new GetQueueUrlCommand({ QueueName: name }));
    return url;
  }
}

/** Which function the hub's rules feed with events of a source. */
export function partFor(source: string): QueuedPart {
  return ROTATION_SOURCES.includes(source) ? 'verify-rotation' : 'verify-deploy';
}

/** An event in the envelope in which EventBridge delivers it. */
export function eventOf(region: string, { source, detailType, detail, resources = [] }: Told): object {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': detailType,
    source,
    account: EMULATED_ACCOUNT,
    time: `${new Date().toISOString().slice(0, 19)}Z`, // in whole seconds, as AWS's are
    region,
    resources,
    detail,
  };
}

/** What CloudFormation tells when it has updated a function. */
export function functionUpdated(stack: string, logicalId: string, name: string, region: string): Told {
  const stackId = `arn:aws:cloudformation:${region}:${EMULATED_ACCOUNT}:stack/${stack}/${randomUUID()}`;
  return {
    source: 'aws.cloudformation',
    detailType: 'CloudFormation Resource Status Change',
    resources: [stackId],
    detail: {
      'stack-id': stackId,
      'logical-resource-id': logicalId,
      'physical-resource-id': name,
      'resource-type': 'AWS::Lambda::Function',
      'status-details': { status: 'UPDATE_COMPLETE', 'status-reason': '' },
      'client-request-token': '',
    },
  };
}

const embedded = z.object({
  _aws: z.object({
    Timestamp: z.number(),
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.literal(NAMESPACE),
        Metrics: z.array(z.object({ Name: z.string(), Unit: z.string() })),
      }),
    ),
  }),
  subject: z.optional(z.string()),
  evidence: z.optional(z.string()),
  run: z.optional(z.string()),
});
const values = z.record(z.string(), z.unknown());
const value = z.union([z.number(), z.array(z.number())]);

function samplesOf(line: string): Sample[] {
  if (!line.startsWith('{"_aws"')) return [];
  const fields: unknown = JSON.parse(line);
  const { _aws, subject, evidence, run } = embedded.parse(fields);
  const known = values.parse(fields);
  return _aws.CloudWatchMetrics.flatMap(({ Metrics }) =>
    Metrics.flatMap(({ Name: metric, Unit: unit }) =>
      [value.parse(known[metric])].flat().map((each) => ({
        metric,
        value: each,
        unit,
        subject,
        evidence,
        run,
        at: _aws.Timestamp,
      })),
    ),
  );
}
