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
