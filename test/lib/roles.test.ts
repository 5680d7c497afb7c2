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

const POLICY = {
  PolicyName: 'permissions',
  PolicyDocument: document({ Action: 'dynamodb:GetItem', Resource: '*' }),
};
const DENIED = {
  Effect: 'Deny',
  Action: ['secretsmanager:BatchGetSecretValue', 'secretsmanager:GetSecretValue'],
};

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

  it('has a row for what is denied', () => {
    const [[, , sees, changes, limits] = []] = rowsOf({ statement: DENIED });
    expect([sees, changes, limits]).toEqual([
      'never: values of secrets, which it is denied',
      '–',
      'all secrets',
    ]);
  });

  it('has a row for a policy that not every account has', () => {
    const Policies = [{ 'Fn::If': ['HasSecretArns', POLICY, { Ref: 'AWS::NoValue' }] }];
    expect(rowsOf({ properties: { Policies } })).toEqual(rowsOf({}));
  });

  it.each([
    ['an action', { statement: { Action: ['dynamodb:GetItem', 'dynamodb:DeleteTable'] } }],
    ['all actions of a service', { statement: { Action: 'dynamodb:*' } }],
    ['all actions but some', { statement: { Action: undefined, NotAction: 'iam:*' } }],
    ['a condition', { statement: { Condition: { StringEquals: { 'aws:PrincipalTag/a': 'b' } } } }],
    [
      'other regions',
      { statement: { Condition: { StringEquals: { 'aws:RequestedRegion': ['eu-west-3'] } } } },
    ],
    ['a resource', { statement: { Resource: 'arn:aws:s3:::bucket' } }],
    ['another table', { statement: { Resource: 'arn:aws:dynamodb:us-east-1:111111111111:table/any' } }],
    ['all secrets', { statement: { Resource: 'arn:aws:secretsmanager:*:111111111111:secret:*' } }],
    ['another function', { statement: { Resource: 'arn:aws:lambda:*:111111111111:function:any' } }],
    ['anything else that is denied', { statement: { Effect: 'Deny' } }],
    [
      'values that are denied on a condition',
      { statement: { ...DENIED, Condition: { Bool: { 'aws:SecureTransport': 'false' } } } },
    ],
    [
      'one policy or another',
      { properties: { Policies: [{ 'Fn::If': ['HasSecretArns', POLICY, POLICY] }] } },
    ],
    ['another service that may assume it', { trust: { Principal: { Service: 'ec2.amazonaws.com' } } }],
    ['everybody who may assume it', { trust: { Principal: { AWS: '*' } } }],
    ['a policy of AWS', { properties: { ManagedPolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'] } }],
  ])('fails for %s that it has no words for', (_reason, role) => {
    expect(() => rowsOf(role)).toThrow();
  });
});
