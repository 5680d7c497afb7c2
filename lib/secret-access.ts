import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { SECRET_VALUE_ACTIONS } from './permissions.ts';

/** The account of some ARNs. CloudFormation's own variables do as well. */
export interface ArnOwner {
  readonly partition: string;
  readonly account: string;
}

/**
 * Characters of one list of ARNs, as JSON. The policies of a role may have 10,240 in all, which leaves some 3,000 beside two
 * lists, and a parameter of a template 4,096. Enough for 22 secrets with names of 20 characters, or for 50 such probes.
 */
const ARNS_CHARACTERS_MAX = 3_500;

/** Longer than in most installations, so that the bound is the same in all. */
const ANY_OWNER: ArnOwner = { partition: 'aws-us-gov', account: '0'.repeat(12) };

/**
 * What is asked of IAM when some secrets of an account are read, in any region. A secret's ARN ends with six characters of
 * chance. Where a secret is not, IAM is asked about its name alone: who may not read that is refused, and so cannot tell that
 * the replica is missing.
 *
 * More names than policies have room for become all secrets of the account: what is read of them holds no value.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html
 */
export function secretArns(owner: ArnOwner, names: readonly string[]): string[] {
  const arnsOf = ({ partition, account }: ArnOwner) =>
    names.flatMap((name) =>
      [`${name}-??????`, name].map((end) => `arn:${partition}:secretsmanager:*:${account}:secret:${end}`),
    );
  if (fits(arnsOf(ANY_OWNER))) return arnsOf(owner);
  return [`arn:${owner.partition}:secretsmanager:*:${owner.account}:secret:*`];
}

/** ARNs of some functions of an account, `name` or `name:alias`, in any region. */
export function probeArns({ partition, account }: ArnOwner, probes: readonly string[]): string[] {
  return probes.map((probe) => `arn:${partition}:lambda:*:${account}:function:${probe}`);
}

/** Whether policies have room for the probes of one account. If not, nothing else will do: who may invoke all may do anything. */
export function hasRoomFor(probes: readonly string[]): boolean {
  return fits(probeArns(ANY_OWNER, probes));
}

function fits(arns: readonly string[]): boolean {
  return JSON.stringify(arns).length <= ARNS_CHARACTERS_MAX;
}

/**
 * Denies values of secrets, whatever else a role is allowed, now or later.
 * @param but ARN of the one secret whose value the role may read. @default none
 */
export function denyingValues(but?: string): PolicyStatement {
  return new PolicyStatement({
    effect: Effect.DENY,
    actions: [...SECRET_VALUE_ACTIONS],
    ...(but === undefined ? { resources: ['*'] } : { notResources: [but] }),
  });
}
