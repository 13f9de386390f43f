/**
 * Peers that are no JavaScript run in a process of their own, with a clock of their own, and wait on their standard
 * input between their turns: so they take part in the rounds like everybody else. A request is a line, an answer is a
 * line; arrays follow theirs as bytes.
 *
 *     array NAME TYPE LENGTH          + bytes     ok                 float32 x, dp, q, k, v, dout; int32 targets;
 *                                                                   float64 of structured problems, either of
 *                                                                   regularised maps
 *     prepare ID OPERATION MAP ROWS N [KEY=VALUE ...]     ok | missing     alphas=0.25,0.5: one for each block of rows;
 *                                                                   of attention its sizes and options; of regularised
 *                                                                   maps the package that is asked, and a grid's sides
 *     time ID MILLISECONDS CALLS                  nanoseconds of each call, with spaces between
 *     output ID                                   LENGTH [TYPE], then bytes of float32 or that type; then a scalar or `none`
 *     clear ID                                    ok                 overwrites or forgets the output
 *     forget                                      ok                 everything that was prepared, and the arrays
 *     about                                       JSON
 *
 * An answer that begins with `error` is one.
 */

import { spawn } from 'node:child_process';
import { joined } from './prepared.js';

const TYPES = { float32: Float32Array, float64: Float64Array, int32: Int32Array };

export class Server {
  #child;
  #received = [];
  #size = 0;
  /** @type {{ ready: () => unknown, resolve: (value: any) => void, reject: (error: Error) => void } | undefined} */
  #waiting;
  #ended;
  #next = 0;

