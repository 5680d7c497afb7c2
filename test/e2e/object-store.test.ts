import { CreateBucketCommand, DeleteBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { s3ObjectStores } from '../../functions/adapters/aws/s3-objects.ts';
import { DEPLOYED } from '../../functions/contract/deployment.ts';
import { EMULATED_ACCOUNT } from '../../local/emulator.ts';
import { describeObjectStore } from '../contract/object-store.ts';
import { emulatorEndpoint } from './emulator.ts';

const PREFIX = 'recohere-objects';
const TABLE = { name: 'orders', region: 'us-east-2' } as const;

describeObjectStore(async () => {
  const endpoint = emulatorEndpoint();
  const client = new S3Client({ region: TABLE.region, endpoint, forcePathStyle: true });
  const bucket = DEPLOYED.bucket(PREFIX, EMULATED_ACCOUNT, TABLE.region);
  const command = new CreateBucketCommand({
    Bucket: bucket,
    CreateBucketConfiguration: { LocationConstraint: TABLE.region },
  });
  await client.send(command);
  const store = s3ObjectStores({ prefix: PREFIX, account: EMULATED_ACCOUNT, endpoint })(TABLE);
  return {
    store,
    async close() {
      for await (const name of store.list('')) await store.remove(name);
      await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      client.destroy();
    },
  };
});

describe('an object store without its bucket', () => {
  it('names the stack to deploy', async () => {
    const options = { prefix: `${PREFIX}-none`, account: EMULATED_ACCOUNT, endpoint: emulatorEndpoint() };
    const store = s3ObjectStores(options)(TABLE);
    const error = { code: 'NO_SUCH_BUCKET', context: { stack: `${PREFIX}-none-data` } };
    await expect(store.write('a', Buffer.from('x'))).rejects.toMatchObject(error);
    await expect(store.read('a')).rejects.toMatchObject(error);
    const names = store.list('')[Symbol.asyncIterator]();
    await expect(names.next()).rejects.toMatchObject(error);
  });
});
