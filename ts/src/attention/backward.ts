/**
 * Gradients of attention from the kept weights (MATH.md §13), and from weights formed again for heads of softmax: the steps
 * of crates/entmax-core/src/attention/backward, each as a job for any number of threads.
 */

import { elementBytes, viewOf } from '../elements.ts';
import type { NamedGradients } from '../maps/backward.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { Job } from '../runtime/job.ts';
import type { Plan } from '../runtime/plan.ts';
import type { ReadScores } from '../scores.ts';
import { scoresView } from '../scores.ts';
import type { AttentionCall } from './attention-call.ts';
import { backwardDescriptionBytes, STEP, writeBackwardDescription } from './backward-description.ts';
import type { BackwardDescription, DenseBlock, KeptColumns, KeptRows } from './backward-description.ts';
import { denseRowBytes, stepsOf } from './backward-steps.ts';
import type { Step } from './backward-steps.ts';
import { descriptionBytes, writeDescription, NOWHERE } from './description.ts';
import type { Description, Heads } from './description.ts';
import { attentionJob, attentionKernel, headsAt, settingsOf, packJob } from './forward.ts';
import { paddedWidth, placeHeads, refuseStatus, suffixOf } from './forward.ts';
import { Gradients } from './gradients.ts';
import type { PullbackCall } from './gradients.ts';
import { keepsWeights } from './saved-weights.ts';
import type { SavedWeights } from './saved-weights.ts';

const NO_BLOCK: DenseBlock = { panels: 0, weights: 0, scores: 0, head: 0, first: 0, count: 0 };

/** The gradients named by `wrt` for the cotangent `dout` of the output. */
export function gradients(
  call: PullbackCall,
  saved: SavedWeights,
  dout: ReadScores,
  wrt: readonly string[],
): Plan<NamedGradients> {
  return inRoom(call.op, function* (room) {
    const results = new Gradients(call, room, wrt);
    const steps = stepsOf(call, saved.indices.length, wrt);
    if (steps.length > 0) {
      const pullback = new Pullback(call, room, saved, dout, results);
      for (const step of steps) yield* pullback.run(step);
    }
    return results.take();
  });
}

/** Where a pullback's inputs lie, and how its steps run. */
class Pullback {
  readonly #call: AttentionCall;
  readonly #results: Gradients;
  readonly #forward: Description;
  readonly #forwardAt: number;
  readonly #backward: Omit<BackwardDescription, 'block'>;
  readonly #backwardAt: number;
  readonly #block: DenseBlock;
  /** Takes the cotangent back through the norm. */
  readonly #norm: Pick<Job, 'kernel' | 'args' | 'workspaceBytes'> | undefined;

