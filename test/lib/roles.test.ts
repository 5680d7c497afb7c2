import { describe, expect, it } from 'vitest';
import { rolesOf } from './roles.ts';

const document = (statement: object) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', ...statement }],
});

/** The rows of one role, which is ordinary but for what is said. */
function rowsOf({ statement = {}, trust = {}, properties = {} }) {
  const permissions = { Action: 'dynamodb:GetItem', Resource: '*', ...statement };
  const lambda = { Action: 'sts:AssumeRole', Principal: { Service: 'lambda.amazonaws.com' }, ...trust };
  const Properties = {
    RoleName: 'copies-one',
    AssumeRolePolicyDocument: document(lambda),
    Policies: [{ PolicyName: 'permissions', PolicyDocument: document(permissions) }],
    ...properties,
  };
  return rolesOf({ Resources: { Role: { Type: 'AWS::IAM::Role', Properties } } });
}

describe('the table of roles', () => {
  it('has a row for a role', () => {
    expect(rowsOf({})).toEqual([
      [
        '`<prefix>-one`, in the account of the hub',
        'Lambda',
        'items: names, hashes, times',
        '–',
        'the whole account',
      ],
    ]);
  });

  it.each([
    ['an action', { statement: { Action: ['dynamodb:GetItem', 'dynamodb:DeleteItem'] } }],
    ['all actions of a service', { statement: { Action: 'dynamodb:*' } }],
    ['all actions but some', { statement: { Action: undefined, NotAction: 'iam:*' } }],
    ['a condition', { statement: { Condition: { StringEquals: { 'aws:PrincipalTag/a': 'b' } } } }],
    [
      'other regions',
      { statement: { Condition: { StringEquals: { 'aws:RequestedRegion': ['eu-west-3'] } } } },
    ],
    ['a resource', { statement: { Resource: 'arn:aws:s3:::bucket' } }],
    ['another service that may assume it', { trust: { Principal: { Service: 'ec2.amazonaws.com' } } }],
    ['everybody who may assume it', { trust: { Principal: { AWS: '*' } } }],
    ['a policy of AWS', { properties: { ManagedPolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'] } }],
  ])('fails for %s that it has no words for', (_reason, role) => {
    expect(() => rowsOf(role)).toThrow();
  });
});
