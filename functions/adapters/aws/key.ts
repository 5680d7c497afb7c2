import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { RefusedError } from '../../core/errors.ts';
import { type FingerprintKey, fingerprintKey } from '../../core/fingerprint.ts';
import { asking } from './asking.ts';
import { CLIENT_BOUNDS } from './bounds.ts';

/** Of a version's id, which is a UUID: it stands in every root. */
const KEY_ID_LENGTH = 8;

/**
 * The installation's fingerprint key, which the hub stack makes: the only secret that is ever read. Its id comes from
 * the version of the secret, so that a rotated key is never taken for drift.
 * @param secretId Name or ARN of the secret: text of 32 to 64 characters, each of which counts as a byte.
 * @throws RefusedError
 */
export async function readKey(secretId: string): Promise<FingerprintKey> {
  const call = 'secretsmanager:GetSecretValue';
  const client = new SecretsManagerClient(CLIENT_BOUNDS);
  const { SecretString, VersionId } = await asking(call, (bounded) =>
    client.send(new GetSecretValueCommand({ SecretId: secretId }), bounded),
  );
  if (!SecretString || !VersionId) throw new RefusedError({ code: 'UNEXPECTED_ANSWER', call });
  return fingerprintKey(VersionId.slice(0, KEY_ID_LENGTH), Buffer.from(SecretString, 'latin1'));
}
