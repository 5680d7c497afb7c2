import type { ParsedConfig } from '../contract/config.ts';
import type { DEPLOYED } from '../contract/deployment.ts';

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
