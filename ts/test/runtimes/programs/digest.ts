/**
 * The digest: a hash of the bits of every result, computed by the very same program in every runtime.
 *
 * "The pool gives the same bits" would be an empty claim if no worker had worked. So the program counts the chunks
 * that each thread has executed in each case, and a case that is meant for the pool is repeated until every requested
 * worker has had one: with more threads than cores a worker may well miss a single job. Each repetition must give the
 * same hash, and a worker that never comes is an error. Cases that are too small for the pool must stay on the caller,
 * and so must every synchronous call in a window.
 */

import {
  budget,
  budgetLoss,
  entmax,
  entmax15,
  entmax15Loss,
  entmaxLoss,
  init,
  runtimeInfo,
  shutdown,
  softmax,
  softmaxLoss,
  sparsemax,
  sparsemaxLoss,
  tensor,
  topkEntmax,
  topkSparsemax,
  zeros,
} from 'entmax';
import type { Tensor } from 'entmax';
import { attention, relaAttention } from 'entmax/attention';
import { report } from '../driver/report.ts';
import { attentionCases } from './digest-attention.ts';
import type { AttentionCase, AttentionForm } from './digest-attention.ts';
import { digestCases } from './digest-cases.ts';
import type { DigestCase, Form, MapName } from './digest-cases.ts';
import { graphCases } from './digest-graph.ts';
import { regularisedCases } from './digest-regularised.ts';
import { structuredCases } from './digest-structured.ts';
import { hashOf } from './hash.ts';
import { mulberry32, rowsOf, scores } from './scores.ts';

export interface DigestSettings {
  /** The digest is computed once with each thread count, in this order. */
  readonly threads: readonly number[];
  readonly simd?: 'auto' | 'simd128' | 'relaxed-int';
}

export type AnyForm = Form | AttentionForm;

export interface DigestEntry {
  readonly case: string;
  readonly rows: number;
  readonly n: number;
  /** By form. */
  readonly hashes: Partial<Record<AnyForm, string>>;
  /** Which threads were to work on it. */
  readonly meantFor: DigestCase['threads'];
  /** Chunks that the pool's threads have executed for this case, the caller first. */
  readonly chunks: number[];
}

export interface Digest {
  readonly requested: number;
  readonly threads: number;
  readonly simd: string;
  readonly reason: string;
  readonly shared: boolean;
  /** What the cases left behind. */
  readonly leaked: { readonly bytes: number; readonly tensors: number };
  readonly entries: DigestEntry[];
}

type Scores = Float32Array | Float64Array;
type Input = Scores | Tensor<'float32' | 'float64'>;
interface Options {
  readonly [option: string]: unknown;
}
/** What the digest needs of a map, whichever it is. */
interface RowMap {
  (x: Input, options: Options): Input;
  support(x: Input, options: Options): { sizes: Int32Array; thresholds: Scores };
  csr(x: Input, options: Options): { indptr: Int32Array; indices: Int32Array; values: Scores };
  vjp(x: Input, options: Options): [Input, Pullback<Gradients>];
  backward(p: Input, dp: Input, options: Options): Gradients;
  async: {
    (x: Input, options: Options): Promise<Input>;
    vjp(x: Input, options: Options): Promise<[Input, Pullback<Promise<Gradients>>]>;
  };
}
/** Of scores, and of parameters that are numbers here or have one value for each row. */
type Gradients = Record<string, Input | number>;
interface Pullback<R> {
  (dy: Input): R;
  dispose(): void;
}
const maps = {
  softmax,
  sparsemax,
  entmax15,
  entmax,
  topkSparsemax,
  topkEntmax,
  budget,
  'budget at most': budget,
} as unknown as Record<MapName, RowMap>;

/** And of a loss. */
interface Loss {
  valueAndGrad(z: Input, target: Int32Array, options: Options): [number, Gradients];
  valueAndCsr(z: Input, target: Int32Array, options: Options): [number, { x: ReturnType<RowMap['csr']> }];
  async: { valueAndGrad(z: Input, target: Int32Array, options: Options): Promise<[number, Gradients]> };
}
const losses = {
  softmax: softmaxLoss,
  sparsemax: sparsemaxLoss,
  entmax15: entmax15Loss,
  entmax: entmaxLoss,
  'budget at most': budgetLoss,
} as unknown as Partial<Record<MapName, Loss>>;

