import {
  hubMistakes,
  type ParsedConfig,
  parseConfig,
  type RecohereConfig,
} from '../functions/contract/config.ts';
import { DEPLOYED } from '../functions/contract/deployment.ts';
import { ConfigError } from './config-error.ts';
import { hasRoomFor } from './secret-access.ts';
import { type DataPlace, dataPlacesOf, tableMistakes } from './table-access.ts';

/** An account in which copies live. */
export interface ReplicaAccount {
  /** `undefined` for the hub's own, if the config does not name it. */
  readonly account: string | undefined;
  /** Whether the hub is in it, and so reads there with the roles of its own functions. */
  readonly isHub: boolean;
  readonly regions: readonly string[];
  /** Names of the roles that the hub assumes there. */
  readonly roles: readonly string[];
  /**
   * Region whose stack makes the account's read role: the first of the config, so that one that is added at its end
   * moves nothing. `undefined` if no role of ours is assumed there.
   */
  readonly readRoleRegion: string | undefined;
  /** What the read role asks for, if it does. */
  readonly externalId: string | undefined;
  /** Names of the secrets that are watched in it. */
  readonly secrets: readonly string[];
  /** The functions in it that are invoked as probes, `name` or `name:alias`, each once. */
  readonly probes: readonly string[];
}

/** A config with its defaults, and the places that it speaks of. */
export interface Deployable {
  readonly config: ParsedConfig;
  readonly accounts: readonly ReplicaAccount[];
  /** Accounts and regions with tables. */
  readonly data: readonly DataPlace[];
}

/**
 * Checks what a user wrote, as far as it is to be deployed.
 * @throws ConfigError with every mistake
 */
export function readDeployable(written: RecohereConfig): Deployable {
  const parsed = parseConfig(written);
  if (!parsed.ok) throw new ConfigError(parsed.mistakes);
  const { config } = parsed;
  const mistakes = [...hubMistakes(config)];
  const accounts = [...new Set(config.replicas.map(({ account }) => account ?? config.hub.account))].map(
    (account) => accountOf(config, account, mistakes),
  );
  const data = dataPlacesOf(config);
  mistakes.push(...accounts.flatMap(probeMistakes), ...tableMistakes(data));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return { config, accounts, data };
}

/** Of accounts with policies of ours; those of other roles are for their owners to write. */
function probeMistakes({ account, isHub, readRoleRegion, probes }: ReplicaAccount): string[] {
  if ((!isHub && readRoleRegion === undefined) || hasRoomFor(probes)) return [];
  const owner = account === undefined ? 'the account of the hub' : `account ${account}`;
  return [
    `secrets: ${owner} has more probes than a policy has room for: let one function probe several secrets`,
  ];
}

function accountOf(
  { prefix, hub, replicas, secrets }: ParsedConfig,
  account: string | undefined,
  mistakes: string[],
): ReplicaAccount {
  const isOwn = (each: { readonly account?: string | undefined }) =>
    (each.account ?? hub.account) === account;
  const own = replicas.filter(isOwn);
  const regions = own.map(({ region }) => region);
  const watched = secrets.filter(isOwn);
  const consumers = watched.flatMap((secret) => secret.consumers);
  const probes = [...new Set(consumers.flatMap(({ probe }) => probe ?? []))];
  const shared = { account, regions, secrets: watched.map(({ name }) => name), probes };
  if (account === hub.account) {
    return { ...shared, isHub: true, roles: [], readRoleRegion: undefined, externalId: undefined };
  }
  const readRole = DEPLOYED.readRole(prefix);
  const read = own.filter(({ role = readRole }) => role === readRole);
  const [first] = read;
  if (read.some(({ externalId }) => externalId !== first?.externalId)) {
    mistakes.push(`replicas: those of account ${account} share one role and must have the same externalId`);
  }
  return {
    ...shared,
    isHub: false,
    roles: [...new Set(own.map(({ role = readRole }) => role))],
    readRoleRegion: first?.region,
    externalId: first?.externalId,
  };
}
