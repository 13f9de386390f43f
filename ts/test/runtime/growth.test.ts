/**
 * Memory that grows at every allocation: a view that some code kept across one would be empty (unshared memory), and
 * reads or writes through it would show.
 */

import { beforeEach, describe, expect, test, vi } from 'vitest';
import type * as entmaxModule from '../../src/index.ts';
import type { LinearMemory } from '../../src/runtime/memory.ts';
import { scores } from './scores.ts';

type Package = typeof entmaxModule;
type Allocate = (this: LinearMemory, bytes: number, op: string) => number;

const [ROWS, N] = [6, 50];
const MAPS = ['softmax', 'sparsemax', 'entmax15', 'entmax'] as const;

/** The results of one map in all forms, as plain arrays. */
async function allForms(entmax: Package, map: (typeof MAPS)[number]): Promise<Record<string, unknown>> {
  const { tensor, zeros, scope } = entmax;
  const run = entmax[map];
  const x = scores(ROWS * N);
  const [shape, axis] = [[ROWS, N], 0];
  const mask = Uint8Array.from(x, (_, i) => (i % 7 === 0 ? 0 : 1));
  const perRow = map === 'entmax' ? { alpha: Float64Array.from({ length: ROWS }, (_, row) => 1 + row / 3) } : {};
  const perColumn = map === 'entmax' ? { alpha: Float32Array.from({ length: N }, (_, row) => 1 + row / 50) } : {};
  const double = Float64Array.from(x);
  const out = new Float32Array(x.length);
  run(x, { shape, mask, out, ...perRow });
  const onTensors = scope(() => {
    const block = tensor(x, shape);
    const result = zeros(shape);
    run(block, { out: result, mask, ...perRow });
    run(block.reshape([2, 3, N]), { out: result.reshape([2, 3, N]), temperature: 0.5 });
    const columns = run(block, { axis, mask, ...perColumn }).toTypedArray();
    block.set(result);
    return { result: result.toArray(), columns, block: block.toTypedArray() };
  });
  const asyncTensor = await run.async(tensor(x, shape), { mask, ...perRow });
  return {
    single: run(x),
    rows: run(x, { shape, ...perRow }),
    columns: run(x, { shape, axis, mask, ...perColumn }),
    double: run(double, { shape, mask, ...perRow }),
    block: run({ data: x, shape }, { temperature: 2 }),
    nested: run([[1, 2, 3.5], [0, -1, 2]]), // prettier-ignore
    out,
    onTensors,
    support: run.support(x, { shape, mask, ...perRow }),
    tensorSupport: scope(() => run.support(tensor(double, shape), { axis })),
    async: await run.async(x, { shape, mask, ...perRow }),
    asyncTensor: asyncTensor.toTypedArray(),
    asyncSupport: await run.async.support(double, { shape, axis }),
  };
}

describe.each([['shared'], ['unshared']])('%s memory', (kind) => {
  beforeEach(() => {
    vi.resetModules();
    if (kind === 'unshared') vi.stubGlobal('SharedArrayBuffer', undefined);
    return () => {
      vi.unstubAllGlobals();
    };
  });

  test.each(MAPS.map((map) => [map]))('%s gives the same bits when every allocation grows memory', async (map) => {
    const entmax = await import('../../src/index.ts');
    const { LinearMemory } = await import('../../src/runtime/memory.ts');
    const expected = await allForms(entmax, map);
    expect(entmax.runtimeInfo().memory.shared).toBe(kind === 'shared');

    let growths = 0;
    const allocate: Allocate = Reflect.get(LinearMemory.prototype, 'allocate');
    const growing = vi.spyOn(LinearMemory.prototype, 'allocate').mockImplementation(function (
      this: LinearMemory,
      bytes,
      op,
    ) {
      this.wasm.grow(1);
      const address = allocate.call(this, bytes, op);
      this.wasm.grow(1);
      growths++;
      return address;
    });
    try {
      expect(await allForms(entmax, map)).toEqual(expected);
    } finally {
      growing.mockRestore();
    }
    expect(growths).toBeGreaterThan(30);
    expect(entmax.runtimeInfo().memory.capacity).toBeGreaterThan(0);
  });
});
