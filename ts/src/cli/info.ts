// `entmax info`: what runs on this machine, and why not more.

import { init } from 'entmax';
import { plainTable, write } from './output.ts';

export async function printInfo({ threads }: { threads: number | 'auto' }): Promise<void> {
  const { version, simd, threads: running, reason, memory } = await init({ threads });
  const table = plainTable();
  table.push(
    ['entmax', version],
    ['runtime', runtimeName()],
    ['SIMD level', simd],
    ['threads', String(running)],
    ['why not more', reason],
    [
      'memory',
      `${megabytes(memory.capacity)} at most, ${megabytes(memory.used)} used, ${memory.shared ? '' : 'not '}shared`,
    ],
  );
  await write(process.stdout, `${table.toString()}\n`);
}

/** Deno and Bun also pretend to be a version of Node, so they are asked first. */
function runtimeName(): string {
  const { bun, deno, node } = process.versions;
  const name = bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${node}`;
  return `${name} on ${process.platform} ${process.arch}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 0x100000).toFixed(1)} MiB`;
}
