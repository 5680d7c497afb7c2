import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackResourcesCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation';
import { GetFunctionConfigurationCommand, LambdaClient, TagResourceCommand } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, DeleteBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DeployedFunctions } from '../../local/deployed-functions.ts';
import { functionZip } from '../../local/function-zip.ts';
import { Folder } from './command.ts';
import { emulatorEndpoint } from './emulator.ts';
import { deleteStack, emptyBucket } from './leftovers.ts';

/** Those of the examples; no other test has functions there. */
const [HERE, THERE] = ['eu-west-2', 'ap-southeast-1'] as const;
const REGIONS = [HERE, THERE] as const;
const CREATED_WITHIN = { maxWaitTime: 60, minDelay: 1, maxDelay: 1 };

const README = readFileSync('examples/README.md', 'utf8');

interface DeployedByStack {
  readonly Type: 'AWS::Lambda::Function';
  readonly Properties: {
    FunctionName?: string;
    readonly Code: { S3Bucket: string; S3Key: string };
    readonly Environment: { readonly Variables: Record<string, string> };
    readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
  };
}

/** Functions of a template, by their logical ids, to be changed as a deploy would that did not reach a region. */
type Functions = Readonly<Record<string, DeployedByStack>>;

/** Stacks that foreign tools make, in both regions. */
class Stacks {
  readonly #made: { readonly region: string; readonly stack: string }[] = [];
  /** Regions of buckets. */
  readonly #buckets = new Map<string, string>();

  /**
   * Creates a stack, whose code is in a bucket of its region, as the tools put it there.
   *
   * What CloudFormation does and MiniStack leaves out is done here: names that nobody gave end in another random text in each region, and
   * functions carry the tags of their resource, of the stack and of CloudFormation itself.
   */
  async create(
    region: string,
    stack: string,
    file: string,
    { tags = {}, left }: { readonly tags?: Record<string, string>; readonly left: (own: Functions) => void },
  ): Promise<void> {
    const template = parse(readFileSync(`test/e2e/templates/${file}`, 'utf8'));
    const functions = functionsOf(template);
    if (region === THERE) left(functions);
    for (const [logicalId, { Properties }] of Object.entries(functions)) {
      const { Code } = Properties;
      Properties.FunctionName ??= `${stack}-${logicalId}-${randomUUID().slice(0, 12)}`;
      Code.S3Bucket += `-${region}`;
      await this.#upload(region, Code);
    }
    const cloudFormation = new CloudFormationClient({ region });
    this.#made.push({ region, stack });
    const { StackId = '' } = await cloudFormation.send(
      new CreateStackCommand({
        StackName: stack,
        TemplateBody: JSON.stringify(template),
        Capabilities: ['CAPABILITY_NAMED_IAM'],
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      }),
    );
    await waitUntilStackCreateComplete({ client: cloudFormation, ...CREATED_WITHIN }, { StackName: stack });
    const { StackResources = [] } = await cloudFormation.send(
      new DescribeStackResourcesCommand({ StackName: stack }),
    );
    const lambda = new LambdaClient({ region });
    for (const { LogicalResourceId = '', PhysicalResourceId: FunctionName } of StackResources) {
      const made = functions[LogicalResourceId];
      if (!made) continue;
      const { FunctionArn } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
      const Tags = {
        ...tags,
        ...Object.fromEntries(made.Properties.Tags?.map(({ Key, Value }) => [Key, Value]) ?? []),
        'aws:cloudformation:stack-id': StackId,
        'aws:cloudformation:stack-name': stack,
        'aws:cloudformation:logical-id': LogicalResourceId,
      };
      await lambda.send(new TagResourceCommand({ Resource: FunctionArn, Tags }));
    }
  }

