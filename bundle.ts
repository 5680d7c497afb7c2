import { chmodSync } from 'node:fs';
import { rolldown } from 'rolldown';
import bundles from './rolldown.config.ts';

// The command line of rolldown does the same and cannot be kept from printing, which would stand in the output of `npm start`.
for (const options of bundles) {
  const built = await rolldown(options);
  await built.write(options.output);
  await built.close();
}

// npm does so when it installs; a folder that was built again has to do it itself
chmodSync('dist/bin/recohere.js', 0o755);
