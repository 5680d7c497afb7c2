import { RemovalPolicy } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';

const KEY_CHARACTERS = 64;

export interface FingerprintKeyProps {
  /** What becomes of the key when the stack goes. @default RemovalPolicy.RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * The key of all fingerprints: without one, a short value could be guessed from its hash. The only secret whose
 * value is read.
 *
 * Its name is generated, for it outlives its stack. It is encrypted with the key that Secrets Manager has in each account,
 * which lets whoever may read the secret decrypt it: no function needs a permission to decrypt.
 */
export class FingerprintKey extends Construct {
  readonly secret: Secret;

  constructor(
    scope: Construct,
    id: string,
    { removalPolicy = RemovalPolicy.RETAIN }: FingerprintKeyProps = {},
  ) {
    super(scope, id);
    this.secret = new Secret(this, 'Secret', {
      description: 'Key of the fingerprints of Recohere. Nobody needs to know it.',
      generateSecretString: { passwordLength: KEY_CHARACTERS, excludePunctuation: true },
      removalPolicy,
    });
    acknowledge(this.secret, {
      'AwsSolutions-SMG4':
        'Fingerprints of two keys cannot be compared, so a rotation makes every subject be learnt anew: a person chooses when.',
    });
  }
}