/** On a browser's main thread only the asynchronous forms may use the pool. */
const isWindow = 'document' in globalThis;
/** A worker that has not come by then does not come: on an idle machine it takes a few milliseconds. */
const PATIENCE_MILLISECONDS = 15_000;
/** No result holds it. Freed memory still holds the last repetition's, which would hide a row that nobody computed. */
const STALE = 7;

/** A case with its inputs at hand. */
interface Prepared {
  readonly name: string;
  readonly rows: number;
  readonly n: number;
  readonly forms: readonly AnyForm[];
  readonly threads: DigestCase['threads'];
  /** The hash of what a form gives. */
  readonly run: (form: AnyForm) => Promise<string>;
  readonly dispose: () => void;
}

async function digestEntry({ name, rows, n, forms, threads, run, dispose }: Prepared): Promise<DigestEntry> {
  const hashes: Partial<Record<AnyForm, string>> = {};
  const chunks = runtimeInfo().chunks.fill(0);
  for (const form of forms) {
    const before = runtimeInfo().chunks;
    const repeated = usesPool(threads, form);
    hashes[form] = repeated ? await untilAllHaveWorked(`${name}, ${form}`, () => run(form)) : await run(form);
    runtimeInfo().chunks.forEach((count, thread) => (chunks[thread]! += count - before[thread]!));
    if (staysOnCaller(threads, form) && chunks.slice(1).some((count) => count > 0)) {
      throw new Error(`${name}, ${form}: expected the caller to work alone, got chunks ${chunks.join(', ')}`);
    }
  }
  dispose();
  return { case: name, rows, n, hashes, meantFor: threads, chunks };
}

function rowMapCase(digestCase: DigestCase): Prepared {
  const { name, map, shape, forms, threads } = digestCase;
  const x = scoresOf(digestCase);
  const options = optionsOf(digestCase);
  const input = tensor<Scores>(x, shape);
  const out = threads === 'all' ? zeros(shape, digestCase.dtype) : undefined;
  return {
    name,
    ...rowsOf(digestCase),
    forms,
    threads,
    run: (form) => {
      if (form.startsWith('loss')) return hashOfLoss(digestCase, form as Form, input, options);
      if (form.startsWith('array')) return hashOfForm(maps[map], form as Form, x, { ...options, shape });
      if (form === 'support' || !out) return hashOfForm(maps[map], form as Form, input, options);
      out.view().fill(STALE);
      return hashOfForm(maps[map], form as Form, input, { ...options, out });
    },
    dispose: () => {
      input.dispose();
      out?.dispose();
    },
  };
}

/** Attention without the types of its forms. */
interface AnyAttention {
  (...args: unknown[]): Input | Block;
  inspect(...args: unknown[]): Inspection;
  vjp(...args: unknown[]): [Block, (dout: unknown) => Record<string, Scores | Block>];
  async: {
    (...args: unknown[]): Promise<Input | Block>;
    inspect(...args: unknown[]): Promise<Inspection>;
    vjp(...args: unknown[]): Promise<[Block, (dout: unknown) => Promise<Record<string, Scores | Block>>]>;
  };
}
interface Block {
  data: Scores;
}
interface Inspection {
  output: Block;
  weights: { indptr: Int32Array; indices: Int32Array; values: Scores; thresholds: Scores };
  skipped: number;
}

