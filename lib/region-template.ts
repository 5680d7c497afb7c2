import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import type { Recohere } from './recohere.ts';

/**
 * Writes the one template of all regions where StackSets and Terraform users find it, as `templates/recohere-region.json`.
 * Its defaults are those of another account, if there is one: the hub's own is best left to the CDK.
 * @param assembly What `app.synth()` returned.
 * @returns Path of the file.
 */
export function writeRegionTemplate(assembly: CloudAssembly, { hub, regions }: Recohere): string {
  const stack = regions.find(({ account }) => account !== hub.account) ?? regions[0];
  if (stack === undefined) throw new Error('a config has at least one replica');
  const file = join(assembly.directory, 'templates', 'recohere-region.json');
  mkdirSync(dirname(file), { recursive: true });
  copyFileSync(assembly.getStackArtifact(stack.artifactId).templateFullPath, file);
  return file;
}
