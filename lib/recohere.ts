import { Aws, CfnOutput, DefaultStackSynthesizer, type IStackSynthesizer, Stack } from 'aws-cdk-lib';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import { Construct } from 'constructs';
import { DEPLOYED } from '../functions/contract/deployment.ts';
import { RELEASE } from '../functions/contract/release.ts';
import { RecohereData } from './data.ts';
import { RecohereHub, type RecohereHubProps } from './hub.ts';
import { RecohereMonitoring, type RecohereMonitoringProps } from './monitoring.ts';
import { RecohereRegion, type RecohereRegionProps } from './region.ts';
import { type ReplicaAccount, readDeployable } from './replica-accounts.ts';
import { probeArns, secretArns } from './secret-access.ts';
import type { DataPlace } from './table-access.ts';

/** What the hub and its monitoring need is all that the others need. */
export type RecohereProps = RecohereHubProps & RecohereMonitoringProps;

/**
 * All stacks of one installation: the hub, its monitoring, one for each account and region in which copies live, and one more for each
 * with tables. No stack refers to another: they know each other's names. The hub comes first, so that nothing is sent to what is not
 * there.
 *
 * An account that the config does not name is the one of the credentials with which the CDK deploys.
 */
export class Recohere extends Construct {
  readonly hub: Stack;
  readonly monitoring: Stack;
  readonly regions: readonly Stack[];
  /** One for each account and region with tables. */
  readonly data: readonly Stack[];
  /** What the stack of a region is made with in another account than the hub's, if there is one. */
  readonly regionDefaults: RecohereRegionProps;

  /** @throws ConfigError with every mistake of the config */
  constructor(scope: Construct, id: string, props: RecohereProps) {
    super(scope, id);
    const { config, accounts, data } = readDeployable(props.config);
    const { prefix, hub } = config;

    this.hub = new Stack(this, 'hub', {
      stackName: DEPLOYED.stack(prefix, 'hub'),
      description: 'Recohere: what looks at copies of functions and secrets, and what it remembers',
      env: envOf(hub.account, hub.region),
    });
    new RecohereHub(this.hub, 'Hub', props);

    this.monitoring = new Stack(this, 'monitoring', {
      stackName: DEPLOYED.stack(prefix, 'monitoring'),
      description: 'Recohere: alarms and dashboard',
      env: envOf(hub.account, hub.region),
    });
    new RecohereMonitoring(this.monitoring, 'Monitoring', props);

    const propsOf = ({ readRoleRegion, externalId }: ReplicaAccount): RecohereRegionProps => ({
      prefix,
      hubRegion: hub.region,
      hubAccount: hub.account,
      readRoleRegion,
      externalId,
    });
    this.regions = accounts.flatMap((replicas) => {
      const { account, regions } = replicas;
      const props = { ...propsOf(replicas), ...readableArns(replicas) };
      return regions.map((region) =>
        regionStack(this, `region-${account ?? 'own'}-${region}`, props, envOf(account, region)),
      );
    });
    const [first] = accounts as readonly [ReplicaAccount, ...ReplicaAccount[]];
    this.regionDefaults = propsOf(accounts.find(({ isHub }) => !isHub) ?? first);
    this.data = data.map((place) => dataStack(this, place, data, hub.account));
    for (const stack of [this.monitoring, ...this.regions, ...this.data]) stack.addStackDependency(this.hub);
    for (const stack of [this.hub, this.monitoring, ...this.data]) tellRelease(stack);
  }
}

/** One region's stack. @param env @default wherever it is deployed */
export function regionStack(
  scope: Construct,
  id: string,
  props: RecohereRegionProps,
  env?: { readonly region: string; readonly account?: string },
): Stack {
  const stack = new Stack(scope, id, {
    stackName: DEPLOYED.stack(props.prefix, 'region'),
    description: 'Recohere: forwards events that tell of deploys and secrets, and lets both be read',
    ...(env && { env }),
    analyticsReporting: false,
    synthesizer: plainSynthesizer(),
  });
  new RecohereRegion(stack, 'Default', props);
  tellRelease(stack);
  return stack;
}

/** Says which release has made a stack, so that stacks that were left behind can be told. */
function tellRelease(stack: Stack): void {
  new CfnOutput(stack, 'Release', { description: 'Release of Recohere', value: RELEASE });
}

function dataStack(
  scope: Construct,
  place: DataPlace,
  all: readonly DataPlace[],
  hubAccount: string | undefined,
): Stack {
  const { prefix, account, region } = place;
  const stack = new Stack(scope, `data-${account ?? 'own'}-${region}`, {
    stackName: DEPLOYED.stack(prefix, 'data'),
    description: 'Recohere: keeps what runs over tables find, and what they remove',
    env: envOf(account, region),
  });
  const rolePlaces = all.filter((each) => each.account === account);
  new RecohereData(stack, 'Data', { place, rolePlaces, hubAccount });
  // a hub of another account may have the same prefix, and then the uninstall of one must leave the buckets of the other alone
  new CfnOutput(stack, 'HubAccount', {
    description: 'Account of the hub',
    value: hubAccount ?? Aws.ACCOUNT_ID,
  });
  return stack;
}

/** What the read role of an account is for, beside its functions. */
function readableArns({ account, regions, readRoleRegion, secrets, probes }: ReplicaAccount) {
  const [region] = regions;
  if (account === undefined || region === undefined || readRoleRegion === undefined) return {};
  const owner = { partition: RegionInfo.get(region).partition ?? 'aws', account };
  return { secretArns: secretArns(owner, secrets), probeArns: probeArns(owner, probes) };
}

/** Leaves out the rule by which a template asks for the CDK's bootstrap stack: others deploy it too. */
function plainSynthesizer(): IStackSynthesizer {
  // the CDK's own types do not agree under `exactOptionalPropertyTypes`
  return new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }) as IStackSynthesizer;
}

function envOf(account: string | undefined, region: string) {
  return { region, ...(account !== undefined && { account }) };
}
