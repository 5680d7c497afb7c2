import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  type FunctionOptions,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { ParsedConfig } from '../functions/contract/config.ts';
import { DEPLOYED, MEGABYTES, type Part } from '../functions/contract/deployment.ts';
import type { EnvironmentOf } from '../functions/contract/environment.ts';
import { RELEASE, RELEASE_VARIABLE } from '../functions/contract/release.ts';
import { acknowledge } from './acknowledge.ts';
import { handlerCode } from './handler-code.ts';
import { LOG_ACTIONS, TRACE_ACTIONS } from './permissions.ts';
import { denyingValues } from './secret-access.ts';
import type { Files } from './transforms.ts';

export interface HubFunctionProps<P extends Part> {
  readonly part: P;
  readonly description: string;
  readonly config: ParsedConfig;
  readonly environment: EnvironmentOf<P>;
  readonly timeout: Duration;
  /** What the function may do, beyond its own log and traces. */
  readonly permissions: readonly PolicyStatement[];
  /** ARN of the one secret whose value it may read. @default none */
  readonly keyArn?: string;
  readonly logRetention: RetentionDays;
  /** @default 512 */
  readonly memoryMegabytes?: number;
  /** What stands beside its bundle. @default only the config */
  readonly files?: Files;
  /** @default none */
  readonly options?: Pick<FunctionOptions, 'recursiveLoop' | 'retryAttempts' | 'maxEventAge' | 'onFailure'>;
}

/** One function of the hub, with a log and a role of its own. */
export class HubFunction<P extends Part> extends Construct {
  readonly function: LambdaFunction;

  constructor(scope: Construct, id: string, props: HubFunctionProps<P>) {
    super(scope, id);
    const { part, description, config, environment, timeout, permissions, keyArn, logRetention } = props;
    const { memoryMegabytes = MEGABYTES.usual, files, options } = props;
    const functionName = DEPLOYED.part(config.prefix, part);
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.function = new LambdaFunction(this, 'Function', {
      ...options,
      functionName,
      description,
      code: handlerCode(part, config, files),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: memoryMegabytes,
      timeout,
      environment: { ...environment, [RELEASE_VARIABLE]: RELEASE },
      tracing: Tracing.ACTIVE,
      logGroup,
      loggingFormat: LoggingFormat.JSON, // the handlers log objects; lines of metrics are JSON already, and stay as they are
      // all permissions stand in the role below: what the CDK would grant by itself is more than is used
      role: roleOf(this, functionName, [
        new PolicyStatement({ actions: [...LOG_ACTIONS], resources: [logGroup.logGroupArn] }),
        new PolicyStatement({ actions: [...TRACE_ACTIONS], resources: ['*'] }),
        ...permissions,
        ...valuesOnlyOf(keyArn),
      ]).withoutPolicyUpdates(),
    });
  }
}

function valuesOnlyOf(keyArn: string | undefined): PolicyStatement[] {
  if (keyArn === undefined) return [denyingValues()];
  const reading = new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [keyArn] });
  return [reading, denyingValues(keyArn)];
}

/** Named, since the roles of other accounts trust it by the beginning of its name. */
function roleOf(scope: Construct, roleName: string, statements: PolicyStatement[]): Role {
  const role = new Role(scope, 'Role', {
    roleName,
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    inlinePolicies: { permissions: new PolicyDocument({ statements, minimize: true }) },
  });
  acknowledge(role, {
    'AwsSolutions-IAM5[Resource::*]':
      'X-Ray, lambda:ListFunctions and tag:GetResources know no resources; functions are selected by the config, and reading is limited to the regions of replicas.',
  });
  return role;
}
