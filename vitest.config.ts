import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**', 'test/newcomer/**'],
    globalSetup: ['test/build.ts'],
    maxWorkers: '100%', // else one on two cores
    testTimeout: 60_000, // a bound for a machine that is busy with other things
    coverage: {
      include: ['functions/**', 'bin/**', 'lib/**', 'rehearsal/**'],
      reporter: ['text-summary'],
      reportOnFailure: true, // else a failed test hides what is no longer played
      thresholds: { 'functions/core/**': { 100: true } },
    },
  },
});
