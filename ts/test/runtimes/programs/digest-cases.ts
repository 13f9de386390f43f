/** What the digest computes: each map at every vector boundary, with every option, and large enough for the pool. */

import { rowsOf } from './scores.ts';
import type { Layout } from './scores.ts';

export type MapName =
  'softmax' | 'sparsemax' | 'entmax15' | 'entmax' | 'topkSparsemax' | 'topkEntmax' | 'budget' | 'budget at most';
/**
 * How scores go in: as a tensor or a typed array, for the map, its support, its entries, or its value with all
 * gradients, synchronously or not; the gradients from its output; the map's loss with its gradients.
 */
export type Form =
  | 'tensor'
  | 'array'
  | 'support'
  | 'tensor async'
  | 'array async'
  | 'csr'
  | 'vjp'
  | 'vjp async'
  | 'backward'
  | 'loss'
  | 'loss async'
  | 'loss csr';

export interface DigestCase extends Layout {
  readonly name: string;
  readonly map: MapName;
  readonly dtype: 'float32' | 'float64';
  /** For `entmax`: one alpha, or another one for each row. */
  readonly alpha?: number | 'per row';
  readonly temperature?: number;
  readonly mask?: boolean;
  readonly lengths?: boolean;
  readonly emptyRow?: 'nan';
  readonly forms: readonly Form[];
  /** Which threads must work on it: only the caller, all of the pool, or whichever come. */
  readonly threads: 'caller' | 'all' | 'any';
}

type Operator = Pick<DigestCase, 'map' | 'dtype' | 'alpha'>;
type Options = Pick<DigestCase, 'temperature' | 'mask' | 'lengths' | 'emptyRow'>;

const LARGE_FORMS: readonly Form[] = ['tensor', 'array', 'support', 'tensor async'];
/** Those of the other kernels: entries and gradients. */
const FURTHER_FORMS: readonly Form[] = ['csr', 'vjp', 'backward', 'vjp async'];
/** Of the maps that have a loss. */
const LOSS_FORMS: readonly Form[] = ['loss', 'loss csr', 'loss async'];
/** Up to so many scores no job is worth a second thread. */
const CALLER_SCORES = 512;
const BOUNDARIES = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257, 1000];
const ALPHAS = [1, 1.01, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 4, 10, Infinity];

export const digestCases: readonly DigestCase[] = [...small(), ...withOptions(), ...further(), ...large()];

/** Rows around every vector boundary. */
function* small(): Generator<DigestCase> {
  for (const operator of operators(1.25, 3, 'per row')) {
    for (const rows of [1, 2, 3, 5]) {
      const forms: Form[] = rows === 3 ? ['tensor', 'array', 'support', 'array async'] : ['tensor', 'array'];
      for (const n of BOUNDARIES) yield digestCase(operator, [rows, n], 1, forms);
    }
  }
}

/** Every option, every kind of axis, every regime of alpha. */
function* withOptions(): Generator<DigestCase> {
  const forms: Form[] = ['tensor', 'array', 'support'];
  const all: Options = { mask: true, lengths: true, temperature: 0.75, emptyRow: 'nan' };
  for (const operator of operators(1.25, 3, 'per row')) {
    for (const axis of [0, 1, 2]) yield digestCase(operator, [13, 7, 65], axis, forms);
    for (const options of [{ mask: true }, { lengths: true }, { temperature: 0.75 }, { temperature: 2 }, all]) {
      for (const axis of [0, 1]) yield digestCase(operator, [26, 37], axis, forms, options);
    }
  }
  for (const dtype of ['float32', 'float64'] as const) {
    for (const alpha of ALPHAS) yield digestCase({ map: 'entmax', dtype, alpha }, [26, 97], 1, forms);
  }
}

/** Entries and gradients, and the maps with a budget or a k: every kind of axis and rows around some boundaries. */
function* further(): Generator<DigestCase> {
  const forms: Form[] = ['tensor', 'array', 'support', ...FURTHER_FORMS];
  const masked = { temperature: 0.75, mask: true };
  for (const operator of operators(1.25, 3, 'per row')) {
    for (const more of [FURTHER_FORMS, LOSS_FORMS]) {
      for (const n of [1, 5, 17, 65, 257]) yield digestCase(operator, [13, n], 1, more);
      for (const axis of [0, 1]) yield digestCase(operator, [13, 7, 65], axis, more, masked);
    }
    yield digestCase(operator, [1024, 257], 1, LOSS_FORMS);
  }
  for (const dtype of ['float32', 'float64'] as const) {
    for (const map of ['topkSparsemax', 'topkEntmax', 'budget', 'budget at most'] as const) {
      for (const n of [1, 5, 17, 65, 257, 1000]) yield digestCase({ map, dtype }, [13, n], 1, forms);
      for (const axis of [0, 1]) yield digestCase({ map, dtype }, [13, 7, 65], axis, forms, { temperature: 0.75 });
      yield digestCase({ map, dtype }, [4096, 64], 1, ['tensor', 'csr', 'vjp']);
      if (map === 'budget at most') yield digestCase({ map, dtype }, [52, 97], 1, LOSS_FORMS);
    }
  }
}

/** Work for the pool: many rows of usual length, many short ones, few very long ones, rows across memory. */
function* large(): Generator<DigestCase> {
  const layouts: Record<'float32' | 'float64', [number[], number][]> = {
    float32: [
      [[256, 4096], 1],
      [[4096, 64], 1],
      [[3, 100_003], 1],
      [[96, 64, 48], 0],
      [[24, 96, 128], 1],
    ],
    float64: [
      [[4096, 64], 1],
      [[3, 100_003], 1],
    ],
  };
  for (const dtype of ['float32', 'float64'] as const) {
    for (const [shape, axis] of layouts[dtype]) {
      for (const operator of operators(1.25, 'per row')) {
        if (operator.dtype === dtype) yield digestCase(operator, shape, axis, LARGE_FORMS, {}, 'all');
      }
    }
  }
}

/** All maps in both dtypes, `entmax` with each of the given alphas. */
function* operators(...alphas: (number | 'per row')[]): Generator<Operator> {
  for (const dtype of ['float32', 'float64'] as const) {
    for (const map of ['softmax', 'sparsemax', 'entmax15'] as const) yield { map, dtype };
    for (const alpha of alphas) yield { map: 'entmax', dtype, alpha };
  }
}

function digestCase(
  operator: Operator,
  shape: number[],
  axis: number,
  forms: readonly Form[],
  options: Options = {},
  threads?: 'all',
): DigestCase {
  const { map, dtype, alpha } = operator;
  const { rows, n } = rowsOf({ shape, axis });
  const words = Object.entries({ alpha, ...options }).flatMap(([key, value]) =>
    value === undefined ? [] : `${key}=${value}`,
  );
  const kind = forms === LOSS_FORMS ? `loss of ${map}` : map;
  const name = [kind, dtype, `[${shape.join(', ')}]`, `axis=${axis}`, ...words].join(' ');
  return {
    name,
    ...operator,
    ...options,
    shape,
    axis,
    forms,
    threads: threads ?? (rows * n <= CALLER_SCORES ? 'caller' : 'any'),
  };
}
