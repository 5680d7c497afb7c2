import { REPORT_SOURCE } from './probe.ts';

/** What CloudFormation's states end with when something has come to rest, rolled back or not. */
export const RESTING_SUFFIXES = ['_COMPLETE', '_FAILED'] as const;

/** States of CodeDeploy and CodePipeline in which a deploy has ended, well or not. */
export const ENDED_STATES = [
  ...['SUCCESS', 'FAILURE', 'STOP'], // of CodeDeploy
  ...['SUCCEEDED', 'FAILED', 'STOPPED', 'CANCELED'], // of CodePipeline
] as const;

/**
 * Calls of Lambda that can move something. Its own names carry a date and a version, such as
 * `UpdateFunctionCode20150331v2`, so they are compared by prefix.
 */
export const MOVING_CALLS = [
  'CreateFunction',
  'DeleteFunction',
  'UpdateFunctionCode',
  'UpdateFunctionConfiguration',
  'PublishVersion',
  'CreateAlias',
  'UpdateAlias',
  'DeleteAlias',
] as const;

/** Events with which Secrets Manager tells how a rotation goes; those of tests of a rotation are none. */
export const ROTATION_EVENTS = [
  'RotationStarted',
  'RotationSucceeded',
  'RotationFailed',
  'RotationAbandoned',
] as const;

/** Calls of Secrets Manager that can move a label, or make and unmake replicas. */
export const SECRET_CALLS = [
  'CreateSecret',
  'PutSecretValue',
  'UpdateSecret',
  'UpdateSecretVersionStage',
  'ReplicateSecretToRegions',
  'RemoveRegionsFromReplication',
  'StopReplicationToReplica',
  'DeleteSecret',
  'RestoreSecret',
] as const;

/** What a region forwards, by rule. As narrow as patterns can be: each event that passes is paid for, and looked at. */
export const EVENT_PATTERNS = {
  resources: {
    source: ['aws.cloudformation'],
    detailType: ['CloudFormation Resource Status Change'],
    detail: {
      'resource-type': ['AWS::Lambda::Function'],
      'status-details': { status: RESTING_SUFFIXES.map((suffix) => ({ suffix })) },
    },
  },
  stacks: {
    source: ['aws.cloudformation'],
    detailType: ['CloudFormation Stack Status Change'],
    detail: { 'status-details': { status: RESTING_SUFFIXES.map((suffix) => ({ suffix })) } },
  },
  pipelines: {
    source: ['aws.codedeploy', 'aws.codepipeline'],
    detailType: [
      'CodeDeploy Deployment State-change Notification',
      'CodePipeline Pipeline Execution State Change',
    ],
    detail: { state: [...ENDED_STATES] },
  },
  calls: {
    source: ['aws.lambda'],
    detailType: ['AWS API Call via CloudTrail'],
    detail: {
      eventName: MOVING_CALLS.map((prefix) => ({ prefix })),
      errorCode: [{ exists: false }],
    },
  },
  labels: { source: ['aws.secretsmanager'], detailType: ['Secret Label Updated'] },
  rotations: {
    source: ['aws.secretsmanager'],
    detailType: ['AWS Service Event via CloudTrail'],
    detail: { eventName: [...ROTATION_EVENTS] },
  },
  secrets: {
    source: ['aws.secretsmanager'],
    detailType: ['AWS API Call via CloudTrail'],
    detail: { eventName: [...SECRET_CALLS], errorCode: [{ exists: false }] },
  },
  ours: { source: ['recohere.deploy', REPORT_SOURCE] },
} as const;

/** Sources that the hub's bus passes on to verify-rotation, whatever else is in the event: it says what is wrong with it. */
export const ROTATION_SOURCES: readonly string[] = ['aws.secretsmanager', REPORT_SOURCE];

/** The same for verify-deploy: all others that regions forward. */
export const DEPLOY_SOURCES = [
  ...new Set(Object.values(EVENT_PATTERNS).flatMap(({ source }): string[] => [...source])),
].filter((source) => !ROTATION_SOURCES.includes(source));
