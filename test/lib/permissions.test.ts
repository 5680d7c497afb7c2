import { describe, expect, it } from 'vitest';
import { DEPLOYED, PARTS } from '../../functions/contract/deployment.ts';
import { READ_ACTIONS, RUNTIME_ACTIONS } from '../../lib/permissions.ts';
import { bundledCalls } from './bundled-calls.ts';
import { actionsOf, resourcesOf, statementsOf, synthesize, TWO_ACCOUNTS } from './synthesized.ts';

/** Calls that IAM lets everybody make, and that which the SDK makes only if a client is told to look for its endpoint. */
const NEED_NO_PERMISSION = ['sts:GetCallerIdentity', 'dynamodb:DescribeEndpoints'];

describe('the permission proof', () => {
  const { recohere, templateOf } = synthesize(TWO_ACCOUNTS);
  const hub = templateOf(recohere.hub);

  it.each(PARTS)('%s may make the calls that are in its bundle, and no other', async (part) => {
    const calls = await bundledCalls(part);
    const runtime: readonly string[] = RUNTIME_ACTIONS[part];
    const allowed = actionsOf(statementsOf(hub, DEPLOYED.part('copies', part)));
    const ofItsCode = allowed.filter((action) => calls.has(action) || !runtime.includes(action));
    const needed = [...calls].filter((call) => !NEED_NO_PERMISSION.includes(call));
    expect(needed.length).toBeGreaterThan(5);
    expect(ofItsCode).toEqual(needed.toSorted());
    expect(runtime.filter((action) => !allowed.includes(action))).toEqual([]);
  });

  it('a role of another account may be read with by the same calls', async () => {
    const region = recohere.regions.find(({ account }) => account !== recohere.hub.account);
    const [role] = resourcesOf(templateOf(region ?? recohere.hub), 'AWS::IAM::Role').filter(
      ({ Properties }) => JSON.stringify(Properties.RoleName).includes('-read'),
    );
    const statements = role?.Properties.Policies.flatMap(
      ({ PolicyDocument }: { PolicyDocument: { Statement: [] } }) => PolicyDocument.Statement,
    );
    const calls = await bundledCalls('verify-deploy');
    const reads = [...calls].filter((call) => /^(lambda|tag):/.test(call));
    expect(actionsOf(statements)).toEqual(reads.toSorted());
    expect(READ_ACTIONS.toSorted()).toEqual(reads.toSorted());
  });

  it('nothing may decrypt, and only the fingerprint key is a secret that is read', () => {
    const stacks = [recohere.hub, recohere.monitoring, ...recohere.regions].map(templateOf);
    const statements = stacks.flatMap((template) =>
      resourcesOf(template, 'AWS::IAM::Role').flatMap(({ Properties }) =>
        (Properties.Policies ?? []).flatMap(
          ({ PolicyDocument }: { PolicyDocument: { Statement: { Action: string | string[] }[] } }) =>
            PolicyDocument.Statement,
        ),
      ),
    );
    expect(statements.length).toBeGreaterThan(20);
    expect(actionsOf(statements).filter((action) => /^kms:|\*/.test(action))).toEqual([]);
    expect(stacks.flatMap((template) => resourcesOf(template, 'AWS::IAM::Policy'))).toEqual([]);
    const [[key] = []] = Object.entries(hub.findResources('AWS::SecretsManager::Secret'));
    const reading = statements.filter(({ Action }) =>
      [Action].flat().some((action) => /^secretsmanager:/.test(action)),
    );
    expect(reading).toEqual(
      PARTS.map(() => ({ Action: 'secretsmanager:GetSecretValue', Effect: 'Allow', Resource: { Ref: key } })),
    );
  });
});
