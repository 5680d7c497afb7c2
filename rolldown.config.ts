import { resolve } from 'node:path';
import type { RolldownOptions } from 'rolldown';
import { PARTS } from './functions/contract/deployment.ts';

/**
 * The deployed functions, one file each.
 * Tree shaking is why it is rolldown: it drops the schemas of the SDK's calls that are not made, which others keep.
 * The credentials of a function come from its environment; the SDK's search for them on a laptop is left out.
 */
export default PARTS.map(
  (part) =>
    ({
      input: `functions/${part}/handler.ts`,
      platform: 'node' as const,
      tsconfig: 'tsconfig.json',
      resolve: {
        conditionNames: ['module', 'import', 'node'],
        mainFields: ['module', 'main'],
        alias: {
          '@aws-sdk/credential-provider-node': resolve('functions/adapters/aws/lambda-credentials.ts'),
        },
      },
      output: {
        file: `dist/handlers/${part}/index.mjs`,
        format: 'esm',
        codeSplitting: false,
        minify: true,
        comments: false,
      },
    }) satisfies RolldownOptions,
);
