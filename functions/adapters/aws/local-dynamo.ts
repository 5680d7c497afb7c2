import { once } from 'node:events';
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { invariant } from '../../core/errors.ts';

/** A DynamoDB-compatible server on loopback, whose tables are gone when it stops. */
export interface LocalDynamo {
  readonly endpoint: string;
  /** Options of a client of the SDK that talks to it, and to nobody else, and does not try again on its own. */
  readonly client: Pick<DynamoDBClientConfig, 'endpoint' | 'region' | 'credentials' | 'maxAttempts'>;
  stop(): Promise<void>;
}

/** Starts a server within this process, on a port that is free. */
export async function startLocalDynamo(): Promise<LocalDynamo> {
  const server = dynalite({ createTableMs: 0, updateTableMs: 0, deleteTableMs: 0 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  invariant(address !== null && typeof address === 'object', 'a server that listens has a port');
  const endpoint = `http://127.0.0.1:${address.port}`;
  return {
    endpoint,
    client: {
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' }, // any will do
      maxAttempts: 1,
    },
    stop: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}
