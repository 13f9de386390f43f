/**
 * Scores for the digest, equal in every runtime: a 32-bit integer generator (mulberry32, by Tommy Ettinger, public
 * domain) and exact arithmetic, so that the one rounding is that of storing a float32.
 */

/** Bits of one layout: rows of length n along `axis` of `shape`, row-major over the other axes. */
export interface Layout {
  readonly shape: readonly number[];
  readonly axis: number;
}

/** The number of rows, their length, and how far apart their entries lie. */
export function rowsOf({ shape, axis }: Layout): { rows: number; n: number; stride: number } {
  const product = (lengths: readonly number[]): number => lengths.reduce((a, b) => a * b, 1);
  const n = shape[axis]!;
  return { rows: product(shape) / n, n, stride: product(shape.slice(axis + 1)) };
}

/** The flat position of a row's first entry. */
export function rowStart(row: number, { n, stride }: { n: number; stride: number }): number {
  return Math.floor(row / stride) * stride * n + (row % stride);
}

/**
 * Rows of every kind that the semantics table names, in turn: bell-shaped ones of different widths (supports of one up
 * to all entries), ties, a constant, excluded entries, +inf, NaN, nothing left.
 */
export function scores(layout: Layout, dtype: 'float32' | 'float64'): Float32Array | Float64Array {
  const { rows, n, stride } = rowsOf(layout);
  const data = new { float32: Float32Array, float64: Float64Array }[dtype](rows * n);
  const random = mulberry32(rows * 65537 + n * 31 + stride);
  for (let row = 0; row < rows; row++) {
    const start = rowStart(row, { n, stride });
    const kind = KINDS[row % KINDS.length]!;
    for (let i = 0; i < n; i++) data[start + i * stride] = kind(bell(random), random());
  }
  return data;
}

/** A row's kind: its entry for a bell-shaped number in (-2, 2) and an integer in [0, 2^32). */
const KINDS: readonly ((bell: number, integer: number) => number)[] = [
  (bell) => 2 * bell,
  (bell) => bell / 4,
  (bell) => Math.round(4 * bell) / 4,
  (bell) => 16 * bell,
  (bell, integer) => (integer % 8 === 0 ? -Infinity : bell),
  (bell) => bell / 1024 + 100,
  () => -3.25,
  (bell) => bell,
  (bell, integer) => (integer % 3 === 0 ? Infinity : bell),
  (bell) => 8 * bell,
  (bell, integer) => (integer % 3 === 0 ? NaN : bell),
  (bell) => bell / 2,
  () => -Infinity,
];

/** The sum of four uniforms in [0, 1) with 24 bits each, centred: exact in float64. */
function bell(random: () => number): number {
  let sum = 0;
  for (let i = 0; i < 4; i++) sum += random() >>> 8;
  return sum / 0x1000000 - 2;
}

/** The generator: each call returns 32 bits. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return (word ^ (word >>> 14)) >>> 0;
  };
}