  constructor(call: AttentionCall, room: Room, saved: SavedWeights, dout: ReadScores, results: Gradients) {
    const { heads, keyHeads, queries, keys, width, valueWidth } = call.sizes;
    const hasSoftmax = keepsWeights(call).includes(false);
    const v = placePadded(call.v, call, room, [keyHeads, keys, valueWidth]);
    this.#call = call;
    this.#results = results;
    this.#forward = {
      settings: settingsOf(call, room),
      q: placePadded(call.q, call, room, [heads, queries, width]),
      k: placePadded(call.k, call, room, [keyHeads, keys, width]),
      v,
      values: v,
      out: NOWHERE,
      panels: hasSoftmax ? placePanels(call, room, width) : 0,
    };
    this.#forwardAt = room.allocate(descriptionBytes());
    writeDescription(this.#forwardAt, this.#forward);
    const cotangent = placePadded(dout, call, room, [heads, queries, valueWidth]);
    const { sums } = saved;
    const norm = sums && call.norm?.pullback(call, room, sums, cotangent, results.channels);
    this.#norm = norm?.job;
    this.#backward = {
      call: this.#forwardAt,
      dout: norm?.du ?? cotangent,
      dq: results.q?.heads,
      dk: results.k?.heads,
      dv: results.v?.heads,
      dalpha: results.alpha?.address ?? 0,
      dbias: results.bias?.table,
      rows: placeRows(saved, call, room),
      columns: placeColumns(saved, call, room),
    };
    this.#backwardAt = room.allocate(backwardDescriptionBytes());
    this.#block = hasSoftmax ? placeBlock(call, room) : NO_BLOCK;
  }

  *run(step: Step): Plan<void> {
    const { name, rows, nanosecondsPerRow, block } = step;
    if (name === 'norm') return yield* this.#pullBackNorm(step);
    if (name === 'packKeys') return yield* this.#pack(this.#forward);
    if (name === 'packValues') {
      const { v, panels } = { v: this.#forward.v, panels: this.#block.panels };
      const { settings } = this.#forward;
      const sizes = { ...settings.sizes, width: settings.sizes.valueWidth };
      return yield* this.#pack({ ...this.#forward, k: v, panels, settings: { ...settings, sizes } });
    }
    const { keys, width, valueWidth } = this.#call.sizes;
    const suffix = suffixOf(this.#call.template.dtype);
    const count = block?.count ?? 0;
    const bytesOf = attentionKernel(`attention_backward_workspace${suffix}`);
    const workspaceBytes = bytesOf(STEP[name], keys, width, valueWidth, count);
    writeBackwardDescription(this.#backwardAt, { ...this.#backward, block: { ...this.#block, ...block } });
    const args = [this.#backwardAt, STEP[name]];
    const job = { kernel: 'attention_backward', args, rows, nanosecondsPerRow, workspaceBytes };
    // A step that adds to what is there cannot be done twice.
    const adds = name === 'blockKeys' || name === 'bias' || name === 'blockBias';
    refuseStatus(this.#call, yield attentionJob(this.#call, job, this.#results.target(adds)));
  }

  *#pullBackNorm({ rows, nanosecondsPerRow }: Step): Plan<void> {
    if (!this.#norm) return;
    const job = { ...this.#norm, rows, nanosecondsPerRow };
    refuseStatus(this.#call, yield attentionJob(this.#call, job, this.#results.target(false)));
  }

  *#pack(description: Description): Plan<void> {
    writeDescription(this.#forwardAt, description);
    yield packJob(this.#call, this.#forwardAt, this.#results.target(false));
    writeDescription(this.#forwardAt, this.#forward);
  }
}

/** Heads whose rows are readable in whole strips: where they lie, or in a copy. */
function placePadded(
  source: ReadScores,
  call: AttentionCall,
  room: Room,
  [heads, rows, width]: [number, number, number],
): Heads {
  const padded = paddedWidth(width);
  if (padded === width) return placeHeads(source, call, room, heads, rows, width);
  const count = call.sizes.batches * heads * rows;
  const at = room.allocate(count * padded * elementBytes(source.dtype));
  const from = scoresView(source, call.op);
  const to = viewOf(source.dtype, at, count * padded);
  for (let row = 0; row < count; row++) {
    for (let c = 0; c < padded; c++) to[row * padded + c] = c < width ? from[row * width + c]! : 0;
  }
  return headsAt(at, call.layout, heads, rows, padded);
}

/** Room for panels of keys, or of values as keys are, of `width` channels. */
function placePanels({ sizes, template }: AttentionCall, room: Room, width: number): number {
  const { batches, keyHeads, keys } = sizes;
  return room.allocate(batches * keyHeads * paddedWidth(keys) * width * elementBytes(template.dtype));
}

function placeRows({ indptr, indices, values, thresholds }: SavedWeights, call: AttentionCall, room: Room): KeptRows {
  const { dtype } = call.template;
  return {
    starts: room.perRowOf('int32', indptr).address,
    indices: room.perRowOf('int32', indices).address,
    weights: room.perRowOf(dtype, values).address,
    scores: room.allocate(values.byteLength),
    thresholds: room.perRowOf(dtype, thresholds).address,
  };
}

function placeColumns({ indices, values }: SavedWeights, { sizes }: AttentionCall, room: Room): KeptColumns {
  const { batches, heads, keys } = sizes;
  return {
    ends: room.allocate(4 * batches * heads * keys),
    queries: room.allocate(indices.byteLength),
    weights: room.allocate(values.byteLength),
    scores: room.allocate(values.byteLength),
  };
}

function placeBlock(call: AttentionCall, room: Room): DenseBlock {
  const panels = placePanels(call, room, call.sizes.valueWidth);
  const bytes = denseRowBytes(call);
  return { ...NO_BLOCK, panels, weights: room.allocate(bytes), scores: room.allocate(bytes) };
}
