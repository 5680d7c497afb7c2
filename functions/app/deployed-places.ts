import type { ParsedConfig } from '../contract/config.ts';
import { DEPLOYED } from '../contract/deployment.ts';
import { RefusedError } from '../core/errors.ts';

/** What a stack is for. */
export type StackKind = Parameters<typeof DEPLOYED.stack>[1];

/** An account and region in which something of ours is to be. */
export interface DeployedPlace {
  readonly region: string;
  /** `undefined` for the caller's. */
  readonly account: string | undefined;
  readonly stacks: readonly StackKind[];
}

/** Where stacks are to be, each account and region once, the hub's first. */
export function deployedPlaces({ hub, replicas, tables }: ParsedConfig): readonly DeployedPlace[] {
  const wanted: readonly (readonly [
    StackKind,
    { region?: string | undefined; account?: string | undefined },
  ])[] = [
    ['hub', hub],
    ['monitoring', hub],
    ...replicas.map((replica) => ['region', replica] as const),
    ...tables.map((table) => ['data', table] as const),
  ];
  const places = new Map<string, DeployedPlace>();
  for (const [stack, { region = hub.region, account = hub.account }] of wanted) {
    const id = `${account}/${region}`;
    const stacks = new Set([...(places.get(id)?.stacks ?? []), stack]);
    places.set(id, { region, account, stacks: [...stacks] });
  }
  return [...places.values()];
}

/**
 * The caller's account, as the first region of the config says that accepts the credentials: others than the hub's account may not have
 * enabled the hub's region.
 * @throws RefusedError that of the first region, if none does
 */
export async function callerAccount(
  config: ParsedConfig,
  ask: (region: string) => Promise<string>,
): Promise<string> {
  let first: unknown;
  for (const region of new Set(deployedPlaces(config).map((place) => place.region))) {
    try {
      return await ask(region);
    } catch (error) {
      const isRejected = error instanceof RefusedError && error.refusal.code === 'CREDENTIALS_REJECTED';
      if (!isRejected) throw error;
      first ??= error;
    }
  }
  throw first;
}

/**
 * The physical id of something that a stack always makes. By it CloudFormation says which stack that is, where it does not have its usual
 * name: StackSets, Terraform, and apps that take our constructs, give names of their own.
 */
export function partMadeBy(stack: StackKind, prefix: string, account: string, region: string): string {
  switch (stack) {
    case 'hub':
      return DEPLOYED.part(prefix, 'sweep');
    case 'monitoring':
      return DEPLOYED.alarm(prefix, 'heartbeat');
    case 'region':
      return DEPLOYED.forwardRole(prefix, region);
    case 'data':
      return DEPLOYED.bucket(prefix, account, region);
  }
}
