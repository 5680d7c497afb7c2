/** The code of an AWS region, in any partition. Says nothing of whether the region exists. */
export const REGION_CODE = /^[a-z]{2,4}(-[a-z]+){1,2}-\d{1,2}$/;

/** The name of a function, in which `*` may stand for any text. Versions and aliases are no part of it. */
export const FUNCTION_NAME_PATTERN = /^[A-Za-z0-9_*-]{1,140}$/;

/** The name of a CloudFormation stack, in which `*` may stand for any text. */
export const STACK_NAME_PATTERN = /^[A-Za-z0-9*-]{1,128}$/;

/** The name of a secret. It may hold `/`, and end like an ARN, with `-` and six characters. */
export const SECRET_NAME = /^[A-Za-z0-9/_+=.@-]{1,512}$/;

/** The id of a version of a secret: a UUID, or what a caller chose. */
export const VERSION_ID = /^[\w+/=.-]{1,64}$/;

/** The name of a DynamoDB table. */
export const TABLE_NAME = /^[a-zA-Z0-9_.-]{3,255}$/;

/** What makes a table one whose removals reach somebody else, or cannot be taken back; each must be acknowledged by name. */
export const HAZARDS = ['streams', 'replicas', 'no-point-in-time-recovery'] as const;
export type Hazard = (typeof HAZARDS)[number];

/** The id of a run. It is part of names of objects, and of an execution of Step Functions, which has 80 characters. */
export const RUN_ID = /^[a-z0-9][a-z0-9-]{0,71}$/;

/** What a caller may add to tell one run from the next. */
export const TOKEN = /^[A-Za-z0-9:-]{1,32}$/;

/** What may be rehearsed. */
export const SCENARIOS = [
  'bad-deploy',
  'lost-events',
  'stuck-replica',
  'region-outage',
  'duplicate-writes',
] as const;
export type Scenario = (typeof SCENARIOS)[number];
