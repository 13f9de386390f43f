// The files of golden.json, which scripts/golden/files.py has made with NumPy and the safetensors package.

import { readFileSync } from 'node:fs';

interface Values {
  readonly name: string;
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float64Array;
}

export interface GoldenFile extends Values {
  readonly file: Uint8Array;
}

interface Stored {
  name: string;
  shape: number[];
  values: (number | 'nan' | 'inf' | '-inf')[];
}

const golden = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8')) as {
  npy: (Stored & { file: string })[];
  refused: { name: string; file: string }[];
  safetensors: { file: string; tensors: Stored[] };
  digits: [number, string][];
};

const WORDS = { nan: NaN, inf: Infinity, '-inf': -Infinity };

function values({ name, shape, values: stored }: Stored): Values {
  return { name, shape, values: Float64Array.from(stored, (each) => (typeof each === 'number' ? each : WORDS[each])) };
}

const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

/** Arrays as NumPy writes them. */
export const goldenNpy: GoldenFile[] = golden.npy.map((each) => ({ ...values(each), file: bytes(each.file) }));

/** .npy files of types that are no scores and no masks. */
export const refusedNpy = golden.refused.map(({ name, file }) => ({ name, file: bytes(file) }));

/** One file of several tensors. */
export const goldenSafetensors = {
  file: bytes(golden.safetensors.file),
  tensors: golden.safetensors.tensors.map(values),
};

/** Bits of positive float32 values, and the shortest digits that NumPy prints for them. */
export const goldenDigits = golden.digits;
