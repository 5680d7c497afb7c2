import { Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { ArnPrincipal, PolicyDocument, Role } from 'aws-cdk-lib/aws-iam';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { DEPLOYED, QUARANTINE, SPILLS } from '../functions/contract/deployment.ts';
import { acknowledge } from './acknowledge.ts';
import { denyingValues } from './secret-access.ts';
import { bucketName, type DataPlace, dataStatements } from './table-access.ts';

export interface RecohereDataProps {
  /** The account and region. */
  readonly place: DataPlace;
  /** All places of its account, if it is another than the hub's and this one makes the role. @default none */
  readonly rolePlaces?: readonly DataPlace[];
  /** @default the account of the stack */
  readonly hubAccount?: string | undefined;
}

/**
 * What runs need beside the tables of one account and region: a bucket for what they find, and for items that they remove, so that
 * these stay where they were; and, in another account than the hub's, the role that works on them.
 */
export class RecohereData extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { place, rolePlaces = [], hubAccount }: RecohereDataProps) {
    super(scope, id);
    this.bucket = bucketFor(this, place);
    if (place.makesRole) makeDataRole(this, rolePlaces, hubAccount ?? Aws.ACCOUNT_ID);
  }
}

/** It goes with its stack only when it is empty: CloudFormation deletes no bucket that has something in it, such as removed items. */
function bucketFor(scope: Construct, place: DataPlace): Bucket {
  const bucket = new Bucket(scope, 'Bucket', {
    bucketName: bucketName(place),
    encryption: BucketEncryption.S3_MANAGED,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    lifecycleRules: [
      ...[QUARANTINE, SPILLS].map(({ prefix, days }) => ({ prefix, expiration: Duration.days(days) })),
      { abortIncompleteMultipartUploadAfter: Duration.days(1) },
    ],
    removalPolicy: RemovalPolicy.DESTROY,
  });
  acknowledge(bucket, {
    'AwsSolutions-S1':
      'Nobody but runs reads or writes it, and the ledger has what they did; a log of requests would need one more bucket in each region.',
  });
  return bucket;
}

/** It trusts the hub's account, and in it what is named like the functions that work on runs. */
function makeDataRole(scope: Construct, places: readonly DataPlace[], hubAccount: string): void {
  const [{ prefix }] = places as readonly [DataPlace, ...DataPlace[]];
  const ofHub = `arn:${Aws.PARTITION}:iam::${hubAccount}`;
  const role = new Role(scope, 'Role', {
    roleName: DEPLOYED.dataRole(prefix),
    description: 'Lets the hub of Recohere work on the tables of this account that its config names',
    assumedBy: new ArnPrincipal(`${ofHub}:root`).withConditions({
      ArnLike: { 'aws:PrincipalArn': `${ofHub}:role/${DEPLOYED.part(prefix, 'reconcile')}*` },
    }),
    inlinePolicies: {
      data: new PolicyDocument({
        statements: [...dataStatements(places, 'work'), denyingValues()],
        minimize: true,
      }),
    },
  });
  acknowledgeObjects(role, places);
}

/** Says why roles may do what they do with all objects of a bucket. */
export function acknowledgeObjects(scope: Construct, places: readonly DataPlace[]): void {
  for (const place of places) {
    // as cdk-nag writes it
    const named = bucketName({ ...place, account: place.account ?? '<AWS::AccountId>' });
    acknowledge(scope, {
      [`AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::${named}/*]`]:
        'The bucket is for runs alone, and what they find and remove has names that nobody knows before.',
    });
  }
}