function attentionCase({ name, operator, dtype, shapes, inputs, forms, threads, rows, n }: AttentionCase): Prepared {
  const { q, k, v, options } = inputs();
  const call = { attention, relaAttention }[operator] as unknown as AnyAttention;
  const blocks = [
    { data: q, shape: shapes.q },
    { data: k, shape: shapes.k },
    { data: v, shape: shapes.v },
  ];
  const tensors = blocks.map(({ data, shape }) => tensor<Scores>(data, shape));
  const out = zeros(shapes.out, dtype);
  const run = async (form: AnyForm): Promise<string> => {
    if (form.startsWith('inspect')) {
      const { output, weights, skipped } = await (form === 'inspect'
        ? call.inspect(...blocks, options)
        : call.async.inspect(...blocks, options));
      const { indptr, indices, values, thresholds } = weights;
      return hashOf(output.data, indptr, indices, values, thresholds, Float64Array.of(skipped));
    }
    const attend = form.endsWith('async') ? call.async : call;
    if (form.startsWith('vjp')) {
      const [output, pullback] = await attend.vjp(...blocks, options);
      const gradients = await pullback({ data: cotangentOf(output.data), shape: shapes.out });
      const arrays = Object.values(gradients).map((each) => (ArrayBuffer.isView(each) ? each : each.data));
      return hashOf(output.data, ...arrays);
    }
    if (form.startsWith('array')) return hashOf(((await attend(...blocks, options)) as { data: Scores }).data);
    out.view().fill(STALE);
    await attend(...tensors, { ...options, out });
    return hashOf(out.toTypedArray());
  };
  const dispose = (): void => [...tensors, out].forEach((each) => each.dispose());
  return { name, rows, n, forms, threads, run, dispose };
}

let latest: { key: string; x: Scores } | undefined;

/** The scores of a case. The large cases of one layout follow each other and share them. */
function scoresOf({ shape, axis, dtype }: DigestCase): Scores {
  const key = `${dtype} ${shape.join()} ${axis}`;
  if (latest?.key !== key) latest = { key, x: scores({ shape, axis }, dtype) };
  return latest.x;
}

async function hashOfForm(map: RowMap, form: Form, x: Input, options: Options): Promise<string> {
  if (form === 'support') {
    const { sizes, thresholds } = map.support(x, options);
    return hashOf(sizes, thresholds);
  }
  if (form === 'csr') {
    const { indptr, indices, values } = map.csr(x, options);
    return hashOf(indptr, indices, values);
  }
  if (form.startsWith('vjp') || form === 'backward') return hashOfGradients(map, form, x, options);
  const result = form.endsWith('async') ? await map.async(x, options) : map(x, options);
  if (ArrayBuffer.isView(result)) return hashOf(result);
  const hash = hashOf(result.toTypedArray());
  if (result !== options['out']) result.dispose();
  return hash;
}

/** A cotangent of small multiples of 1/16. */
const cotangentOf = (values: Scores): Scores => values.map((_, i) => ((i * 37) % 64) / 16 - 2);

/** Of the value and of all gradients. */
async function hashOfGradients(map: RowMap, form: Form, x: Input, options: Options): Promise<string> {
  const values = ArrayBuffer.isView(x) ? x : x.toTypedArray();
  const cotangent = cotangentOf(values);
  const dy = ArrayBuffer.isView(x) ? cotangent : tensor<Scores>(cotangent, x.shape);
  const [value, pullback] = form.endsWith('async') ? await map.async.vjp(x, options) : map.vjp(x, options);
  const gradients = form === 'backward' ? map.backward(value, dy, options) : await pullback(dy);
  pullback.dispose();
  const hash = hashOf(...takeOut(value, ...Object.values(gradients)));
  if (!ArrayBuffer.isView(dy)) dy.dispose();
  return hash;
}

/** Of the loss and of all its gradients, for some class in each row. */
async function hashOfLoss({ map, ...layout }: DigestCase, form: Form, z: Input, options: Options): Promise<string> {
  const { rows, n } = rowsOf(layout);
  const classes = Int32Array.from({ length: rows }, (_, row) => (row * 7 + 3) % n);
  // Rows without a finite loss are left out, for Infinity and NaN would be all that is told of the others.
  const each = losses[map]! as unknown as (z: Input, target: Int32Array, options: Options) => Input;
  // The loss of a budget is that of bounds 1, and knows no others.
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => name !== 'upper'));
  const [perRow] = takeOut(each(z, classes, { ...own, reduction: 'none' }));
  const target = classes.map((k, row) => (Number.isFinite(perRow![row]) ? k : -100));
  if (form === 'loss csr') {
    const [value, { x }] = losses[map]!.valueAndCsr(z, target, own);
    return hashOf(perRow!, Float64Array.of(value), x.indptr, x.indices, x.values);
  }
  const loss = form.endsWith('async') ? losses[map]!.async : losses[map]!;
  const [value, gradients] = await loss.valueAndGrad(z, target, own);
  return hashOf(perRow!, Float64Array.of(value), ...takeOut(...Object.values(gradients)));
}

