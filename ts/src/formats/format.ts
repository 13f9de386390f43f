// The formats of arrays in files, and how a name tells which it is.

import { extname } from 'node:path';

export const FORMATS = ['npy', 'safetensors', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** The format that a file's name tells. */
export function formatOfName(path: string): Format | undefined {
  const ending = extname(path).slice(1).toLowerCase();
  return FORMATS.find((format) => format === ending);
}
