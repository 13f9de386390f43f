/**
 * Our kernels outside WebAssembly: bench/native, compiled for this processor with the 256-bit block. Beside it, the
 * same program's copy of the matrix: what native code pays for reading and writing it.
 */

import { join } from 'node:path';
import { BUILD, ROOT, toolEnvironment } from '../../scripts/setup/paths.js';
import { run } from '../../scripts/setup/process.js';
import { Server } from './server.js';

/** @type {import('../run-suite.js').Open} */
export async function open() {
  if (process.arch !== 'x64') return undefined;
  const target = join(BUILD, 'bench/native');
  const env = { ...toolEnvironment(), CARGO_TARGET_DIR: target, RUSTFLAGS: '-C target-cpu=native' };
  await run('cargo', ['build', '--release', '--locked', '--quiet'], { cwd: join(ROOT, 'bench/native'), env });
  const server = new Server(join(target, 'release/entmax-bench-native'), []);
  const about = await server.about();
  if (!about.avx2) {
    await server.close();
    return undefined;
  }
  const engine = (label, operations) => ({
    label,
    prepare: (task, { x, shape }) =>
      operations.includes(task.operation) ? server.prepare(task, { x }, shape) : undefined,
  });
  return {
    about: () => ({ ...about, flags: env.RUSTFLAGS }),
    engines: {
      native: engine('our kernels, native AVX2', ['forward']),
      'native-copy': engine('native read + write', ['copy']),
    },
    close: () => server.close(),
  };
}
