/**
 * jax-js as a peer of the benchmark: requests on standard input, answers on standard output, as bench/peers/server.js
 * describes. Its arrays are [B, N, H, D]; what comes in and goes out is [B, H, N, D].
 *
 *     node server.js PATH-OF-JAX
 */

import { pathToFileURL } from 'node:url';

const { init, defaultDevice, jit, nn, numpy } = await import(pathToFileURL(process.argv[2]).href);
// Its own choice would be the interpreter.
const DEVICE = 'wasm';
await init(DEVICE);
defaultDevice(DEVICE);

const UNTIMED_CALLS = 2; // as in bench/samplers.js

const arrays = new Map();
const tasks = new Map();

/** [B, X, Y, D] as [B, Y, X, D]. */
function swapped(x, [batches, first, second, width]) {
  const out = new Float32Array(x.length);
  for (let row = 0; row < batches * first * second; row++) {
    const [j, i, b] = [row % second, Math.floor(row / second) % first, Math.floor(row / second / first)];
    out.set(x.subarray(row * width, (row + 1) * width), ((b * second + j) * first + i) * width);
  }
  return out;
}

const requests = {
  async array([name, , length]) {
    const bytes = await input.bytes(4 * Number(length));
    arrays.set(name, new Float32Array(bytes.buffer, bytes.byteOffset, Number(length)));
    return 'ok';
  },
  prepare([id, , , , , ...settings]) {
    const given = Object.fromEntries(settings.map((each) => each.split('=')));
    const [batches, heads, queries, keys, width] = ['batches', 'heads', 'queries', 'keys', 'width'].map((key) =>
      Number(given[key]),
    );
    const place = (name, rows) =>
      numpy.array(swapped(arrays.get(name), [batches, heads, rows, width]), { shape: [batches, rows, heads, width] });
    const inputs = [place('q', queries), place('k', keys), place('v', keys)];
    const options = { scale: Number(given.scale), isCausal: given.isCausal === 'true' };
    const attention = jit((q, k, v) => nn.dotProductAttention(q, k, v, options));
    const task = { shape: [batches, queries, heads, width], last: undefined, inputs, attention };
    task.call = async () => {
      task.last?.dispose();
      task.last = attention(...inputs.map((each) => each.ref));
      await task.last.blockUntilReady();
    };
    tasks.set(id, task);
    return 'ok';
  },
  async time([id, milliseconds, calls]) {
    const { call } = tasks.get(id);
    const limit = 1e6 * Number(milliseconds);
    for (let i = 0; Number(calls) > 1 && i < UNTIMED_CALLS; i++) await call();
    const samples = [];
    let total = 0;
    while (samples.length < Number(calls) || total < limit) {
      const start = process.hrtime.bigint();
      await call();
      samples.push(Number(process.hrtime.bigint() - start));
      total += samples.at(-1);
    }
    return samples.join(' ');
  },
  async output([id]) {
    const { last, shape } = tasks.get(id);
    const values = swapped(await last.ref.data(), shape);
    process.stdout.write(`${values.length}\n`);
    process.stdout.write(new Uint8Array(values.buffer));
    return 'none';
  },
  clear([id]) {
    const task = tasks.get(id);
    task.last?.dispose();
    task.last = undefined;
    return 'ok';
  },
  forget() {
    for (const { last, inputs, attention } of tasks.values()) {
      for (const each of [last, ...inputs, attention]) each?.dispose();
    }
    tasks.clear();
    arrays.clear();
    return 'ok';
  },
  about: () => JSON.stringify({ node: process.versions.node, device: defaultDevice() }),
};

/** Lines and bytes of standard input. */
const input = (() => {
  const chunks = process.stdin[Symbol.asyncIterator]();
  let buffered = Buffer.alloc(0);
  const more = async () => {
    const { value, done } = await chunks.next();
    if (done) process.exit();
    buffered = Buffer.concat([buffered, value]);
  };
  const take = (length) => {
    const taken = Buffer.from(buffered.subarray(0, length));
    buffered = buffered.subarray(length);
    return taken;
  };
  return {
    async line() {
      while (!buffered.includes(10)) await more();
      return take(buffered.indexOf(10) + 1)
        .toString('utf8')
        .trim();
    },
    async bytes(length) {
      while (buffered.length < length) await more();
      return new Uint8Array(take(length));
    },
  };
})();

for (;;) {
  const [name, ...words] = (await input.line()).split(' ');
  let answer;
  try {
    answer = await requests[name](words);
  } catch (error) {
    answer = `error: ${error.message.replace(/\s+/g, ' ')}`;
  }
  process.stdout.write(`${answer}\n`);
}
