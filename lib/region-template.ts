import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { App } from 'aws-cdk-lib';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { type Recohere, regionStack } from './recohere.ts';

/**
 * Writes the one template of all regions where StackSets and Terraform users find it, as `templates/recohere-region.json`.
 * Its defaults are those of another account, if there is one: the hub's own is best left to the CDK. What one account may be read
 * for is nobody else's default, so of ARNs it has none.
 * @param assembly What `app.synth()` returned.
 * @returns Path of the file.
 */
export function writeRegionTemplate(assembly: CloudAssembly, { node, regionDefaults }: Recohere): string {
  const file = join(assembly.directory, 'templates', 'recohere-region.json');
  const outdir = mkdtempSync(join(tmpdir(), 'recohere-region-'));
  try {
    const app = new App({ outdir, analyticsReporting: false, context: node.getAllContext() });
    const stack = regionStack(app, 'region', regionDefaults);
    const { template } = app.synth().getStackArtifact(stack.artifactId);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(template, null, 1)}\n`);
    return file;
  } finally {
    rmSync(outdir, { recursive: true });
  }
}
