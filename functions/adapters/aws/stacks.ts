import {
  CloudFormationClient,
  DeleteStackCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
  paginateListStackResources,
} from '@aws-sdk/client-cloudformation';
import * as z from 'zod/mini';
import type { Stacks } from '../../ports/stacks.ts';
import { readOf, required } from './answers.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';
import { oncePerPlace } from './credentials.ts';
import { awsFunctionSource } from './function-source.ts';

/** Resources that are gone, of a stack whose deletion has failed or goes on. */
const GONE = 'DELETE_COMPLETE';

/** Of resources that a stack does not have any more, be they gone or retained. */
const LEFT = [GONE, 'DELETE_SKIPPED'];

/** What descriptions of our stacks begin with. */
const OURS = 'Recohere: ';

const stackSchema = z.object({
  StackStatus: z.string(),
  Description: z.optional(z.string()),
  StackStatusReason: z.optional(z.string()),
  EnableTerminationProtection: z.optional(z.boolean()),
  Parameters: z.optional(
    z.array(z.object({ ParameterKey: z.optional(z.string()), ParameterValue: z.optional(z.string()) })),
  ),
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

const ownedSchema = z.array(z.object({ StackName: z.string(), ResourceStatus: z.string() }));

/** As far as it says what stays. */
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
      const { status, isProtected, hubAccount, isOurs } = stack;
      const said = { status, isProtected, hubAccount, isOurs };
      // one that is only reviewed has no template
      if (!isOurs || status === 'REVIEW_IN_PROGRESS') return { ...said, resources: [] };
      const retained = await retainedIds(client, name);
      if (retained === undefined) return { ...said, isOurs: false, resources: [] };
      const resources = (await listResources(client, name))
        .filter((resource) => resource.status !== GONE)
        .map(({ type, name, logicalId }) => ({ type, name, isRetained: retained.has(logicalId) }));
      return { ...said, resources };
    },

    ownerOf: (region, resource) => ownerOf(clientOf({ region }), resource),

    async remove(region, name) {
      const command = new DeleteStackCommand({ StackName: name });
      return asking('cloudformation:DeleteStack', async (bounded) => {
        try {
          await clientOf({ region }).send(command, bounded);
          return undefined;
        } catch (error) {
          // such as that the role is gone which has deployed the stack
          if (error instanceof Error && error.name === 'ValidationError') return error.message;
          throw error;
        }
      });
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
  const { StackStatus, StackStatusReason, EnableTerminationProtection, Description } = found;
  const { Outputs = [], Parameters = [] } = found;
  const given = Parameters.find(({ ParameterKey }) => ParameterKey === 'HubAccount')?.ParameterValue;
  const told = Outputs.find(({ OutputKey }) => OutputKey === 'HubAccount')?.OutputValue;
  return {
    status: StackStatus,
    reason: StackStatusReason,
    isProtected: EnableTerminationProtection ?? false,
    outputs: Outputs,
    hubAccount: given || told || undefined,
    isOurs: Description?.startsWith(OURS) === true, // an output `Release`, others have too
  };
}

/** @see Stacks.ownerOf */
export async function ownerOf(client: CloudFormationClient, resource: string): Promise<string | undefined> {
  const call = 'cloudformation:DescribeStackResources';
  const command = new DescribeStackResourcesCommand({ PhysicalResourceId: resource });
  const answer = await asking(call, (bounded) => client.send(command, bounded).catch(undefinedIfNoStack));
  const found = readOf(call, ownedSchema, answer?.StackResources ?? []);
  return found.find(({ ResourceStatus }) => !LEFT.includes(ResourceStatus))?.StackName;
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

/** Which resources stay, by the template; `undefined` if that is not JSON, and so not of the CDK. */
async function retainedIds(
  client: CloudFormationClient,
  stack: string,
): Promise<ReadonlySet<string> | undefined> {
  const call = 'cloudformation:GetTemplate';
  const command = new GetTemplateCommand({ StackName: stack });
  const { TemplateBody } = await asking(call, (bounded) => client.send(command, bounded));
  const template = parsed(required(call, TemplateBody));
  if (template === undefined) return undefined;
  const { Resources } = readOf(call, templateSchema, template);
  const retained = Object.entries(Resources).filter(([, { DeletionPolicy = '' }]) =>
    RETAINING.includes(DeletionPolicy),
  );
  return new Set(retained.map(([id]) => id));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** CloudFormation has no error of its own for it, only a text. */
function undefinedIfNoStack(error: unknown): undefined {
  if (error instanceof Error && error.name === 'ValidationError' && /does not exist/.test(error.message))
    return;
  throw error;
}
