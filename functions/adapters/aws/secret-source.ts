import {
  DescribeSecretCommand,
  ListSecretVersionIdsCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import * as z from 'zod/mini';
import type { SecretDescription } from '../../core/secret.ts';
import type { SecretSource } from '../../ports/secret-source.ts';
import { readOf, unexpected } from './answers.ts';
import { asking, type Bounded } from './asking.ts';
import { CALL_TIMEOUT_MS, CLIENT_BOUNDS } from './bounds.ts';
import { oncePerPlace, placeCredentials } from './credentials.ts';

/** The most that Secrets Manager gives. */
const VERSIONS_PER_PAGE = 100;

/** A secret keeps about 100 versions, and all of its last day: far more than these pages hold is an answer without end. */
const VERSION_PAGES_MAX = 20;

/** What is read of `DescribeSecret`. A version may carry a label that is not one of AWS's. */
const describedSchema = z.object({
  Name: z.string(),
  CreatedDate: z.optional(z.date()),
  LastChangedDate: z.optional(z.date()),
  LastRotatedDate: z.optional(z.date()),
  NextRotationDate: z.optional(z.date()),
  DeletedDate: z.optional(z.date()),
  RotationEnabled: z.optional(z.boolean()),
  PrimaryRegion: z.optional(z.string().check(z.minLength(1))),
  ReplicationStatus: z._default(
    z.array(
      z.object({
        Region: z.string().check(z.minLength(1)),
        Status: z.enum(['InSync', 'InProgress', 'Failed']),
      }),
    ),
    [],
  ),
  VersionIdsToStages: z._default(z.record(z.string(), z.array(z.string())), {}),
});

/** What is read of a page of `ListSecretVersionIds`. */
const versionsSchema = z.object({
  Versions: z._default(z.array(z.object({ VersionId: z.string().check(z.minLength(1)) })), []),
  NextToken: z.optional(z.string()),
});

/**
 * Secrets Manager, with the credentials of each place. It is never asked for a value.
 * @see placeCredentials
 * @param bounds Shorter ones are for tests.
 */
export function awsSecretSource(
  bounds = { client: CLIENT_BOUNDS, callTimeoutMs: CALL_TIMEOUT_MS },
): SecretSource {
  const credentials = placeCredentials(bounds);
  const clientOf = oncePerPlace(
    (place) =>
      new SecretsManagerClient({
        region: place.region,
        credentials: credentials.of(place),
        ...bounds.client,
      }),
  );
  const unlessAbsent = <T>(call: string, send: (options: Bounded) => Promise<T>) =>
    asking(call, (options) => send(options).catch(undefinedIfAbsent), bounds.callTimeoutMs);
  return {
    async describe(place, name) {
      const call = 'secretsmanager:DescribeSecret';
      const command = new DescribeSecretCommand({ SecretId: name });
      const answer = await unlessAbsent(call, (options) => clientOf(place).send(command, options));
      return answer && describe(call, name, answer);
    },

    async hasVersion(place, name, versionId) {
      const call = 'secretsmanager:ListSecretVersionIds';
      let from: string | undefined;
      for (let pages = 0; pages < VERSION_PAGES_MAX; pages++) {
        const command = new ListSecretVersionIdsCommand({
          SecretId: name,
          IncludeDeprecated: true,
          MaxResults: VERSIONS_PER_PAGE,
          ...(from !== undefined && { NextToken: from }),
        });
        const answer = await unlessAbsent(call, (options) => clientOf(place).send(command, options));
        if (answer === undefined) return false;
        const page = readOf(call, versionsSchema, answer);
        if (page.Versions.some(({ VersionId }) => VersionId === versionId)) return true;
        if (!page.NextToken) return false;
        from = page.NextToken;
      }
      throw unexpected(call);
    },
  };
}

function undefinedIfAbsent(error: unknown): undefined {
  if (error instanceof ResourceNotFoundException) return undefined;
  throw error;
}

function describe(call: string, name: string, answer: unknown): SecretDescription {
  const secret = readOf(call, describedSchema, answer);
  const changed = secret.LastChangedDate ?? secret.CreatedDate;
  if (secret.Name !== name || changed === undefined) throw unexpected(call);
  const labelled = Object.entries(secret.VersionIdsToStages).filter(([, stages]) => stages.length > 0);
  return {
    currentId: labelled.find(([, stages]) => stages.includes('AWSCURRENT'))?.[0],
    labelledIds: labelled.map(([id]) => id),
    primaryRegion: secret.PrimaryRegion,
    replicas: secret.ReplicationStatus.map(({ Region, Status }) => ({ region: Region, status: Status })),
    changedAt: changed.getTime(),
    rotatedAt: secret.LastRotatedDate?.getTime(),
    nextRotationAt: secret.RotationEnabled ? secret.NextRotationDate?.getTime() : undefined,
    deletedAt: secret.DeletedDate?.getTime(),
  };
}
