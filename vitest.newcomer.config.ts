import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/newcomer/**/*.test.ts', 'test/readme*.test.ts', 'test/documents.test.ts'],
    globalSetup: ['test/build.ts'],
    testTimeout: 300_000, // a bound for a machine that is busy with other things
    hookTimeout: 600_000,
  },
});
