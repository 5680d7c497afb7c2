import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**'],
    globalSetup: ['test/build.ts'],
    coverage: {
      include: ['functions/**', 'bin/**'],
      reporter: ['text-summary'],
      thresholds: { 'functions/core/**': { 100: true } },
    },
  },
});
