import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: ['test/build.ts', 'test/e2e/emulator.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
