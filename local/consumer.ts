import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { consumer } from 'recohere/probe';

// An example of a function that uses a secret. Like most, it keeps the value for a while; it tells which version it has loaded, and
// answers probes. The value does not leave its memory.

const { SECRET_NAME = '', CACHE_SECONDS = '300' } = process.env;

const { watch, answering } = consumer();
const secrets = watch(new SecretsManagerClient());

let cached: { readonly password: string; readonly until: number } | undefined;

async function password(): Promise<string> {
  if (cached === undefined || Date.now() >= cached.until) {
    const { SecretString = '' } = await secrets.send(new GetSecretValueCommand({ SecretId: SECRET_NAME }));
    cached = { password: SecretString, until: Date.now() + Number(CACHE_SECONDS) * 1000 };
  }
  return cached.password;
}

/** Stands for a connection to a database. */
async function connect(): Promise<void> {
  if ((await password()) === '') throw new Error('the database refuses an empty password');
}

export const handler = answering(
  async () => {
    await connect();
    return { statusCode: 204 };
  },
  {
    async use(secret) {
      if (secret !== SECRET_NAME) throw new Error('not a secret of this function');
      await connect();
    },
  },
);
