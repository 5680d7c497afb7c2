import type { Part } from '../functions/contract/deployment.ts';

/** What is read of functions: in the hub's account by the roles of our functions, elsewhere by the account's read role. */
export const READ_ACTIONS = [
  'lambda:ListFunctions',
  'lambda:GetFunctionConfiguration',
  'lambda:GetAlias',
  'tag:GetResources',
] as const;

/** What is read of secrets, in the same way: labels, versions and replicas. No value is in it. */
export const SECRET_READ_ACTIONS = [
  'secretsmanager:DescribeSecret',
  'secretsmanager:ListSecretVersionIds',
] as const;

/** How consumers of secrets are probed, in the same way. */
export const PROBE_ACTIONS = ['lambda:InvokeFunction'] as const;

/** What reads values of secrets. Every role of ours that reads anything is denied it, but for the fingerprint key. */
export const SECRET_VALUE_ACTIONS = [
  'secretsmanager:GetSecretValue',
  'secretsmanager:BatchGetSecretValue',
] as const;

/** What is done with the ledger's table. Nothing of ours deletes from it. */
export const LEDGER_READ_ACTIONS = ['dynamodb:GetItem'] as const;
export const LEDGER_ACTIONS = [...LEDGER_READ_ACTIONS, 'dynamodb:PutItem'] as const;

/** What reads episodes that have ended, and proofs of runs, out of the ledger's table. */
export const PROOF_ACTIONS = ['dynamodb:Query'] as const;

/** What is asked of a table before a run over it is planned. */
export const TABLE_LOOK_ACTIONS = ['dynamodb:DescribeTable', 'dynamodb:DescribeContinuousBackups'] as const;

/** How items of a table are read. */
export const TABLE_READ_ACTIONS = ['dynamodb:Scan', 'dynamodb:BatchGetItem'] as const;

/** How items are written: where the config allows to apply runs that put or remove some, and nowhere else. */
export const TABLE_PUT_ACTIONS = ['dynamodb:PutItem'] as const;
export const TABLE_REMOVE_ACTIONS = ['dynamodb:DeleteItem'] as const;

/** What is done with objects of a bucket beside tables: by who works on runs, and by who tells of them or forgets them. */
export const OBJECT_ACTIONS = {
  work: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
  tell: ['s3:GetObject', 's3:DeleteObject'],
} as const;

/** What is done with the bucket itself. */
export const BUCKET_ACTIONS = ['s3:ListBucket'] as const;

/** How those who look wake the function that sends notices, */
export const WAKE_ACTIONS = ['lambda:InvokeFunction'] as const;
/** and how it sends them, and asks for a pause of a rollout. */
export const NOTICE_ACTIONS = ['sns:Publish'] as const;
export const PAUSE_ACTIONS = ['events:PutEvents'] as const;

/** How an execution of a run begins. */
export const START_ACTIONS = ['states:StartExecution'] as const;

/** What is done with the ledger's index. */
export const INDEX_ACTIONS = ['dynamodb:Query'] as const;

export const LOG_ACTIONS = ['logs:CreateLogStream', 'logs:PutLogEvents'] as const;

export const TRACE_ACTIONS = ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'] as const;

/** What Step Functions asks of X-Ray. @see https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html */
export const STATE_MACHINE_TRACE_ACTIONS = [
  ...TRACE_ACTIONS,
  'xray:GetSamplingRules',
  'xray:GetSamplingTargets',
] as const;

export const CONSUME_ACTIONS = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'] as const;

/**
 * What Lambda itself does with the role of a function: no call of the function's code stands behind it. The rest of a
 * role's actions are calls of its code.
 */
export const RUNTIME_ACTIONS = {
  'verify-deploy': [...LOG_ACTIONS, ...TRACE_ACTIONS, ...CONSUME_ACTIONS],
  'verify-rotation': [...LOG_ACTIONS, ...TRACE_ACTIONS, ...CONSUME_ACTIONS],
  // a sweep that failed becomes a dead letter
  sweep: [...LOG_ACTIONS, ...TRACE_ACTIONS, 'sqs:SendMessage'],
  // so does what nobody waits for, if it fails
  notify: [...LOG_ACTIONS, ...TRACE_ACTIONS, 'sqs:SendMessage'],
  widget: [...LOG_ACTIONS, ...TRACE_ACTIONS],
  // and a request that a rule has sent
  reconcile: [...LOG_ACTIONS, ...TRACE_ACTIONS, 'sqs:SendMessage'],
  'reconcile-worker': [...LOG_ACTIONS, ...TRACE_ACTIONS],
} as const satisfies Record<Part, readonly string[]>;
