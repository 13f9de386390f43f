/**
 * Random calls of all maps and their losses: some thousands here, as many as `ENTMAX_FUZZ_CALLS` says with `npm run fuzz`, from a seed
 * that a failure prints (`ENTMAX_FUZZ_SEED`).
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { complaints } from './check-call.ts';
import { lossComplaints } from './check-loss.ts';
import { randomCalls } from './random-call.ts';

const calls = Number(process.env['ENTMAX_FUZZ_CALLS'] ?? 3000);
const seed = Number(process.env['ENTMAX_FUZZ_SEED'] ?? 1);

test(`${calls} random calls from seed ${seed}`, { timeout: 3_600_000 }, () => {
  let rows = 0;
  fc.assert(
    fc.property(randomCalls, (call) => {
      rows += call.outer * call.inner;
      expect([...complaints(call), ...lossComplaints(call)]).toEqual([]);
    }),
    { numRuns: calls, seed },
  );
  console.log(`${calls} random calls, ${rows} rows`);
  expect(rows).toBeGreaterThanOrEqual(calls);
});
