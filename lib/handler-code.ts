import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { AssetHashType, DockerImage, type ILocalBundling } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { ParsedConfig } from '../functions/contract/config.ts';
import type { Part } from '../functions/contract/deployment.ts';
import { CONFIG_FILE } from '../functions/contract/environment.ts';

const PACKAGE_ROOT = dirname(createRequire(import.meta.url).resolve('recohere/package.json'));

/**
 * The bundle of a function, as the build of the package made it, and beside it the config with its defaults, which the
 * function does not check again. Needs no Docker.
 */
export function handlerCode(part: Part, config: ParsedConfig): Code {
  const bundle = join(PACKAGE_ROOT, 'dist', 'handlers', part);
  if (!existsSync(bundle)) throw new Error(`${bundle} is not there: run npm run build`);
  return Code.fromAsset(bundle, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('never-used'),
      local: new BundleWithConfig(bundle, JSON.stringify(config)),
    },
  });
}

/** Its fields are part of the CDK's key of what is bundled already: two configs in one app give two assets. */
class BundleWithConfig implements ILocalBundling {
  readonly bundle: string;
  readonly config: string;

  constructor(bundle: string, config: string) {
    this.bundle = bundle;
    this.config = config;
  }

  tryBundle(folder: string): boolean {
    cpSync(this.bundle, folder, { recursive: true });
    writeFileSync(join(folder, CONFIG_FILE), this.config);
    return true;
  }
}
