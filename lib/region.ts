import { Aws, CfnCondition, CfnParameter, Fn, type ICfnConditionExpression } from 'aws-cdk-lib';
import { type EventPattern, type IRuleTarget, Rule } from 'aws-cdk-lib/aws-events';
import {
  ArnPrincipal,
  type CfnRole,
  PolicyDocument,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import { PATH_METADATA_ENABLE_CONTEXT } from 'aws-cdk-lib/cx-api';
import { Construct } from 'constructs';
import { DEPLOYED } from '../functions/contract/deployment.ts';
import { DEPLOY_EVENT_PATTERNS } from '../functions/contract/event-patterns.ts';
import { acknowledge } from './acknowledge.ts';
import { READ_ACTIONS } from './permissions.ts';
import { deadLetterQueue } from './queues.ts';

/** Defaults of the template's parameters. */
export interface RecohereRegionProps {
  /** The config's prefix. */
  readonly prefix: string;
  readonly hubRegion: string;
  /** @default the account of the stack */
  readonly hubAccount?: string | undefined;
  /**
   * Region whose stack makes the read role of the account. Never made in the hub's own account.
   * @default none makes one: the hub assumes another role, or none
   */
  readonly readRoleRegion?: string | undefined;
  /** External id that the hub must give. @default none */
  readonly externalId?: string | undefined;
}

/**
 * What forwards the events of one region to the hub, and lets the hub read the functions of the account.
 *
 * Its template has no assets and is the same for all regions and accounts up to the defaults of its parameters, so that
 * it can be sent out by StackSets or Terraform too. Hence it names account and region by CloudFormation's own variables.
 */
export class RecohereRegion extends Construct {
  constructor(scope: Construct, id: string, props: RecohereRegionProps) {
    super(scope, id);
    this.node.setContext(PATH_METADATA_ENABLE_CONTEXT, false); // paths differ from region to region
    const parameters = parametersOf(this, props);
    forwardDeploys(this, parameters);
    makeReadRole(this, parameters);
  }
}

type Parameters = ReturnType<typeof parametersOf>;

function parametersOf(scope: Construct, props: RecohereRegionProps) {
  const parameter = (name: string, value: string, allowedPattern: string, description: string): string => {
    const made = new CfnParameter(scope, name, { default: value, allowedPattern, description });
    made.overrideLogicalId(name);
    return made.valueAsString;
  };
  const { prefix, hubRegion, hubAccount = '', readRoleRegion = '', externalId = '' } = props;
  const account = parameter(
    'HubAccount',
    hubAccount,
    '^(\\d{12})?$',
    'Account of the hub; empty for the account of this stack',
  );
  return {
    hubAccount: account,
    isInHubAccount: condition(
      scope,
      'IsInHubAccount',
      Fn.conditionOr(Fn.conditionEquals(account, ''), Fn.conditionEquals(account, Aws.ACCOUNT_ID)),
    ),
    prefix: parameter(
      'Prefix',
      prefix,
      '^[a-z][a-z0-9-]{0,31}$',
      'Prefix of the config, which begins all names',
    ),
    hubRegion: parameter('HubRegion', hubRegion, '^[a-z0-9-]+$', 'Region of the hub'),
    readRoleRegion: parameter(
      'ReadRoleRegion',
      readRoleRegion,
      '^[a-z0-9-]*$',
      'The one region whose stack makes the role with which the hub reads functions of this account; empty for none',
    ),
    externalId: parameter(
      'ExternalId',
      externalId,
      '^[\\w+=,.@:/-]*$',
      'External id that the hub must give to assume that role; empty for none',
    ),
  };
}

function condition(scope: Construct, name: string, expression: ICfnConditionExpression): CfnCondition {
  const made = new CfnCondition(scope, name, { expression });
  made.overrideLogicalId(name);
  return made;
}

function forwardDeploys(scope: Construct, parameters: Parameters): void {
  const { prefix, hubRegion, hubAccount, isInHubAccount } = parameters;
  const account = Fn.conditionIf(isInHubAccount.logicalId, Aws.ACCOUNT_ID, hubAccount).toString();
  const busArn = `arn:${Aws.PARTITION}:events:${hubRegion}:${account}:event-bus/${DEPLOYED.bus(prefix)}`;
  const role = new Role(scope, 'ForwardRole', {
    roleName: DEPLOYED.forwardRole(prefix, Aws.REGION),
    description: 'Puts events that tell of deploys on the bus of the hub',
    assumedBy: new ServicePrincipal('events.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
    inlinePolicies: {
      forward: new PolicyDocument({
        statements: [new PolicyStatement({ actions: ['events:PutEvents'], resources: [busArn] })],
      }),
    },
  });
  const deadLetters = deadLetterQueue(scope, 'DeadLetters', DEPLOYED.deadLetters(prefix, 'region'));
  // The CDK's own target for buses names statements by the path of a construct, which differs from region to region.
  const hub: IRuleTarget = {
    bind: () => ({ arn: busArn, role, deadLetterConfig: { arn: deadLetters.queueArn } }),
  };
  const rules = Object.entries(DEPLOY_EVENT_PATTERNS).map(
    ([name, pattern]) =>
      new Rule(scope, `Forward-${name}`, {
        description: `Events that tell of deploys (${name}), to the hub`,
        eventPattern: structuredClone(pattern) as unknown as EventPattern,
        targets: [hub],
      }),
  );
  deadLetters.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('events.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [deadLetters.queueArn],
      conditions: { ArnEquals: { 'aws:SourceArn': rules.map(({ ruleArn }) => ruleArn) } },
    }),
  );
}

/**
 * Roles are global, so one stack of the account makes it. It trusts the hub's account, and in it what is named like the
 * hub's functions: IAM refuses a policy that names a role which is not there yet.
 */
function makeReadRole(scope: Construct, parameters: Parameters): void {
  const { prefix, hubAccount, isInHubAccount, readRoleRegion, externalId } = parameters;
  const hasExternalId = condition(
    scope,
    'HasExternalId',
    Fn.conditionNot(Fn.conditionEquals(externalId, '')),
  );
  const makesReadRole = condition(
    scope,
    'MakesReadRole',
    Fn.conditionAnd(Fn.conditionNot(isInHubAccount), Fn.conditionEquals(readRoleRegion, Aws.REGION)),
  );
  const ofHub = `arn:${Aws.PARTITION}:iam::${hubAccount}`;
  const role = new Role(scope, 'ReadRole', {
    roleName: DEPLOYED.readRole(prefix),
    description: 'Lets the hub of Recohere read the functions of this account',
    assumedBy: new ArnPrincipal(`${ofHub}:root`).withConditions({
      ArnLike: { 'aws:PrincipalArn': `${ofHub}:role/${prefix}-*` },
      StringEquals: Fn.conditionIf(hasExternalId.logicalId, { 'sts:ExternalId': externalId }, Aws.NO_VALUE),
    }),
    inlinePolicies: {
      read: new PolicyDocument({
        statements: [new PolicyStatement({ actions: [...READ_ACTIONS], resources: ['*'] })],
      }),
    },
  });
  (role.node.defaultChild as CfnRole).cfnOptions.condition = makesReadRole;
  acknowledge(role, {
    'AwsSolutions-IAM5[Resource::*]':
      'lambda:ListFunctions and tag:GetResources know no resources, and which functions are read is for the config of the hub to say.',
    'CloudFormation-Validate::W1028':
      'It takes the external id for unreachable, given or not, because the role has a condition of its own. Both are reached.',
  });
}
