import { describe, expect, it } from 'vitest';
import type { RecohereConfig } from '../../functions/contract/config.ts';
import { hasRoomFor, probeArns, secretArns } from '../../lib/secret-access.ts';
import { rolesIn } from './decision.ts';
import { evaluated, type WholeTemplate } from './evaluated.ts';
import { HUB_ACCOUNT, OTHER_ACCOUNT, synthesize, TWO_ACCOUNTS } from './synthesized.ts';

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length */
const ROLE_POLICIES_CHARACTERS_MAX = 10_240;
/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const PARAMETER_BYTES_MAX = 4_096;
/** More than most installations have. */
const ACCOUNTS = 20;

const namesOf = (kind: string, count: number) =>
  Array.from({ length: count }, (_none, id) => `production-checkout-${kind}-${id}`);

/** The longest of growing lists for which something holds. */
function longest(kind: string, holds: (names: readonly string[]) => boolean): string[] {
  let count = 1;
  while (holds(namesOf(kind, count + 1))) count++;
  return namesOf(kind, count);
}

const owner = { partition: 'aws', account: HUB_ACCOUNT };
const secrets = longest('secret', (names) => secretArns(owner, names).length === 2 * names.length);
const probes = longest('probe', hasRoomFor);

/** As many named secrets and probes as there is room for, in the hub's account and in another one of many. */
const config: RecohereConfig = {
  ...TWO_ACCOUNTS,
  prefix: 'p'.repeat(32),
  replicas: [
    ...TWO_ACCOUNTS.replicas,
    ...Array.from({ length: ACCOUNTS }, (_none, id) => ({
      region: 'us-east-1',
      account: `${300_000_000_000 + id}`,
    })),
  ],
  secrets: [HUB_ACCOUNT, OTHER_ACCOUNT].flatMap((account) =>
    secrets.map((name, position) => ({
      name,
      account,
      consumers: probes
        .filter((_probe, index) => index % secrets.length === position)
        .map((probe) => ({ name: probe, cacheSeconds: 0, probe })),
    })),
  ),
};

describe('the longest lists of secrets and probes that are named', () => {
  const { recohere, templateOf } = synthesize(config);
  const stacks = [recohere.hub, ...recohere.regions];

  it('are long enough for most', () => {
    expect(secrets.length).toBeGreaterThanOrEqual(15);
    expect(probes.length).toBeGreaterThanOrEqual(40);
  });

  it('fit into the policies of every role', () => {
    const roles = stacks.flatMap((stack) => {
      const { account, region } = stack;
      return rolesIn(evaluated(templateOf(stack).toJSON() as WholeTemplate, { account, region }));
    });
    const characters = roles.map(({ statements }) => JSON.stringify(statements).length);
    expect(Math.max(...characters)).toBeGreaterThan(0.8 * ROLE_POLICIES_CHARACTERS_MAX);
    expect(Math.max(...characters)).toBeLessThan(0.98 * ROLE_POLICIES_CHARACTERS_MAX); // what frames the statements
  });

  it('fit into the parameters of the region, where StackSets or Terraform deploy it', () => {
    for (const arns of [secretArns(owner, secrets), probeArns(owner, probes)]) {
      expect(arns.join().length).toBeGreaterThan(0.7 * PARAMETER_BYTES_MAX);
      expect(arns.join().length).toBeLessThanOrEqual(PARAMETER_BYTES_MAX);
    }
  });
});
