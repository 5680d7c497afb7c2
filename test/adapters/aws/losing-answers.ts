import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { createLedgerTable } from '../../../functions/adapters/aws/ledger.ts';
import { startLocalDynamo } from '../../../functions/adapters/aws/local-dynamo.ts';

/** A ledger's table behind a proxy that can lose answers: what was asked for is done, and nobody is told. */
export interface LosingAnswers {
  /** For a client that talks to the proxy, and tries three times. */
  readonly options: DynamoDBClientConfig;
  readonly table: string;
  /** How many answers to the next PutItem requests are lost. */
  toLose: number;
  /** PutItem requests that have come. */
  puts: number;
  stop(): Promise<void>;
}

export async function startLosingAnswers(): Promise<LosingAnswers> {
  const dynamo = await startLocalDynamo();
  const proxy = createServer(async (request, response) => {
    const target = String(request.headers['x-amz-target']);
    const answer = await fetch(dynamo.endpoint, {
      method: 'POST',
      headers: {
        'x-amz-target': target,
        'content-type': String(request.headers['content-type']),
        'x-amz-date': String(request.headers['x-amz-date']),
        authorization: String(request.headers.authorization),
      },
      body: await buffer(request),
    });
    const body = Buffer.from(await answer.arrayBuffer());
    if (target.endsWith('.PutItem')) lossy.puts++;
    if (target.endsWith('.PutItem') && lossy.toLose-- > 0) response.destroy();
    else response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' }).end(body);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const lossy: LosingAnswers = {
    options: { ...dynamo.client, endpoint, maxAttempts: 3 },
    table: await createLedgerTable(dynamo.client, 'lossy'),
    toLose: 0,
    puts: 0,
    async stop() {
      proxy.close();
      proxy.closeAllConnections();
      await dynamo.stop();
    },
  };
  return lossy;
}
