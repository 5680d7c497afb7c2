import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { ConfigError, Recohere, writeRegionTemplate } from '../lib/index.ts';
import { EXIT, Failure } from './failure.ts';
import { loadConfig } from './load-config.ts';

/**
 * Where `cdk` finds the stacks: `-c config=other.config.ts` names another config, `-c pages=a@b.c,d@e.f` who is woken, `-c tickets=…` who
 * is told for working hours, `-c runbook=https://…/README.md` where alarms send them.
 */
async function synth(): Promise<void> {
  const app = new App();
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const loaded = await loadConfig(app.node.tryGetContext('config'));
  if (!loaded) throw new Failure(EXIT.usage, 'no config is here; write one with: npx recohere init');
  const contextOf = (name: string): string | undefined => app.node.tryGetContext(name) || undefined;
  const addresses = (name: string) => contextOf(name)?.split(',') ?? [];
  const recohere = new Recohere(app, 'Recohere', {
    config: loaded.config,
    notify: { page: addresses('pages'), ticket: addresses('tickets') },
    runbook: contextOf('runbook'),
  });
  writeRegionTemplate(app.synth(), recohere);
}

try {
  await synth();
} catch (error) {
  if (!(error instanceof Failure || error instanceof ConfigError)) throw error;
  process.stderr.write(`recohere: ${error.message}\n`);
  process.exitCode = EXIT.usage;
}
