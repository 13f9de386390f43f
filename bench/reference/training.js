/**
 * A training step of the language model in examples/language-model as far as it is ours: the attention of all layers with
 * their learned alphas, forward and backward, and the 1.5-entmax loss of the logits with its gradient. Cotangents of the
 * attention are N(0,1); what lies between the layers is no part of it.
 */

import { readModel } from '../attention/language-model.js';
import { Heads } from './attention.js';
import { Matrix } from './tasks.js';

const LAYER = { operation: 'attentionBackward', map: 'learned' };
const LOSS = { operation: 'loss', map: 'entmax15' };

/**
 * One head has alpha = 1.88: gradients go with p^0.12, and of a score that is above the threshold by its own rounding error
 * this is anything from 0 to 0.2.
 */
const TOLERANCE = 1e-3;

export class Training {
  #expected;

  /** @param {import('../suites.js').Suite} suite */
  static async of({ batches, keys }) {
    return new Training(await readModel(batches * keys));
  }

  /** @param {import('../attention/language-model.js').Reading} reading */
  constructor({ windows, context, heads, width, layers, logits, targets, classes }) {
    const sizes = { batches: windows, heads, queries: context, keys: context, width };
    const scale = 1 / Math.sqrt(width);
    this.layers = layers.map(({ alpha, ...inputs }) => new Heads(sizes, true, { ...inputs, scale, alphas: alpha }));
    this.logits = logits;
    this.targets = targets;
    this.classes = classes;
  }

  /** Of every layer the output and the gradients of q, k, v and alpha; then the loss's gradient. */
  expected() {
    return (this.#expected ??= this.#make());
  }

  #make() {
    const loss = new Logits(this).expected(LOSS);
    const parts = [
      ...this.layers.map((layer) => layer.expected(LAYER)),
      { ...loss, scales: new Float64Array(loss.values.length).fill(1) },
    ];
    const joined = (name) => Float64Array.from(parts.flatMap((part) => [...part[name]]));
    return { values: joined('values'), scales: joined('scales'), width: 1, scalar: loss.scalar, tolerance: TOLERANCE };
  }

  /** Over all heads and layers. */
  meanSupport() {
    return this.layers.reduce((sum, layer) => sum + layer.meanSupport(LAYER), 0) / this.layers.length;
  }
}

/** Scores that are given. */
class Logits extends Matrix {
  constructor({ logits, targets, classes }) {
    super({ rows: targets.length, n: classes, scores: 'given' });
    Object.defineProperties(this, { x: { value: logits }, targets: { value: targets } });
  }
}
