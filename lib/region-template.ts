import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import type { Recohere } from './recohere.ts';
import { REGION_ARNS } from './region.ts';

/**
 * Writes the one template of all regions where StackSets and Terraform users find it, as `templates/recohere-region.json`.
 * Its defaults are those of another account, if there is one: the hub's own is best left to the CDK. ARNs are each account's own.
 * @param assembly What `app.synth()` returned.
 * @returns Path of the file.
 */
export function writeRegionTemplate(assembly: CloudAssembly, { hub, regions }: Recohere): string {
  const stack = regions.find(({ account }) => account !== hub.account) ?? regions[0];
  if (stack === undefined) throw new Error('a config has at least one replica');
  const file = join(assembly.directory, 'templates', 'recohere-region.json');
  mkdirSync(dirname(file), { recursive: true });
  const template = JSON.parse(
    readFileSync(assembly.getStackArtifact(stack.artifactId).templateFullPath, 'utf8'),
  );
  // what one account may read and invoke is nobody else's default
  for (const name of REGION_ARNS) template.Parameters[name].Default = '';
  writeFileSync(file, `${JSON.stringify(template, null, 1)}\n`);
  return file;
}
