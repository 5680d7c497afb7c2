import {
  CloudFormationClient,
  DeleteStackCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
  paginateListStackResources,
} from '@aws-sdk/client-cloudformation';
import * as z from 'zod/mini';
import type { Stacks } from '../../ports/stacks.ts';
import { readOf, unexpected } from './answers.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';
import { oncePerPlace } from './credentials.ts';
import { awsFunctionSource } from './function-source.ts';

/** Resources that are gone, of a stack whose deletion has failed or goes on. */
const GONE = 'DELETE_COMPLETE';

/** What descriptions of our stacks begin with. */
const OURS = 'Recohere: ';

const stackSchema = z.object({
  StackStatus: z.string(),
  Description: z.optional(z.string()),
  StackStatusReason: z.optional(z.string()),
  EnableTerminationProtection: z.optional(z.boolean()),
  Outputs: z.optional(
    z.array(z.object({ OutputKey: z.optional(z.string()), OutputValue: z.optional(z.string()) })),
  ),
});

const resourceSchema = z.object({
  LogicalResourceId: z.string(),
  PhysicalResourceId: z.optional(z.string()),
  ResourceType: z.string(),
  ResourceStatus: z.string(),
  ResourceStatusReason: z.optional(z.string()),
});

/** As far as it says what stays. The CDK writes templates as JSON. */
const templateSchema = z.object({
  Resources: z.record(z.string(), z.object({ DeletionPolicy: z.optional(z.string()) })),
});
const RETAINING = ['Retain', 'RetainExceptOnCreate'];

/** Stacks of the caller's own account. */
export function awsStacks(): Stacks {
  const { ownAccount } = awsFunctionSource();
  const clientOf = oncePerPlace(({ region }) => new CloudFormationClient({ region, ...CLIENT_BOUNDS }));
  return {
    account: (region) => ownAccount({ region }),

    async read(region, name) {
      const client = clientOf({ region });
      const stack = await describeStack(client, name);
      if (stack === undefined) return undefined;
      const retained = await retainedIds(client, name);
      const resources = (await listResources(client, name))
        .filter(({ status }) => status !== GONE)
        .map(({ type, name, logicalId }) => ({ type, name, isRetained: retained.has(logicalId) }));
      const { status, isProtected, isOurs } = stack;
      return { status, isProtected, isOurs, resources };
    },

    async remove(region, name) {
      const command = new DeleteStackCommand({ StackName: name });
      await asking('cloudformation:DeleteStack', (bounded) => clientOf({ region }).send(command, bounded));
    },

    async deletion(region, name) {
      const client = clientOf({ region });
      const stack = await describeStack(client, name);
      if (stack?.status !== 'DELETE_FAILED') return stack && { status: stack.status, reasons: [] };
      const failed = (await listResources(client, name)).filter(({ status }) => status === 'DELETE_FAILED');
      const reasons = failed.map(
        ({ type, name, reason = 'no reason is given' }) => `${type} ${name}: ${reason}`,
      );
      return { status: stack.status, reasons: reasons.length > 0 ? reasons : [stack.reason ?? stack.status] };
    },
  };
}

/** `undefined` if there is no such stack. @throws RefusedError */
export async function describeStack(client: CloudFormationClient, name: string) {
  const call = 'cloudformation:DescribeStacks';
  const command = new DescribeStacksCommand({ StackName: name });
  const answer = await asking(call, (bounded) => client.send(command, bounded).catch(undefinedIfNoStack));
  if (answer === undefined) return undefined;
  const found = readOf(call, stackSchema, answer.Stacks?.[0]);
  const { StackStatus, StackStatusReason, EnableTerminationProtection, Outputs = [], Description } = found;
  return {
    status: StackStatus,
    reason: StackStatusReason,
    isProtected: EnableTerminationProtection ?? false,
    outputs: Outputs,
    isOurs:
      Outputs.some(({ OutputKey }) => OutputKey === 'Release') || Description?.startsWith(OURS) === true,
  };
}

/** All resources of a stack that is there. One that was never made has no name but that in the template. @throws RefusedError */
export async function listResources(client: CloudFormationClient, stack: string) {
  const call = 'cloudformation:ListStackResources';
  const found = await asking(call, async (bounded) => {
    const all: unknown[] = [];
    for await (const page of paginateListStackResources({ client }, { StackName: stack }, bounded)) {
      all.push(...(page.StackResourceSummaries ?? []));
    }
    return all;
  });
  return readOf(call, z.array(resourceSchema), found).map((resource) => ({
    logicalId: resource.LogicalResourceId,
    name: resource.PhysicalResourceId || resource.LogicalResourceId,
    type: resource.ResourceType,
    status: resource.ResourceStatus,
    reason: resource.ResourceStatusReason,
  }));
}

/** Which resources stay, by the template. */
async function retainedIds(client: CloudFormationClient, stack: string): Promise<ReadonlySet<string>> {
  const call = 'cloudformation:GetTemplate';
  const command = new GetTemplateCommand({ StackName: stack });
  const { TemplateBody = '' } = await asking(call, (bounded) => client.send(command, bounded));
  const { Resources } = readOf(call, templateSchema, parsed(call, TemplateBody));
  const retained = Object.entries(Resources).filter(([, { DeletionPolicy = '' }]) =>
    RETAINING.includes(DeletionPolicy),
  );
  return new Set(retained.map(([id]) => id));
}

function parsed(call: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpected(call);
  }
}

/** CloudFormation has no error of its own for it, only a text. */
function undefinedIfNoStack(error: unknown): undefined {
  if (error instanceof Error && error.name === 'ValidationError' && /does not exist/.test(error.message))
    return;
  throw error;
}