  /**
   * @param {string} command
   * @param {string[]} args
   * @param {import('node:child_process').SpawnOptions} [options]
   */
  constructor(command, args, options = {}) {
    this.#child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout.on('data', (chunk) => {
      this.#received.push(chunk);
      this.#size += chunk.length;
      this.#deliver();
    });
    const end = (why) => {
      this.#ended = new Error(`bench: ${command} ${why}`);
      this.#waiting?.reject(this.#ended);
    };
    this.#child.on('error', (error) => end(error.message));
    this.#child.on('exit', (code, signal) => end(`ended with ${signal ?? code}`));
    this.#child.stdin.on('error', () => {}); // the exit tells more
  }

  #deliver() {
    const value = this.#waiting?.ready();
    if (value === undefined) return;
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    resolve(value);
  }

  #wait(ready) {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting = { ready, resolve, reject };
      this.#deliver();
    });
  }

  #take(length) {
    const all = this.#received.length === 1 ? this.#received[0] : Buffer.concat(this.#received);
    this.#received = length < all.length ? [all.subarray(length)] : [];
    this.#size -= length;
    return all.subarray(0, length);
  }

  async #line() {
    const line = await this.#wait(() => {
      let before = 0;
      for (const chunk of this.#received) {
        const end = chunk.indexOf(10);
        if (end >= 0) return this.#take(before + end + 1).toString('utf8', 0, before + end);
        before += chunk.length;
      }
      return undefined;
    });
    if (line.startsWith('error')) throw new Error(`bench: ${this.#child.spawnfile}: ${line}`);
    return line;
  }

  #bytes(length) {
    return this.#wait(() => (this.#size >= length ? this.#take(length) : undefined));
  }

  /** Sends a line and resolves with the answer's. */
  ask(line, payload) {
    this.#child.stdin.write(`${line}\n`);
    if (payload) this.#child.stdin.write(new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength));
    return this.#line();
  }

  /**
   * @param {import('../reference/tasks.js').Task} task
   * @param {Record<string, Float32Array | Float64Array | Int32Array>} arrays that the operation reads
   * @param {[rows: number, n: number]} shape
   * @returns {Promise<import('../run-suite.js').Prepared | undefined>}
   */
  async prepare({ operation, map = '-', options = {}, alphas }, arrays, shape) {
    const id = `task${this.#next++}`;
    for (const [name, array] of Object.entries(arrays)) {
      const [type] = Object.entries(TYPES).find(([, Values]) => array instanceof Values);
      await this.ask(`array ${name} ${type} ${array.length}`, array);
    }
    const settings = Object.entries({ ...options, ...(alphas && { alphas }) }).map(([key, value]) => `${key}=${value}`);
    const answer = await this.ask(['prepare', id, operation, map, ...shape, ...settings].join(' '));
    if (answer === 'missing') return undefined;
    const sample = async (milliseconds, calls) => {
      const nanoseconds = await this.ask(`time ${id} ${milliseconds} ${calls}`);
      return nanoseconds.split(' ').map((each) => Number(each) / 1e6);
    };
    return {
      call: () => sample(0, 1),
      sampler: { sample },
      output: () => this.#output(id),
      clear: () => this.ask(`clear ${id}`),
      dispose: () => this.ask('forget'),
    };
  }

  /**
   * A task on structured problems: all their scores, and cotangents where they are asked for.
   *
   * @param {import('../reference/tasks.js').Task} task
   * @param {import('../reference/structured.js').Problems} data
   */
  prepareProblems(task, data) {
    const { sizes, unary, transitions, cotangents, shape } = data.leading(task.problems);
    const arrays = {
      unary,
      ...(transitions && { transitions }),
      ...(task.operation === 'sparsemapBackward' && { cotangents }),
    };
    const options = { ...task.options, table: sizes.table, ...(sizes.k && { budget: sizes.k }) };
    return this.prepare({ map: sizes.factor, ...task, options }, arrays, shape);
  }

  /**
   * A task on graphs: scores of all variables and of couplings, and cotangents where they are asked for.
   *
   * @param {import('../reference/tasks.js').Task} task
   * @param {import('../reference/graphs.js').Graphs} data
   */
  prepareGraphs(task, { unary, couplings, cotangents, shape, table }) {
    const arrays = {
      unary,
      ...(couplings && { couplings }),
      ...(task.operation === 'graphBackward' && { cotangents }),
    };
    return this.prepare({ ...task, options: { ...task.options, table } }, arrays, shape);
  }

  /**
   * A task on queries, keys and values; with it go the sizes.
   *
   * @param {import('../reference/tasks.js').Task} task
   * @param {import('../reference/attention.js').Heads} data
   */
  prepareAttention(task, data) {
    const { q, k, v } = data;
    const arrays = { q, k, v, ...(task.operation === 'attentionBackward' && { dout: data.dout }) };
    return this.prepare({ ...task, options: attentionOptions(task, data) }, arrays, data.shape);
  }

  /**
   * The layers' arrays, one after the other, and the logits as `x`.
   *
   * @param {import('../reference/tasks.js').Task} task
   * @param {import('../reference/training.js').Training} data
   */
  prepareTraining(task, { layers, logits, targets, classes }) {
    const of = (name) => joined(layers.map((layer) => layer[name]));
    const arrays = { q: of('q'), k: of('k'), v: of('v'), dout: of('dout'), x: logits, targets };
    const alpha = layers.flatMap((layer) => [...layer.alpha(task)]);
    const options = { ...attentionOptions(task, layers[0]), alpha, layers: layers.length };
    return this.prepare({ ...task, options }, arrays, [targets.length, classes]);
  }

  async #output(id) {
    const [length, type = 'float32'] = (await this.ask(`output ${id}`)).split(' ');
    const Values = TYPES[type];
    // A copy, so that it begins where a float may begin.
    const values = new Values(Uint8Array.from(await this.#bytes(Values.BYTES_PER_ELEMENT * length)).buffer);
    const scalar = await this.#line();
    return scalar === 'none' ? { values } : { values, scalar: Number(scalar) };
  }

  async about() {
    return JSON.parse(await this.ask('about'));
  }

  async close() {
    if (this.#ended) return;
    this.#child.removeAllListeners('exit');
    const ended = new Promise((resolve) => this.#child.on('exit', resolve));
    this.#child.stdin.end();
    await ended;
  }
}

function attentionOptions(task, data) {
  const { batches, heads, queries, keys, width, isCausal, scale } = data;
  return { batches, heads, queries, keys, width, isCausal, scale, alpha: data.alpha(task) };
}
