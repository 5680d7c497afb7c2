import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import {
  DescribeRuleCommand,
  EventBridgeClient,
  ResourceNotFoundException,
} from '@aws-sdk/client-eventbridge';
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  QueueDoesNotExist,
  SQSClient,
} from '@aws-sdk/client-sqs';
import pMap from 'p-map';
import type { FunctionDescription } from '../../ports/function-source.ts';
import { required } from './answers.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';
import { oncePerPlace } from './credentials.ts';
import { awsFunctionSource } from './function-source.ts';
import { describeStack, listResources, ownerOf } from './stacks.ts';

const RULES_AT_ONCE = 5;

/** What is deployed, as it is; nothing is changed. @throws RefusedError from every method */
export interface Inspection {
  /** Account of the caller's credentials. */
  account(region: string): Promise<string>;
  /** `undefined` if there is no such stack. */
  stack(region: string, name: string): Promise<InspectedStack | undefined>;
  /** Name of the stack that has made a resource, by its physical id; `undefined` if none has. */
  ownerOf(region: string, resource: string): Promise<string | undefined>;
  /** The rules of a stack that is there, on the default bus or on this one. */
  rules(region: string, stack: string, bus: string): Promise<readonly InspectedRule[]>;
  /** `undefined` if there is no such function. */
  functionState(region: string, name: string): Promise<FunctionDescription['progress'] | undefined>;
  /** How many messages are in a queue, about; `undefined` if there is no such queue. */
  messages(region: string, queue: string): Promise<number | undefined>;
}

export interface InspectedStack {
  /** As CloudFormation says it, such as `UPDATE_COMPLETE`. */
  readonly status: string;
  /** What its output `Release` says. */
  readonly release: string | undefined;
}

export interface InspectedRule {
  readonly name: string;
  readonly state: 'enabled' | 'disabled' | 'missing';
}

/** Looks with the credentials of the caller. Of functions nothing but their state leaves this module. */
export function awsInspection(): Inspection {
  const functions = awsFunctionSource();
  const options = ({ region }: { readonly region: string }) => ({ region, ...CLIENT_BOUNDS });
  const stacks = oncePerPlace((place) => new CloudFormationClient(options(place)));
  const events = oncePerPlace((place) => new EventBridgeClient(options(place)));
  const queues = oncePerPlace((place) => new SQSClient(options(place)));

  const describeRule = (region: string, Name: string, EventBusName: string | undefined) =>
    asking('events:DescribeRule', (bounded) =>
      events({ region })
        .send(new DescribeRuleCommand({ Name, EventBusName }), bounded)
        .catch(undefinedIf(ResourceNotFoundException)),
    );

  /** @param id On a bus of its own, AWS says `bus|name`; an emulator, the name alone. */
  async function rule(region: string, id: string, ownBus: string): Promise<InspectedRule> {
    const [name = '', bus] = id.split('|').toReversed();
    const found = (await describeRule(region, name, bus)) ?? (await describeRule(region, name, ownBus));
    if (found === undefined) return { name, state: 'missing' };
    return { name, state: found.State === 'DISABLED' ? 'disabled' : 'enabled' };
  }

  return {
    account: (region) => functions.ownAccount({ region }),

    async stack(region, name) {
      const found = await describeStack(stacks({ region }), name);
      const release = found?.outputs.find(({ OutputKey }) => OutputKey === 'Release');
      return found && { status: found.status, release: release?.OutputValue };
    },

    ownerOf: (region, resource) => ownerOf(stacks({ region }), resource),

    async rules(region, stack, bus) {
      const resources = await listResources(stacks({ region }), stack);
      const ids = resources.flatMap(({ type, name }) => (type === 'AWS::Events::Rule' ? [name] : []));
      return pMap(ids, (id) => rule(region, id, bus), { concurrency: RULES_AT_ONCE });
    },

    functionState: async (region, name) => (await functions.read({ region }, name))?.progress,

    async messages(region, queue) {
      const client = queues({ region });
      const found = await asking('sqs:GetQueueUrl', (bounded) =>
        client
          .send(new GetQueueUrlCommand({ QueueName: queue }), bounded)
          .catch(undefinedIf(QueueDoesNotExist)),
      );
      if (found === undefined) return undefined;
      const call = 'sqs:GetQueueAttributes';
      const command = new GetQueueAttributesCommand({
        QueueUrl: found.QueueUrl,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      });
      const { Attributes = {} } = await asking(call, (bounded) => client.send(command, bounded));
      const { ApproximateNumberOfMessages: waiting, ApproximateNumberOfMessagesNotVisible: taken = '0' } =
        Attributes;
      return Number(required(call, waiting)) + Number(taken);
    },
  };
}

function undefinedIf(absent: new (...args: never[]) => Error): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof absent)) throw error;
  };
}
