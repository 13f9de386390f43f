import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { entmax: fileURLToPath(new URL('ts/src/index.ts', import.meta.url)) } },
  test: {
    include: ['ts/test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores: two files at a time, each in a process of its own, because the runtime is one per process.
    pool: 'forks',
    maxWorkers: 2,
  },
});
