import {
  Aws,
  CfnCondition,
  CfnParameter,
  type CfnParameterProps,
  Fn,
  type ICfnConditionExpression,
} from 'aws-cdk-lib';
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
import { EVENT_PATTERNS } from '../functions/contract/event-patterns.ts';
import { acknowledge } from './acknowledge.ts';
import { PROBE_ACTIONS, READ_ACTIONS, SECRET_READ_ACTIONS } from './permissions.ts';
import { deadLetterQueue } from './queues.ts';
import { denyingValues } from './secret-access.ts';

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
  /**
   * ARNs of the secrets of the account that the hub may read, but for their values.
   * @default those that the template's parameter names, which are none at first
   */
  readonly secretArns?: readonly string[];
  /**
   * ARNs of the functions of the account that the hub may invoke, to probe consumers of secrets.
   * @default those that the template's parameter names, which are none at first
   */
  readonly probeArns?: readonly string[];
}

/**
 * What forwards the events of one region to the hub, and lets the hub read the functions and secrets of the account.
 *
 * Its template has no assets and is the same for all regions and accounts, up to the defaults of its parameters and to ARNs that are
 * given, so that it can be sent out by StackSets or Terraform too. Hence it names account and region by CloudFormation's own variables.
 */
export class RecohereRegion extends Construct {
  constructor(scope: Construct, id: string, props: RecohereRegionProps) {
    super(scope, id);
    this.node.setContext(PATH_METADATA_ENABLE_CONTEXT, false); // paths differ from region to region
    const parameters = parametersOf(this, props);
    forwardEvents(this, parameters);
    makeReadRole(this, parameters);
  }
}

type Parameters = ReturnType<typeof parametersOf>;
type Arns = Parameters['secrets'];

function parametersOf(scope: Construct, props: RecohereRegionProps) {
  const make = (name: string, made: CfnParameterProps): CfnParameter => {
    const parameter = new CfnParameter(scope, name, made);
    parameter.overrideLogicalId(name);
    return parameter;
  };
  const parameter = (name: string, value: string, allowedPattern: string, description: string): string =>
    make(name, { default: value, allowedPattern, description }).valueAsString;
  /**
   * A list, and on what condition there is anything in it: as the default of a list, nothing is one empty text. What the CDK deploys has the
   * list itself: of a parameter it would keep the value that the stack had before, whatever the default is now.
   */
  const arns = (name: string, given: readonly string[], allowedPattern: string, description: string) => {
    if (given.length > 0) return { list: [...given], areGiven: undefined };
    const type = 'CommaDelimitedList';
    const list = make(name, { type, default: '', allowedPattern, description }).valueAsList;
    const isEmpty = Fn.conditionEquals(Fn.join('', list), '');
    return { list, areGiven: condition(scope, `Has${name}`, Fn.conditionNot(isEmpty)) };
  };
  const { prefix, hubRegion, hubAccount = '', readRoleRegion = '', externalId = '' } = props;
  const { secretArns = [], probeArns = [] } = props;
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
      'The one region whose stack makes the role with which the hub reads this account; empty for none',
    ),
    externalId: parameter(
      'ExternalId',
      externalId,
      '^[\\w+=,.@:/-]*$',
      'External id that the hub must give to assume that role; empty for none',
    ),
    secrets: arns(
      'SecretArns',
      secretArns,
      '^(arn:[a-z-]+:secretsmanager:\\S+)?$',
      'ARNs of the secrets of this account that the hub may read, but for their values; empty for none',
    ),
    probes: arns(
      'ProbeArns',
      probeArns,
      '^(arn:[a-z-]+:lambda:\\S+)?$',
      'ARNs of the functions of this account that the hub may invoke, to probe consumers of secrets; empty for none',
    ),
  };
}

function condition(scope: Construct, name: string, expression: ICfnConditionExpression): CfnCondition {
  const made = new CfnCondition(scope, name, { expression });
  made.overrideLogicalId(name);
  return made;
}

function forwardEvents(scope: Construct, parameters: Parameters): void {
  const { prefix, hubRegion, hubAccount, isInHubAccount } = parameters;
  const account = Fn.conditionIf(isInHubAccount.logicalId, Aws.ACCOUNT_ID, hubAccount).toString();
  const busArn = `arn:${Aws.PARTITION}:events:${hubRegion}:${account}:event-bus/${DEPLOYED.bus(prefix)}`;
  const role = new Role(scope, 'ForwardRole', {
    roleName: DEPLOYED.forwardRole(prefix, Aws.REGION),
    description: 'Puts events that tell of deploys and secrets on the bus of the hub',
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
  const rules = Object.entries(EVENT_PATTERNS).map(
    ([name, pattern]) =>
      new Rule(scope, `Forward-${name}`, {
        description: `Events that tell of deploys and secrets (${name}), to the hub`,
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
 * hub's functions: IAM refuses a policy that names a role which is not there yet. Whatever it may read, it may not read values
 * of secrets.
 */
function makeReadRole(scope: Construct, parameters: Parameters): void {
  const { prefix, hubAccount, isInHubAccount, readRoleRegion, externalId, secrets, probes } = parameters;
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
    description: 'Lets the hub of Recohere read the functions and secrets of this account',
    assumedBy: new ArnPrincipal(`${ofHub}:root`).withConditions({
      ArnLike: { 'aws:PrincipalArn': `${ofHub}:role/${prefix}-*` },
      StringEquals: Fn.conditionIf(hasExternalId.logicalId, { 'sts:ExternalId': externalId }, Aws.NO_VALUE),
    }),
    inlinePolicies: {
      read: new PolicyDocument({
        statements: [new PolicyStatement({ actions: [...READ_ACTIONS], resources: ['*'] }), denyingValues()],
      }),
    },
  });
  const resource = role.node.defaultChild as CfnRole;
  resource.cfnOptions.condition = makesReadRole;
  // an override, since the CDK's roles, and cdk-nag, know no policy that is there on a condition
  const allow = (position: number, name: string, { list, areGiven }: Arns, actions: readonly string[]) => {
    const policy = {
      PolicyName: name,
      PolicyDocument: new PolicyDocument({
        statements: [new PolicyStatement({ actions: [...actions], resources: list })],
      }),
    };
    resource.addPropertyOverride(
      `Policies.${position}`,
      areGiven ? Fn.conditionIf(areGiven.logicalId, policy, Aws.NO_VALUE) : policy,
    );
  };
  allow(1, 'secrets', secrets, SECRET_READ_ACTIONS);
  allow(2, 'probes', probes, PROBE_ACTIONS);
  acknowledge(role, {
    'AwsSolutions-IAM5[Resource::*]':
      'lambda:ListFunctions and tag:GetResources know no resources, and which functions are read is for the config of the hub to say.',
    'CloudFormation-Validate::W1028':
      'It takes the external id for unreachable, given or not, because the role has a condition of its own. Both are reached.',
  });
}
