import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { AssetHashType, DockerImage, type ILocalBundling } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { ParsedConfig } from '../functions/contract/config.ts';
import type { Part } from '../functions/contract/deployment.ts';
import { CONFIG_FILE } from '../functions/contract/environment.ts';
import { type Files, withBundledTransforms } from './transforms.ts';

const PACKAGE_ROOT = dirname(createRequire(import.meta.url).resolve('recohere/package.json'));

/**
 * The bundle of a function, as the build of the package made it, and beside it the config with its defaults, which the
 * function does not check again. Needs no Docker.
 * @param files What else stands beside it.
 */
export function handlerCode(part: Part, config: ParsedConfig, files: Files = {}): Code {
  const bundle = join(PACKAGE_ROOT, 'dist', 'handlers', part);
  if (!existsSync(bundle)) throw new Error(`${bundle} is not there: run npm run build`);
  const besides = { ...files, [CONFIG_FILE]: JSON.stringify(withBundledTransforms(config)) };
  return Code.fromAsset(bundle, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('never-used'),
      local: new BundleWithFiles(bundle, besides),
    },
  });
}

/** Its fields are part of the CDK's key of what is bundled already: two configs in one app give two assets. */
class BundleWithFiles implements ILocalBundling {
  readonly bundle: string;
  readonly files: Files;

  constructor(bundle: string, files: Files) {
    this.bundle = bundle;
    this.files = files;
  }

  tryBundle(folder: string): boolean {
    cpSync(this.bundle, folder, { recursive: true });
    for (const [name, text] of Object.entries(this.files)) writeFileSync(join(folder, name), text);
    return true;
  }
}
