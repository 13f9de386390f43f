/** Calls of the package as an engine of the benchmark holds them. */

/**
 * A call that writes its result over the last one.
 *
 * @param {import('./ours.js').Form} form
 * @param {any} out
 * @param {any[]} others to dispose of besides
 * @param {() => void} call
 */
export const inPlace = (form, out, others, call) => ({
  call,
  output: () => ({ values: form.read(out) }),
  clear: () => void form.read(out).fill(NaN),
  dispose: () => [out, ...others].forEach(form.dispose),
});

/** A call that allocates its result: the one before it is given back first. */
export function fresh(others, { form, call, release, output }) {
  let last;
  const drop = () => {
    if (last !== undefined) release(last);
    last = undefined;
  };
  return {
    call: () => {
      drop();
      last = call();
    },
    output: () => output(last),
    clear: drop,
    dispose: () => {
      drop();
      others.forEach(form.dispose);
    },
  };
}

/** Arrays one after the other. */
export function joined(arrays, Values = Float32Array) {
  const out = new Values(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    out.set(array, at);
    at += array.length;
  }
  return out;
}
