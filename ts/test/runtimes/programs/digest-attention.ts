/** What the digest computes of attention and relaAttention: every option, around blocks and panels, and large enough for the pool. */

import { mulberry32 } from './scores.ts';

/** A tensor or a block, attention, its inspection or its gradients, synchronously or not. */
export type AttentionForm =
  'tensor' | 'array' | 'tensor async' | 'array async' | 'inspect' | 'inspect async' | 'vjp' | 'vjp async';

type Floats = Float32Array | Float64Array;

export interface AttentionCase {
  readonly name: string;
  readonly operator: 'attention' | 'relaAttention';
  readonly dtype: 'float32' | 'float64';
  /** Of q, k, v and the output. */
  readonly shapes: { readonly q: number[]; readonly k: number[]; readonly v: number[]; readonly out: number[] };
  readonly inputs: () => { q: Floats; k: Floats; v: Floats; options: Record<string, unknown> };
  readonly forms: readonly AttentionForm[];
  readonly threads: 'all' | 'any';
  /** Queries of all heads, and keys. */
  readonly rows: number;
  readonly n: number;
}

const AT_ONCE: readonly AttentionForm[] = ['tensor', 'array', 'inspect'];
const LATER: readonly AttentionForm[] = ['tensor async', 'array async', 'inspect async'];
const FORMS = [...AT_ONCE, ...LATER];
/** Those of relaAttention: the norm has kernels of its own. */
const RELA_FORMS: readonly AttentionForm[] = [...AT_ONCE, 'vjp', ...LATER, 'vjp async'];
const ALPHAS = [1.5, 1, 2, 1.3];

export const attentionCases: readonly AttentionCase[] = [...small(), ...large()];

function* small(): Generator<AttentionCase> {
  for (const dtype of ['float32', 'float64'] as const) {
    for (const options of ['none', 'causal', 'all', 'topk', 'rela'] as const) {
      for (const [n, m, d, e] of [
        [1, 1, 4, 4],
        [3, 17, 5, 16],
        [17, 33, 16, 20],
        [5, 300, 8, 40],
        [18, 700, 4, 1],
      ] as const) {
        const forms = options === 'rela' ? RELA_FORMS : FORMS;
        yield attentionCase(dtype, [2, 4, 2, n, m, d, e], options, forms, 'any');
      }
    }
  }
}

function* large(): Generator<AttentionCase> {
  for (const dtype of ['float32', 'float64'] as const) {
    const [n, d] = dtype === 'float32' ? [1024, 64] : [256, 32];
    yield attentionCase(dtype, [1, 4, 2, n, n, d, d], 'causal', FORMS, 'all');
    yield attentionCase(dtype, [2, 4, 4, n / 2, 2 * n, d, d + 1], 'all', FORMS, 'all');
    yield attentionCase(dtype, [2, 4, 2, n / 2, n, d, d + 1], 'rela', RELA_FORMS, 'all');
  }
}

function attentionCase(
  dtype: 'float32' | 'float64',
  [b, h, g, n, m, d, e]: readonly [number, number, number, number, number, number, number],
  chosen: 'none' | 'causal' | 'all' | 'topk' | 'rela',
  forms: readonly AttentionForm[],
  threads: 'all' | 'any',
): AttentionCase {
  const operator = chosen === 'rela' ? 'relaAttention' : 'attention';
  const [pairs, channels] = [`${h} of ${g} heads, ${n} x ${m}`, `${d} and ${e} channels`];
  return {
    operator,
    name: `${operator} ${dtype}, ${pairs}, ${channels}, ${chosen}`,
    dtype,
    shapes: { q: [b, h, n, d], k: [b, g, m, d], v: [b, g, m, e], out: [b, h, n, e] },
    forms,
    threads,
    rows: b * h * n,
    n: m,
    inputs: () => {
      const random = mulberry32(n * 8191 + m * 31 + d);
      // Multiples of 1/32 in (-2, 2): ties are many, products are rounded where they are long.
      const floats = (length: number): Floats => {
        const values = new { float32: Float32Array, float64: Float64Array }[dtype](length);
        for (let i = 0; i < length; i++) values[i] = ((random() >>> 8) % 127) / 32 - 2;
        return values;
      };
      const bits = (length: number): Uint8Array => Uint8Array.from({ length }, () => Number((random() >>> 8) % 4 > 0));
      const lengths = (most: number): Int32Array =>
        Int32Array.from({ length: b }, (_, batch) => most - Math.floor((most * batch) / 3));
      const options = {
        none: {},
        causal: { isCausal: 'lowerRight', alpha: ALPHAS },
        topk: { topk: 5, alpha: [1, 1.5, 2, 1.3] },
        all: {
          alpha: [1.25, 1, 2, Infinity],
          scale: 0.375,
          isCausal: 'lowerRight',
          mask: { data: bits(n * m), shape: [1, 1, n, m] },
          keyMask: bits(b * m),
          bias: { data: floats(h * m), shape: [1, h, 1, m] },
          alibiSlopes: [0.5, 0.25, 0.125, 0.0625],
          querySeqLengths: lengths(n),
          keyValueSeqLengths: lengths(m),
          emptyRow: 'nan',
        },
        rela: {
          isCausal: 'lowerRight',
          keyMask: bits(b * m),
          querySeqLengths: lengths(n),
          gain: floats(h * e),
          gate: floats(h * e),
        },
      }[chosen];
      const v = floats(b * g * m * e);
      // One value is infinite and one NaN: a NaN result is the canonical one everywhere.
      if (chosen === 'all') [v[0], v[v.length - 1]] = [Infinity, NaN];
      return { q: floats(b * h * n * d), k: floats(b * g * m * d), v, options };
    },
  };
}
