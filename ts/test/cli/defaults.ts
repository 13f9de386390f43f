// What `entmax map` takes where the shell gives no options, quiet and on one thread.

import type { MapOptions } from '../../src/cli/map-options.ts';

export const DEFAULTS: Omit<MapOptions, 'map'> = {
  temperature: 1,
  emptyRow: 'zero',
  header: 'auto',
  delimiter: ',',
  dtype: 'float32',
  memory: 256,
  quiet: true,
  threads: 1,
};
