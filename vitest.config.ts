import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string): string => fileURLToPath(new URL(`ts/src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^entmax$/, replacement: source('index.ts') },
      { find: 'entmax/attention', replacement: source('attention/index.ts') },
      { find: 'entmax/regularised', replacement: source('regularised/index.ts') },
      { find: 'entmax/structured', replacement: source('structured/index.ts') },
    ],
  },
  test: {
    include: ['ts/test/**/*.test.ts'],
    setupFiles: ['ts/test/seed.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores: two files at a time, each in a process of its own, because the runtime is one per process.
    pool: 'forks',
    maxWorkers: 2,
  },
});
