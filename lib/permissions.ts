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
export const LEDGER_ACTIONS = ['dynamodb:GetItem', 'dynamodb:PutItem'] as const;

/** What is done with the ledger's index. */
export const INDEX_ACTIONS = ['dynamodb:Query'] as const;

export const LOG_ACTIONS = ['logs:CreateLogStream', 'logs:PutLogEvents'] as const;

export const TRACE_ACTIONS = ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'] as const;

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
} as const satisfies Record<Part, readonly string[]>;
