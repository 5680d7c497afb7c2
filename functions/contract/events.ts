import * as z from 'zod/mini';
import { ROTATION_EVENTS } from './event-patterns.ts';
import { VERSION_ID } from './names.ts';
import { CONSUMER_NAME_MAX, REPORT_DETAIL_TYPE, REPORT_SOURCE } from './probe.ts';

/** What every event on the bus has. @see https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html */
const envelope = {
  id: z.string().check(z.minLength(1), z.maxLength(100)),
  account: z.string().check(z.regex(/^\d{12}$/)),
  region: z.string().check(z.minLength(1), z.maxLength(30)),
  time: z.iso.datetime({ offset: true }),
};

const name = z.string().check(z.minLength(1), z.maxLength(2048));

/** `arn:aws:cloudformation:<region>:<account>:stack/<name>/<uuid>`, or a plain name. */
const stackId = z.pipe(
  name,
  z.transform((id: string) => (id.startsWith('arn:') ? (id.split('/')[1] ?? id) : id)),
);

/** A function's name, out of its name, ARN or part of an ARN, with or without a version or alias. */
const functionName = z.pipe(
  name,
  z.transform((id: string) => {
    const parts = id.split(':');
    return parts[parts.indexOf('function') + 1] ?? id;
  }),
);

const resourceStatus = z.object({
  ...envelope,
  source: z.literal('aws.cloudformation'),
  'detail-type': z.literal('CloudFormation Resource Status Change'),
  detail: z.object({
    'stack-id': stackId,
    'logical-resource-id': name,
    'physical-resource-id': z._default(z.string().check(z.maxLength(2048)), ''),
    'resource-type': name,
    'status-details': z.object({ status: name }),
  }),
});

const stackStatus = z.object({
  ...envelope,
  source: z.literal('aws.cloudformation'),
  'detail-type': z.literal('CloudFormation Stack Status Change'),
  detail: z.object({ 'stack-id': stackId, 'status-details': z.object({ status: name }) }),
});

const codeDeploy = z.object({
  ...envelope,
  source: z.literal('aws.codedeploy'),
  'detail-type': z.literal('CodeDeploy Deployment State-change Notification'),
  detail: z.object({ deploymentId: name, state: name }),
});

const codePipeline = z.object({
  ...envelope,
  source: z.literal('aws.codepipeline'),
  'detail-type': z.literal('CodePipeline Pipeline Execution State Change'),
  detail: z.object({ pipeline: name, 'execution-id': name, state: name }),
});

const lambdaCall = z.object({
  ...envelope,
  source: z.literal('aws.lambda'),
  'detail-type': z.literal('AWS API Call via CloudTrail'),
  detail: z.object({
    eventName: name,
    errorCode: z.optional(z.string()),
    requestParameters: z.nullish(z.object({ functionName: z.optional(functionName) })),
  }),
});

/** Subjects that one event may name. */
const SUBJECTS_MAX = 100;

/** The name of a subject: of a function, a tag's value, or `<stack>/<logical id>`, the longest of them. */
const subjectName = z.string().check(z.minLength(1), z.maxLength(512));

/** Our own, for pipelines outside of AWS. */
const deployFinished = z.object({
  ...envelope,
  source: z.literal('recohere.deploy'),
  'detail-type': z.literal('Deploy Finished'),
  detail: z
    .object({
      deployId: name,
      /** Names of subjects, as `scan` prints them. Without it, all that is watched is looked at. */
      functions: z.optional(z.array(subjectName).check(z.minLength(1), z.maxLength(SUBJECTS_MAX))),
      /** What the code of each of `functions` is to be: its `CodeSha256`, or the build id that the config compares. */
      expect: z.optional(z.object({ code: name })),
    })
    .check(
      z.refine(({ functions, expect }) => functions !== undefined || expect === undefined, {
        error: 'expects something of no function',
      }),
    ),
});

/** Every event that tells of a deploy. Anything else on the queue is a dead letter. */
export const deployEventSchema = z.union([
  resourceStatus,
  stackStatus,
  codeDeploy,
  codePipeline,
  lambdaCall,
  deployFinished,
]);
export type DeployEvent = z.output<typeof deployEventSchema>;

/** A version of a secret; or a process, of which our own helper makes the id. */
const id = z.string().check(z.regex(VERSION_ID));

/** What may say which secret it is; where it is not what it should be, it says nothing. */
const maybeName = z.catch(z.optional(name), undefined);
const arns = z.catch(z.array(name), []);

/** Native, needs no trail: a label has moved. */
const labelUpdated = z.object({
  ...envelope,
  source: z.literal('aws.secretsmanager'),
  'detail-type': z.literal('Secret Label Updated'),
  resources: arns,
  detail: z.object({ name: maybeName }),
});

/** `requestParameters` is null; where the secret stands is not documented, so it is looked for in several places. */
const rotationEvent = z.object({
  ...envelope,
  source: z.literal('aws.secretsmanager'),
  'detail-type': z.literal('AWS Service Event via CloudTrail'),
  resources: arns,
  detail: z.object({
    eventName: z.enum(ROTATION_EVENTS),
    additionalEventData: z.catch(z.optional(z.object({ SecretId: maybeName })), undefined),
    resources: z.catch(z.array(z.object({ ARN: maybeName })), []),
  }),
});

/** AWS writes the ARN as `arn` or `aRN`, and the request names the secret by its name, its ARN or a part of that. */
const secretCall = z.object({
  ...envelope,
  source: z.literal('aws.secretsmanager'),
  'detail-type': z.literal('AWS API Call via CloudTrail'),
  detail: z.object({
    eventName: name,
    errorCode: z.nullish(z.string()),
    requestParameters: z.catch(z.optional(z.object({ secretId: maybeName, name: maybeName })), undefined),
    responseElements: z.catch(
      z.optional(z.object({ arn: maybeName, aRN: maybeName, ARN: maybeName })),
      undefined,
    ),
  }),
});

/** A consumer's process has loaded a version that it had not before. */
const versionLoaded = z.object({
  ...envelope,
  source: z.literal(REPORT_SOURCE),
  'detail-type': z.literal(REPORT_DETAIL_TYPE),
  detail: z.object({
    consumer: z.string().check(z.minLength(1), z.maxLength(CONSUMER_NAME_MAX)),
    process: id,
    secret: name,
    versionId: id,
    loadedAt: z.iso.datetime({ offset: true }),
  }),
});

/** Every event that tells of a secret or its consumers. Anything else on the queue is a dead letter. */
export const secretEventSchema = z.union([labelUpdated, rotationEvent, secretCall, versionLoaded]);
export type SecretEvent = z.output<typeof secretEventSchema>;