  async removeAll(): Promise<void> {
    for (const { region, stack } of this.#made) await deleteStack(region, stack);
    for (const [bucket, region] of this.#buckets) {
      await emptyBucket(region, bucket);
      await s3(region).send(new DeleteBucketCommand({ Bucket: bucket }));
    }
  }

  /** Keys say which zip it is, so they are all that is in it. */
  async #upload(region: string, { S3Bucket, S3Key }: DeployedByStack['Properties']['Code']): Promise<void> {
    if (!this.#buckets.has(S3Bucket)) {
      this.#buckets.set(S3Bucket, region);
      await s3(region).send(new CreateBucketCommand({ Bucket: S3Bucket }));
    }
    const Body = functionZip(`// ${S3Key}`);
    await s3(region).send(new PutObjectCommand({ Bucket: S3Bucket, Key: S3Key, Body }));
  }
}

function s3(region: string): S3Client {
  return new S3Client({ region, endpoint: emulatorEndpoint(), forcePathStyle: true });
}

function functionsOf({ Resources }: { readonly Resources: Readonly<Record<string, unknown>> }): Functions {
  const isFunction = (each: unknown): each is DeployedByStack =>
    typeof each === 'object' && each !== null && 'Type' in each && each.Type === 'AWS::Lambda::Function';
  return Object.fromEntries(
    Object.entries(Resources).flatMap(([id, each]) => (isFunction(each) ? [[id, each]] : [])),
  );
}

describe('a scan of what another tool has deployed', () => {
  const stacks = new Stacks();
  const deployed = new DeployedFunctions();
  let folder: Folder;

  beforeAll(async () => {
    folder = await Folder.make();
    for (const region of REGIONS) {
      await stacks.create(region, 'bookstore', 'sam.yaml', {
        left: ({ Checkout }) => delete Checkout?.Properties.Environment.Variables.FEATURE_X,
      });
      await stacks.create(region, 'bookstore-live', 'serverless.yaml', {
        tags: { STAGE: 'live' },
        left: ({ CheckoutLambdaFunction, SendDashinvoiceLambdaFunction }) => {
          // the same build, zipped once more
          if (CheckoutLambdaFunction) CheckoutLambdaFunction.Properties.Code.S3Key += '.again.zip';
          const variables = SendDashinvoiceLambdaFunction?.Properties.Environment.Variables;
          if (variables) variables.PAYMENT_TIMEOUT = '30';
        },
      });
      for (const service of ['checkout', 'invoices']) {
        await deployed.deploy(region, `${service}-${region}`, {
          environment: { ORDERS_TABLE: 'orders' },
          memoryMb: region === THERE && service === 'invoices' ? 128 : 256,
          tags: { project: 'bookstore', service },
        });
      }
    }
  });

  afterAll(async () => {
    await stacks.removeAll();
    await deployed.removeAll();
    await folder.remove();
  });

  it.each([
    {
      tool: 'sam',
      subjects: [
        {
          subject: 'bookstore/Checkout',
          findings: [{ facet: 'env', kind: 'missing', keys: ['FEATURE_X'] }],
        },
        { subject: 'bookstore/Invoices', findings: [] },
      ],
    },
    {
      tool: 'serverless',
      subjects: [
        { subject: 'bookstore-live-checkout', findings: [] },
        {
          subject: 'bookstore-live-send-invoice',
          findings: [{ facet: 'env', kind: 'different', keys: ['PAYMENT_TIMEOUT'] }],
        },
      ],
    },
    {
      tool: 'terraform',
      subjects: [
        { subject: 'checkout', findings: [] },
        {
          subject: 'invoices',
          findings: [{ facet: 'settings', kind: 'different', keys: ['MemorySize'] }],
        },
      ],
    },
  ])('finds with the config of $tool exactly what was planted', async ({ tool, subjects }) => {
    const config = resolve('examples', tool, 'recohere.config.yaml');
    const { code, stdout } = await folder.recohere(['scan', '--config', config, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      regions: REGIONS,
      alone: [],
      refusals: [],
      unmatched: [],
      subjects: subjects.map(({ subject, findings }) => ({
        subject,
        findings: findings.map((finding) => ({ replica: THERE, ...finding, reference: HERE })),
      })),
    });
    for (const { subject } of subjects) expect(README).toContain(`\`${subject}\``);
    expect(code).toBe(1);
  });
});
