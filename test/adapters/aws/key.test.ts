import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { readKey } from '../../../functions/adapters/aws/key.ts';
import { fingerprint, fingerprintKey } from '../../../functions/core/fingerprint.ts';

const secrets = mockClient(SecretsManagerClient);
const HOME = { region: 'us-east-1', account: '111111111111' };
const SECRET = 'k'.repeat(64);
const VERSION = '0a1b2c3d-aaaa-bbbb-cccc-000000000000';

beforeEach(() => {
  secrets.reset();
});
afterAll(() => {
  secrets.restore();
});

describe('the fingerprint key', () => {
  it('is the text of the secret, and is named after its version', async () => {
    secrets
      .on(GetSecretValueCommand, { SecretId: 'arn' })
      .resolves({ SecretString: SECRET, VersionId: VERSION });
    const values = new Map([['A', '1']]);
    const expected = fingerprint(fingerprintKey('0a1b2c3d', Buffer.from(SECRET)), 'env', values, HOME);
    expect(fingerprint(await readKey('arn'), 'env', values, HOME)).toEqual(expected);
    expect(expected.prefix).toBe('v1.0a1b2c3d');
  });

  it.each([
    ['an empty secret', { VersionId: VERSION }, 'UNEXPECTED_ANSWER'],
    ['a secret that is too short', { SecretString: 'short', VersionId: VERSION }, 'INVARIANT'],
  ])('is not made of %s', async (_reason, answer, code) => {
    secrets.on(GetSecretValueCommand).resolves(answer);
    await expect(readKey('arn')).rejects.toMatchObject({
      code,
      message: expect.not.stringContaining('short '),
    });
  });
});