/** The values, with the Tensors disposed. */
function takeOut(...all: readonly (Input | number)[]): Scores[] {
  return all.map((each) => {
    if (typeof each === 'number') return Float64Array.of(each);
    if (ArrayBuffer.isView(each)) return each;
    const values = each.toTypedArray();
    each.dispose();
    return values;
  });
}

/** Arrays are staged in pieces that may each be too small for the pool, so only tensors are held to it. */
function usesPool(threads: DigestCase['threads'], form: AnyForm): boolean {
  return threads === 'all' && (form === 'tensor async' || (form === 'tensor' && !isWindow));
}

/** Holds for the synchronous forms of a window as long as they come before the asynchronous ones, as they do. */
function staysOnCaller(threads: DigestCase['threads'], form: AnyForm): boolean {
  return threads === 'caller' || (isWindow && !form.endsWith('async'));
}

async function untilAllHaveWorked(name: string, run: () => Promise<string>): Promise<string> {
  const before = runtimeInfo().chunks;
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  let hash: string | undefined;
  for (let repetition = 1; ; repetition++) {
    const again = await run();
    hash ??= again;
    if (again !== hash) throw new Error(`${name}: repetition ${repetition} gives ${again}, the first gave ${hash}`);
    const idle = runtimeInfo().chunks.findIndex((count, thread) => thread > 0 && count === before[thread]);
    if (idle < 0) return hash;
    if (performance.now() > deadline)
      throw new Error(`${name}: worker ${idle} executed no chunk in ${repetition} repetitions`);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** What a map needs besides. */
const OWN_OPTIONS: Partial<Record<MapName, Options>> = {
  topkSparsemax: { k: 7 },
  topkEntmax: { k: 4, alpha: 1.3 },
  'budget at most': { budget: 2.75, upper: 0.625, atMost: true },
};

function optionsOf(digestCase: DigestCase): Options {
  const { map, axis, alpha, temperature, mask, lengths, emptyRow } = digestCase;
  const { rows, n } = rowsOf(digestCase);
  const random = mulberry32(rows + n);
  const perRow = (): Float64Array => Float64Array.from({ length: rows }, () => 1 + (random() % 193) / 64);
  return {
    axis,
    ...OWN_OPTIONS[map],
    // Rows in which too little is left have no exact budget.
    ...(map === 'budget' && { budget: Float64Array.from({ length: rows }, () => (random() % 64) / 128) }),
    ...(alpha !== undefined && { alpha: alpha === 'per row' ? perRow() : alpha }),
    ...(temperature !== undefined && { temperature }),
    ...(mask && { mask: Uint8Array.from({ length: rows * n }, () => Number(random() % 4 > 0)) }),
    ...(lengths && { lengths: Int32Array.from({ length: rows }, () => random() % (n + 1)) }),
    ...(emptyRow && { emptyRow }),
  };
}

await report(async ({ threads, simd = 'auto' }: DigestSettings): Promise<Digest[]> => {
  const digests: Digest[] = [];
  for (const requested of threads) {
    const info = await init({ threads: requested, simd });
    const entries: DigestEntry[] = [];
    for (const each of digestCases) entries.push(await digestEntry(rowMapCase(each)));
    for (const each of attentionCases) entries.push(await digestEntry(attentionCase(each)));
    for (const each of structuredCases()) entries.push(await digestEntry(each));
    for (const each of graphCases()) entries.push(await digestEntry(each));
    for (const each of regularisedCases()) entries.push(await digestEntry(each));
    const { threads: got, simd: level, reason, memory } = info;
    const after = runtimeInfo();
    const leaked = { bytes: after.memory.used - memory.used, tensors: after.liveTensors };
    digests.push({ requested, threads: got, simd: level, reason, shared: memory.shared, leaked, entries });
    await shutdown();
  }
  return digests;
});
