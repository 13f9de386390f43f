/**
 * Plain JavaScript as a careful author writes it without WebAssembly: typed arrays, no allocation in the loop, float64
 * arithmetic, and for the sparse maps only as much work as the support needs.
 *
 * What was tried and was slower is in bench/README.md.
 */

import { local } from '../samplers.js';

/** Three loops: the maximum, the exponentials and their sum, the scaling. */
export function softmax(x, out, n) {
  for (let start = 0; start < x.length; start += n) {
    const end = start + n;
    const largest = maximum(x, start, end);
    let sum = 0;
    for (let i = start; i < end; i++) {
      const e = Math.exp(x[i] - largest);
      out[i] = e;
      sum += e;
    }
    const scale = 1 / sum;
    for (let i = start; i < end; i++) out[i] *= scale;
  }
}

/**
 * Michelot after the filter: scores more than 1 below the maximum are out; over the rest tau = (sum - 1) / count until
 * none leaves. The row is written as zeros and then the support.
 */
export function sparsemax(x, out, n, candidates) {
  const { values, columns } = candidates;
  out.fill(0);
  for (let start = 0; start < x.length; start += n) {
    const end = start + n;
    const size = filter(x, start, end, maximum(x, start, end) - 1, candidates);
    const tau = michelot(values, size);
    for (let i = 0; i < size; i++) if (x[columns[i]] > tau) out[columns[i]] = x[columns[i]] - tau;
  }
}

/** The same filter in units u = (z - max) / 2, where candidates lie above -1, then p = [u - tau]+^2. */
export function entmax15(x, out, n, candidates) {
  const { values, columns } = candidates;
  out.fill(0);
  for (let start = 0; start < x.length; start += n) {
    const end = start + n;
    const largest = maximum(x, start, end);
    const size = filter(x, start, end, largest - 2, candidates);
    for (let i = 0; i < size; i++) values[i] = (values[i] - largest) / 2;
    const cut = largest + 2 * threshold15(values, size);
    for (let i = 0; i < size; i++) {
      const rest = (x[columns[i]] - cut) / 2;
      if (rest > 0) out[columns[i]] = rest * rest;
    }
  }
}

/** Lists the scores above `bound` with their places in x; returns how many there are. */
function filter(x, start, end, bound, { values, columns }) {
  let size = 0;
  for (let i = start; i < end; i++) {
    const z = x[i];
    if (z > bound) {
      columns[size] = i;
      values[size++] = z;
    }
  }
  return size;
}

/** Shortens the list as tau rises: a score that left stays out. */
function michelot(values, size) {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += values[i];
  for (;;) {
    const tau = (sum - 1) / size;
    const before = size;
    size = 0;
    sum = 0;
    for (let i = 0; i < before; i++) {
      const z = values[i];
      if (z > tau) {
        values[size++] = z;
        sum += z;
      }
    }
    if (size === before) return tau;
  }
}

/** A rise of tau that no longer changes a float32 result. */
const SETTLED = 1e-9;

/** Newton on the norm of [u - tau]+ (MATH.md §2.4): tau rises to the root and never passes it. */
function threshold15(values, size) {
  let tau = -1;
  for (;;) {
    const before = size;
    let sum = 0;
    let squares = 0;
    size = 0;
    for (let i = 0; i < before; i++) {
      const rest = values[i] - tau;
      if (rest > 0) {
        values[size++] = values[i];
        sum += rest;
        squares += rest * rest;
      }
    }
    const step = (squares - Math.sqrt(squares)) / sum;
    tau += step;
    if (!(step > SETTLED)) return tau;
  }
}

function maximum(x, start, end) {
  let largest = x[start];
  for (let i = start + 1; i < end; i++) if (x[i] > largest) largest = x[i];
  return largest;
}

const MAPS = { softmax, sparsemax, entmax15 };

/** Every row copied and sorted by the engine's own function, ascending: what a closed form over sorted scores begins with. */
function sorting(x, [rows, n]) {
  const out = x.slice();
  const parts = Array.from({ length: rows }, (_, row) => out.subarray(row * n, (row + 1) * n));
  const call = () => {
    out.set(x);
    for (const part of parts) part.sort();
  };
  return {
    call,
    sampler: local(call),
    output: () => ({ values: out }),
    clear: () => void out.fill(NaN),
    dispose: () => {},
  };
}

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const plain = {
    label: 'plain JavaScript',
    prepare: ({ operation, map }, { x, n, shape }) => {
      if (operation === 'sort') return sorting(x, shape);
      const run = operation === 'forward' && MAPS[map];
      if (!run) return undefined;
      const out = new Float32Array(x.length);
      const candidates = { values: new Float64Array(n), columns: new Int32Array(n) };
      const call = () => run(x, out, n, candidates);
      return {
        call,
        sampler: local(call),
        output: () => ({ values: out }),
        clear: () => void out.fill(NaN),
        dispose: () => {},
      };
    },
  };
  return { engines: { plain } };
}
