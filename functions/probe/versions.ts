/** Secrets of one process whose versions are remembered, and so reported; of those past it nothing is. */
export const SECRETS_AT_MOST = 1000;

/** What is read of an answer of `GetSecretValue`. The value is not among it. */
export interface SecretAnswer {
  readonly ARN?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly VersionStages?: readonly string[] | undefined;
}

/** A version that was loaded, of the secret with this ARN. */
export interface Load {
  readonly arn: string;
  readonly versionId: string;
}

/** The version of each secret that a process has loaded last. */
export interface Versions {
  /** Remembers a load; says whether it was of another version than the last one, or the first. */
  changedBy(load: Load): boolean;
  /** @param secret A name or an ARN; of secrets in several regions that share a name, the one loaded last counts. */
  lastOf(secret: string): string | undefined;
}

export function versions(): Versions {
  const last = new Map<string, string>();
  return {
    changedBy({ arn, versionId }) {
      const before = last.get(arn);
      if (before === undefined && last.size >= SECRETS_AT_MOST) return false;
      last.delete(arn); // so that the map is in the order of the loads
      last.set(arn, versionId);
      return before !== versionId;
    },
    lastOf: (secret) => [...last].findLast(([arn]) => arn === secret || nameIn(arn) === secret)?.[1],
  };
}

/** What a call of the SDK has loaded of `AWSCURRENT`; a version or another stage that was asked for by name is left out. */
export function loadsOf(command: string | undefined, input: object, output: object): Load[] {
  if (command === 'GetSecretValueCommand') {
    const { VersionId, VersionStage = 'AWSCURRENT' } = input as { VersionId?: string; VersionStage?: string };
    return VersionId === undefined && VersionStage === 'AWSCURRENT' ? loadOf(output) : [];
  }
  if (command === 'BatchGetSecretValueCommand') {
    return ((output as { SecretValues?: SecretAnswer[] }).SecretValues ?? []).flatMap(currentLoadOf);
  }
  return [];
}

/** What an answer says was loaded, if it is of `AWSCURRENT`. */
export function currentLoadOf(answer: SecretAnswer): Load[] {
  const stages: unknown = answer?.VersionStages; // what a user hands over may be anything
  return Array.isArray(stages) && stages.includes('AWSCURRENT') ? loadOf(answer) : [];
}

function loadOf({ ARN: arn, VersionId: versionId }: SecretAnswer): Load[] {
  return arn && versionId ? [{ arn, versionId }] : [];
}

/** An ARN ends with the name and six characters of Secrets Manager's own; a name may end like that itself. */
function nameIn(arn: string): string | undefined {
  return /:secret:(.+)-[A-Za-z0-9]{6}$/.exec(arn)?.[1];
}
