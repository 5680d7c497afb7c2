import * as z from 'zod';
import type { CfnTemplate } from './resource-costs.ts';

type Parameters = Readonly<Record<string, { readonly Type: string; readonly Default?: string }>>;

/** A template with all of its parts that decide what is made. */
export interface WholeTemplate extends CfnTemplate {
  readonly Parameters?: Parameters;
  readonly Conditions?: Readonly<Record<string, unknown>>;
}

/** Where a template is deployed, and what is given for its parameters instead of their defaults. */
export interface Deployment {
  readonly account: string;
  readonly region: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

/** A part that CloudFormation leaves out. */
const NOTHING = Symbol('AWS::NoValue');

/** What follows the name in the ARN of every secret that a template makes. */
export const SUFFIX = 'AbCdEf';

/**
 * The resources of a template as CloudFormation makes them: without those whose condition does not hold, and with texts in the
 * place of intrinsic functions. ARNs that only AWS knows are made up from the logical ids.
 * @throws Error for a function that is not known here
 */
export function evaluated(template: WholeTemplate, deployment: Deployment): CfnTemplate['Resources'] {
  const { Resources, Parameters = {}, Conditions = {} } = template;
  const { account, region, parameters = {} } = deployment;
  const arn = (service: string, rest: string) => `arn:aws:${service}:${region}:${account}:${rest}`;

  const referred = (name: string): unknown => {
    const parameter = Parameters[name];
    if (parameter) {
      const given = parameters[name] ?? parameter.Default ?? '';
      return parameter.Type === 'CommaDelimitedList' ? given.split(',') : given;
    }
    switch (name) {
      case 'AWS::Partition':
        return 'aws';
      case 'AWS::AccountId':
        return account;
      case 'AWS::Region':
        return region;
      case 'AWS::NoValue':
        return NOTHING;
    }
    const { Type } = Resources[name] ?? {};
    return Type === 'AWS::SecretsManager::Secret'
      ? arn('secretsmanager', `secret:${name}-${SUFFIX}`)
      : `<${name}>`;
  };

  const value = (written: unknown): unknown => {
    if (Array.isArray(written)) return written.map(value).filter((each) => each !== NOTHING);
    if (typeof written !== 'object' || written === null) return written;
    const [[kind, operand] = ['', undefined], ...others] = Object.entries(written);
    if (others.length === 0) {
      const parts: readonly unknown[] = Array.isArray(operand) ? operand : [];
      switch (kind) {
        case 'Ref':
          return referred(String(operand));
        case 'Fn::GetAtt':
          return arn('made', parts.join('.'));
        case 'Fn::Join':
          return z.array(z.string()).parse(value(parts[1])).join(String(parts[0]));
        case 'Fn::Sub':
          return z
            .string()
            .parse(operand)
            .replaceAll(/\$\{(.+?)\}/g, (_all, name) => String(referred(name)));
        case 'Fn::If':
          return value(parts[holds({ Condition: parts[0] }) ? 1 : 2]);
      }
      if (kind.startsWith('Fn::')) throw new Error(`${kind} is not known here`);
    }
    const evaluatedEntries = Object.entries(written).map(([key, each]) => [key, value(each)] as const);
    return Object.fromEntries(evaluatedEntries.filter(([, each]) => each !== NOTHING));
  };

  const holds = (condition: unknown): boolean => {
    const [[kind, operand] = ['', undefined]] = Object.entries(
      z.record(z.string(), z.unknown()).parse(condition),
    );
    if (kind === 'Condition') return holds(Conditions[String(operand)]);
    const parts = z.array(z.unknown()).parse(operand);
    switch (kind) {
      case 'Fn::Not':
        return !holds(parts[0]);
      case 'Fn::And':
        return parts.every(holds);
      case 'Fn::Or':
        return parts.some(holds);
      case 'Fn::Equals':
        return value(parts[0]) === value(parts[1]);
      default:
        throw new Error(`${kind} is not known here`);
    }
  };

  const made = Object.entries(Resources).filter(
    ([, { Condition }]) => Condition === undefined || holds({ Condition }),
  );
  return Object.fromEntries(
    made.map(([id, { Type, Properties }]) => [id, { Type, Properties: value(Properties ?? {}) }]),
  );
}
