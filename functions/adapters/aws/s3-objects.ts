import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { DEPLOYED } from '../../contract/deployment.ts';
import { invariant, RecohereError } from '../../core/errors.ts';
import type { Place } from '../../core/place.ts';
import type { TableRef } from '../../core/run.ts';
import type { Access } from '../../ports/access-memory.ts';
import type { ObjectStores } from '../../ports/object-store.ts';
import { required } from './answers.ts';
import { asking, type Bounded } from './asking.ts';
import { CALL_TIMEOUT_MS, CLIENT_BOUNDS } from './bounds.ts';
import { oncePerPlace, placeCredentials } from './credentials.ts';

/** What bounds a call that moves an object: 64 MB take a minute at 9 Mbit a second, the line of an office. */
const OBJECT_BOUNDS = {
  client: {
    ...CLIENT_BOUNDS,
    requestHandler: { ...CLIENT_BOUNDS.requestHandler, requestTimeout: 60_000 },
  },
  /** A call with all its tries. */
  callTimeoutMs: 300_000,
};

/** What ends a list that goes round in a circle: ten million names. */
const PAGES_MAX = 10_000;

/** Where the buckets are, and how to get into them. */
export interface S3Options {
  readonly prefix: string;
  /** The own account, which tables are in that name none. */
  readonly account: string;
  /** The role for tables that the own credentials cannot work on. @default the own credentials for all */
  readonly accessOf?: (table: TableRef) => Access | undefined;
  /** Of an emulator, which takes the names of buckets in paths. @default AWS's own */
  readonly endpoint?: string | undefined;
  /** Shorter ones are for tests. */
  readonly bounds?: typeof OBJECT_BOUNDS;
}

/**
 * The bucket that the data stack makes in the account and region of each table. A bucket of that name that is somebody else's is
 * refused.
 * @throws RecohereError `NO_SUCH_BUCKET` from every method; RefusedError if AWS or the way to it refuses
 */
export function s3ObjectStores({
  prefix,
  account: ownAccount,
  accessOf = () => undefined,
  endpoint,
  bounds = OBJECT_BOUNDS,
}: S3Options): ObjectStores {
  const credentials = placeCredentials({ client: CLIENT_BOUNDS, callTimeoutMs: CALL_TIMEOUT_MS });
  const clientOf = oncePerPlace(
    (place) =>
      new S3Client({
        region: place.region,
        credentials: credentials.of(place),
        ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
        ...bounds.client,
      }),
  );
  return (table) => {
    const { region, account = ownAccount } = table;
    const place: Place = { region, account, access: accessOf(table) };
    const bucket = DEPLOYED.bucket(prefix, account, region);
    const of = { Bucket: bucket, ExpectedBucketOwner: account };

    /** @returns `undefined` if there is no such object. */
    const ask = async <T>(
      call: string,
      send: (client: S3Client, options: Bounded) => Promise<T>,
    ): Promise<T | undefined> => {
      const answer = await asking(
        call,
        (options) => send(clientOf(place), options).catch(ifAbsent),
        bounds.callTimeoutMs,
      );
      if (answer === 'NoSuchKey') return undefined;
      if (answer !== 'NoSuchBucket') return answer;
      const stack = DEPLOYED.stack(prefix, 'data');
      throw new RecohereError('NO_SUCH_BUCKET', `there is no bucket ${bucket}: deploy the stack ${stack}`, {
        context: { bucket, stack, account, region },
      });
    };

    return {
      async write(name, content) {
        const command = new PutObjectCommand({ ...of, Key: name, Body: content });
        await ask('s3:PutObject', (client, options) => client.send(command, options));
      },

      read(name) {
        const command = new GetObjectCommand({ ...of, Key: name });
        return ask('s3:GetObject', async (client, options) => {
          const { Body: body } = await client.send(command, options);
          // within the bounds, since the answer has only begun
          return body && Buffer.from(await body.transformToByteArray());
        });
      },

      async *list(begin) {
        const call = 's3:ListBucket';
        let from: string | undefined;
        for (let pages = 0; ; pages++) {
          invariant(pages < PAGES_MAX, `a list of objects has at most ${PAGES_MAX} pages`);
          const command = new ListObjectsV2Command({
            ...of,
            Prefix: begin,
            ...(from !== undefined && { ContinuationToken: from }),
          });
          const page = await ask(call, (client, options) => client.send(command, options));
          for (const { Key: name } of page?.Contents ?? []) yield required(call, name);
          if (!page?.IsTruncated) return;
          from = required(call, page.NextContinuationToken);
        }
      },

      async remove(name) {
        const command = new DeleteObjectCommand({ ...of, Key: name });
        await ask('s3:DeleteObject', (client, options) => client.send(command, options));
      },
    };
  };
}

/** For what is not there, which is an answer and no failure. Not all calls have a class for it. */
function ifAbsent(error: unknown): 'NoSuchKey' | 'NoSuchBucket' {
  const name = error instanceof Error ? error.name : undefined;
  if (name === 'NoSuchKey' || name === 'NoSuchBucket') return name;
  throw error;
}
