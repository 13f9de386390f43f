/** The steps of a pullback in their order (crates/entmax-core/src/attention/backward/mod.rs), and what each takes. */

import { elementBytes } from '../elements.ts';
import type { AttentionCall } from './attention-call.ts';
import type { DenseBlock, STEP } from './backward-description.ts';
import { LANES, NANOSECONDS_PER_CHANNEL, packsOf, rowsOf } from './forward.ts';
import type { PullbackCall } from './gradients.ts';
import { keepsWeights } from './saved-weights.ts';

/** Dense rows of weights and of gradients of scores that exist at a time. */
const BLOCK_BYTES = 8 << 20;
const LEAST_QUERIES = 64;
/** Queries that one row of the step `blocks` takes (backward/blocks.rs). */
const QUERIES = 16;
/** Rows are up to so many numbers longer than M (crates/entmax-core/src/maps/staging.rs, `pitch`). */
const LONGEST_PADDING = 32;

export interface Step {
  readonly name: keyof typeof STEP | 'norm' | 'packKeys' | 'packValues';
  readonly rows: number;
  readonly nanosecondsPerRow: number;
  /** The queries of a softmax head that it takes. */
  readonly block?: Pick<DenseBlock, 'head' | 'first' | 'count'>;
}

/** The steps to the gradients named by `wrt`, given how many weights are kept. */
export function stepsOf(call: PullbackCall, entries: number, wrt: readonly string[]): Step[] {
  const wantsScores = ['q', 'k', 'alpha', 'bias'].some((name) => wrt.includes(name));
  const wantsKeys = wrt.includes('k') || wrt.includes('v');
  if (wrt.length === 0) return [];
  return [
    ...ofNorm(call),
    ...ofKeptWeights(call, entries, wrt, wantsScores, wantsKeys),
    ...ofSoftmax(call, wrt, wantsScores, wantsKeys),
  ];
}

/** Back through the norm to the sums, before all else. */
function ofNorm(call: PullbackCall): Step[] {
  const { norm } = call;
  if (!norm) return [];
  return [{ name: 'norm', rows: norm.partsOf(call), nanosecondsPerRow: norm.nanosecondsPerPart(call) }];
}

/** The step `keys` also writes zeros where no weights are kept. */
function ofKeptWeights(
  call: PullbackCall,
  entries: number,
  wrt: readonly string[],
  wantsScores: boolean,
  wantsKeys: boolean,
): Step[] {
  const { batches, heads, keyHeads, keys } = call.sizes;
  const kept = keepsWeights(call).includes(true);
  const perEntry = (rows: number, factor: number): number => (entries / Math.max(rows, 1)) * factor * perPair(call);
  const steps: Step[] = [];
  const add = (name: Step['name'], rows: number, factor: number, least: number): void => {
    steps.push({ name, rows, nanosecondsPerRow: perEntry(rows, factor) + least });
  };
  if (kept && wantsScores) add('rows', rowsOf(call), 3, 300);
  if (wantsKeys) add('sort', batches * heads, 1, 2 * keys);
  if (wantsKeys) add('keys', batches * keyHeads * Math.ceil(keys / LANES), 2, 1000);
  if (kept && wrt.includes('bias')) add('bias', biasRows(call), 0.2, keys);
  return steps;
}

/** Weights of softmax are formed again, for some queries of a head at a time. */
function ofSoftmax(call: PullbackCall, wrt: readonly string[], wantsScores: boolean, wantsKeys: boolean): Step[] {
  const { batches, heads, queries, keys } = call.sizes;
  const kept = keepsWeights(call);
  if (!kept.includes(false) || queries === 0) return [];
  const pack = { rows: packsOf(call), nanosecondsPerRow: 0 };
  const steps: Step[] = wantsScores ? [{ name: 'packValues', ...pack }] : [];
  steps.push({ name: 'packKeys', ...pack });
  const size = blockQueriesOf(call);
  for (let head = 0; head < batches * heads; head++) {
    for (let first = 0; first < queries && !kept[head % heads]; first += size) {
      const count = Math.min(size, queries - first);
      const block = { head, first, count };
      const add = (name: Step['name'], rows: number, nanosecondsPerRow: number): void => {
        steps.push({ name, rows, nanosecondsPerRow: nanosecondsPerRow + 1000, block });
      };
      add('blocks', Math.ceil(count / QUERIES), 1.5 * QUERIES * keys * perPair(call));
      if (wantsKeys) add('blockKeys', Math.ceil(keys / LANES), LANES * count * perPair(call));
      if (wrt.includes('bias')) add('blockBias', biasRows(call), keys);
    }
  }
  return steps;
}

/** Time of the products of a query and a key, and of their value. */
function perPair({ sizes, template }: AttentionCall): number {
  return (sizes.width + sizes.valueWidth) * NANOSECONDS_PER_CHANNEL[template.dtype];
}

/** Rows of the bias: its axes of batch, heads and queries, as far as it does not repeat along them. */
function biasRows({ biasForm, sizes }: PullbackCall): number {
  const { batches, heads, queries } = sizes;
  const distances = biasForm?.distances ?? [0, 0, 0, 0];
  return [batches, heads, queries].reduce((rows, length, axis) => rows * (distances[axis] === 0 ? 1 : length), 1);
}

/** Queries of softmax whose dense rows exist at a time, a multiple of sixteen. */
function blockQueriesOf(call: AttentionCall): number {
  const most = Math.floor(BLOCK_BYTES / (2 * rowBytes(call)));
  return Math.max(LEAST_QUERIES, Math.floor(most / QUERIES) * QUERIES);
}

function rowBytes({ sizes, template }: AttentionCall): number {
  return elementBytes(template.dtype) * (sizes.keys + LONGEST_PADDING);
}

/** Bytes of these rows, of either kind. */
export function denseRowBytes(call: AttentionCall): number {
  return Math.min(blockQueriesOf(call), Math.ceil(call.sizes.queries / QUERIES) * QUERIES) * rowBytes(call);
}
