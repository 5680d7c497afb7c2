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

/** What a region forwards, by rule. As narrow as patterns can be: each event that passes is paid for, and looked at. */
export const DEPLOY_EVENT_PATTERNS = {
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
  ours: { source: ['recohere.deploy'] },
} as const;

/** Sources that the hub's bus passes on to verify-deploy, whatever else is in the event: it says what is wrong with it. */
export const DEPLOY_SOURCES = [
  ...new Set(Object.values(DEPLOY_EVENT_PATTERNS).flatMap(({ source }): string[] => [...source])),
];
