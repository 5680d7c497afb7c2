import * as z from 'zod';
import type { CfnTemplate } from './resource-costs.ts';

const texts = z.union([z.string(), z.array(z.string())]).transform((each) => [each].flat());
const shared = { Action: texts, Condition: z.optional(z.unknown()) };
const statement = z.union([
  z.strictObject({ ...shared, Effect: z.enum(['Allow', 'Deny']), Resource: texts }),
  z.strictObject({ ...shared, Effect: z.enum(['Allow', 'Deny']), NotResource: texts }),
]);
type Statement = z.output<typeof statement>;

/** Strict, so that nothing that gives a role more is overlooked. */
const role = z.strictObject({
  RoleName: z.string(),
  Description: z.optional(z.string()),
  AssumeRolePolicyDocument: z.unknown(),
  Policies: z.array(
    z.strictObject({
      PolicyName: z.string(),
      PolicyDocument: z.strictObject({ Version: z.literal('2012-10-17'), Statement: z.array(statement) }),
    }),
  ),
});

/** A role that is made, and all that it may and may not do. */
export interface MadeRole {
  readonly name: string;
  readonly statements: readonly Statement[];
}

/**
 * The roles among resources as CloudFormation makes them.
 * @throws Error for anything else that could give somebody a permission
 */
export function rolesIn(resources: CfnTemplate['Resources']): MadeRole[] {
  return Object.entries(resources).flatMap(([id, { Type, Properties }]) => {
    if (Type === 'AWS::IAM::Role') {
      const { RoleName, Policies } = role.parse(Properties);
      return [
        { name: RoleName, statements: Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement) },
      ];
    }
    if (/^AWS::(IAM|SecretsManager)::/.test(Type) && Type !== 'AWS::SecretsManager::Secret')
      throw new Error(`whom does ${id} (${Type}) permit what?`);
    return [];
  });
}

/**
 * What IAM decides of a call by a role. The worst is assumed of conditions: that those of an allowing statement hold, and those of
 * a denying one do not.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-single-account.html
 */
export function decision(
  { statements }: MadeRole,
  action: string,
  resource: string,
): 'allowed' | 'denied' | 'neither' {
  const speaking = statements.filter((each) => {
    const isMeant = each.Action.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase()));
    if (!isMeant) return false;
    if ('Resource' in each) return each.Resource.some((pattern) => matches(pattern, resource));
    return !each.NotResource.some((pattern) => matches(pattern, resource));
  });
  if (speaking.some(({ Effect, Condition }) => Effect === 'Deny' && Condition === undefined)) return 'denied';
  return speaking.some(({ Effect }) => Effect === 'Allow') ? 'allowed' : 'neither';
}

/** Whether a text fits a pattern of IAM: `*` stands for any text, `?` for one character. */
function matches(pattern: string, text: string): boolean {
  const expression = pattern
    .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('\\*', '.*')
    .replaceAll('\\?', '.');
  return new RegExp(`^${expression}$`, 's').test(text);
}
