import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: ['test/build.ts', 'test/e2e/build.ts', 'test/e2e/emulator.ts'],
    testTimeout: 90_000,
    hookTimeout: 180_000,
    maxWorkers: 2, // they mostly wait for the emulator
  },
});
