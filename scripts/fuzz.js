/**
 * Random calls of all maps against the references: `npm run fuzz [-- --calls 100000 --seed 7]`. Without a seed another
 * one is used each time, and printed; a failure is shrunk and names the seed. ts/test/fuzz has the calls and the checks.
 */

import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { ROOT, toolEnvironment } from './setup/paths.js';

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const ok = [values.calls, values.seed].every((value) => /^\d+$/.test(value));
if (!ok) {
  console.error('fuzz: expected --calls and --seed to be whole numbers');
  process.exit(2);
}
console.log(`${values.calls} calls from seed ${values.seed}`);
const env = { ...toolEnvironment(), ENTMAX_FUZZ_CALLS: values.calls, ENTMAX_FUZZ_SEED: values.seed };
spawn('npx', ['vitest', 'run', 'ts/test/fuzz'], { cwd: ROOT, env, stdio: 'inherit' }).on('close', (code) => {
  process.exitCode = code ?? 1;
});
