/** What is wrong with a config, in words for the one who wrote it: one line for each mistake. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(mistakes: readonly string[]) {
    super(['the config of Recohere cannot be deployed', ...mistakes].join('\n  '));
  }
}
