import type { FunctionConfiguration } from '@aws-sdk/client-lambda';

/** A function as Lambda describes it. */
export const CART = {
  FunctionName: 'cart',
  FunctionArn: 'arn:aws:lambda:eu-west-1:111111111111:function:cart',
  Version: '$LATEST',
  RevisionId: 'revision-1',
  LastModified: '2026-01-05T09:00:00.000+0000',
  CodeSha256: 'c2hhMjU2',
  Runtime: 'nodejs24.x',
  Handler: 'index.handler',
  MemorySize: 256,
  Timeout: 10,
  Architectures: ['arm64'],
  EphemeralStorage: { Size: 512 },
  TracingConfig: { Mode: 'PassThrough' },
  Environment: { Variables: { LEVEL: 'info' } },
  State: 'Active',
  LastUpdateStatus: 'Successful',
} as const satisfies FunctionConfiguration;
