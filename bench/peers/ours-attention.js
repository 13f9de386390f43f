/** Attention by the package under test, on Tensors. What `data` is: reference/attention.js and reference/training.js. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fresh, inPlace, joined } from './prepared.js';

const optionsOf = (task, data) => ({ alpha: data.alpha(task), scale: data.scale, isCausal: data.isCausal });
const tensorsOf = (entmax, { q, k, v, queryShape, keyShape }) => [
  entmax.tensor(q, queryShape),
  entmax.tensor(k, keyShape),
  entmax.tensor(v, keyShape),
];

export const ATTENTION_OPERATIONS = {
  attention(entmax, form, task, data) {
    const inputs = tensorsOf(entmax, data);
    const out = entmax.zeros(data.queryShape);
    const options = { ...optionsOf(task, data), out };
    return inPlace(form, out, inputs, () => void entmax.attention(...inputs, options));
  },

  /** The output, and the gradients of q, k and v; of alpha, too, where it is learned. */
  attentionBackward(entmax, form, task, data) {
    const inputs = tensorsOf(entmax, data);
    const dout = entmax.tensor(data.dout, data.queryShape);
    const options = optionsOf(task, data);
    const names = ['q', 'k', 'v', ...(task.map === 'learned' ? ['alpha'] : [])];
    const prepared = fresh([...inputs, dout], {
      form,
      call: () => {
        const [out, pullback] = entmax.attention.vjp(...inputs, options);
        const { q, k, v, alpha } = pullback(dout, names);
        return { tensors: [out, q, k, v], alpha };
      },
      release: ({ tensors }) => tensors.forEach(form.dispose),
      output: ({ tensors, alpha = [] }) => ({ values: joined([...tensors.map(form.read), alpha]) }),
    });
    const bytesPerQuery = () => {
      const kept = keptBytes(entmax, () => {
        const [out, pullback] = entmax.attention.vjp(...inputs, options);
        out.dispose();
        return pullback;
      });
      return Math.round(kept / data.rows);
    };
    return { ...prepared, facts: () => ({ 'bytes that the pullback keeps for a query': bytesPerQuery() }) };
  },

  /**
   * A query, key and value of every head behind those that the cache holds; then the cache forgets them, so that every call
   * finds it as long.
   */
  decode(entmax, form, task, data) {
    const { heads, keys, width, q, k, v, scale } = data;
    const past = keys - 1;
    const partOf = (x, from, to) => {
      const perHead = Array.from({ length: heads }, (_, h) =>
        x.subarray((h * keys + from) * width, (h * keys + to) * width),
      );
      return { data: joined(perHead), shape: [1, heads, to - from, width] };
    };
    const cache = new entmax.KvCache({ heads, headDim: width, capacity: keys });
    cache.append(partOf(k, 0, past), partOf(v, 0, past));
    const newest = [q, partOf(k, past, keys).data, partOf(v, past, keys).data];
    const inputs = newest.map((x) => entmax.tensor(x, [1, heads, 1, width]));
    const options = { alpha: data.alpha(task), scale };
    return fresh([...inputs, cache], {
      form,
      call: () => {
        const out = entmax.attention.decode(...inputs, cache, options);
        cache.truncate(past);
        return out;
      },
      release: form.dispose,
      output: (out) => ({ values: form.read(out) }),
    });
  },

  /** All layers' attention, forward and backward, and the loss with its gradient. */
  trainingStep(entmax, form, task, data) {
    const layers = data.layers.map((layer) => ATTENTION_OPERATIONS.attentionBackward(entmax, form, task, layer));
    const logits = entmax.tensor(data.logits, [data.targets.length, data.classes]);
    const dlogits = entmax.zeros([data.targets.length, data.classes]);
    let scalar = NaN;
    return {
      call: () => {
        for (const layer of layers) layer.call();
        [scalar] = entmax.entmax15Loss.valueAndGrad(logits, data.targets, { reduction: 'sum', out: dlogits });
      },
      output: () => ({ values: joined([...layers.map((layer) => layer.output().values), form.read(dlogits)]), scalar }),
      clear: () => {
        for (const layer of layers) layer.clear();
        form.read(dlogits).fill(NaN);
      },
      dispose: () => {
        for (const layer of layers) layer.dispose();
        [logits, dlogits].forEach(form.dispose);
      },
    };
  },
};

/** What is alive after `make` and was not before, in linear memory and in arrays of JavaScript's own. */
function keptBytes(entmax, make) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const alive = () => {
    // The second waits for what the first has only begun to free.
    collect();
    collect();
    return process.memoryUsage().arrayBuffers + entmax.runtimeInfo().memory.used;
  };
  const before = alive();
  const kept = make();
  const bytes = alive() - before;
  kept.dispose();
  return bytes;
}
