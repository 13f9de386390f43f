/**
 * The package under test, as its users call it: on Tensors and on typed arrays, on one thread and on two. The same
 * prepared data serves every thread count; `useThreads` changes the pool between the rounds.
 */

const THREADS = [1, 2];

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const entmax = await import('entmax').catch((cause) => {
    throw new Error('bench: the package is not built, or not whole: npm run build', { cause });
  });

  const useThreads = async (threads) => {
    const now = entmax.runtimeInfo().threads;
    return now === threads ? now : (await entmax.init({ threads })).threads;
  };

  const forms = {
    tensor: (map, x, shape) => {
      const scores = entmax.tensor(x, shape);
      const out = entmax.zeros(shape);
      return {
        call: () => void entmax[map](scores, { out }),
        output: () => out.view(),
        dispose: () => {
          scores.dispose();
          out.dispose();
        },
      };
    },
    arrays: (map, x, shape) => {
      const scores = x.slice();
      const out = new Float32Array(x.length);
      return { call: () => void entmax[map](scores, { shape, out }), output: () => out, dispose: () => {} };
    },
  };

  const engine = (form, label, threads) => ({
    id: `${form}-${threads}`,
    label: `entmax, ${label}`,
    threads,
    sameBits: 'tensor-1',
    prepare: (map, x, n) => (map in entmax ? forms[form](map, x, [x.length / n, n]) : undefined),
  });

  return {
    useThreads,
    about: () => ({ simd: entmax.runtimeInfo().simd }),
    engines: THREADS.flatMap((threads) => [
      engine('tensor', 'Tensors', threads),
      engine('arrays', 'typed arrays', threads),
    ]),
    close: () => entmax.shutdown(),
  };
}
