/** Kernels that the user hosts: `init({ wasm: { maps: ... } })` takes bytes, a URL, a Response or a compiled module. */

import { EntmaxError, show } from '../errors.ts';
import { builtin } from './environment.ts';
import type { KernelSource } from './family.ts';

const WASM_MAGIC = 0x6d736100; // "\0asm", little-endian

/** Resolves with the module or its bytes. A page that answers with HTML is named as what it usually is. */
export async function fetchKernel(family: string, source: object | string): Promise<KernelSource> {
  if (source instanceof WebAssembly.Module) return source;
  const bytes = await readBytes(family, source);
  if (bytes.byteLength < 8 || new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) !== WASM_MAGIC) {
    const hint = bytes[0] === 0x3c ? ' (HTML: a development server may need optimizeDeps.exclude for entmax)' : '';
    throw new EntmaxError(
      'ENTMAX_INIT',
      'init',
      `a WebAssembly file for ${family}`,
      `${bytes.byteLength} other bytes${hint}`,
    );
  }
  return bytes;
}

async function readBytes(family: string, source: object | string): Promise<Uint8Array> {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice();
  if (typeof Response === 'function' && source instanceof Response) return bytesOf(family, source);
  if (typeof source !== 'string' && !(source instanceof URL)) {
    const expected = `wasm.${family} to be bytes, a URL, a Response or a WebAssembly.Module`;
    throw new EntmaxError('ENTMAX_OPTION', 'init', expected, show(source));
  }
  const files = builtin('node:fs');
  const url = source instanceof URL ? source : parseUrl(source);
  try {
    if (files && (url === undefined || url.protocol === 'file:'))
      return new Uint8Array(files.readFileSync(url ?? String(source)));
    return await bytesOf(family, await fetch(source));
  } catch (error) {
    if (error instanceof EntmaxError) throw error;
    throw new EntmaxError(
      'ENTMAX_INIT',
      'init',
      `to read the kernels of ${family} from ${String(source)}`,
      String(error),
    );
  }
}

/** The URL that a string is; a path is none. */
function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

async function bytesOf(family: string, response: Response): Promise<Uint8Array> {
  if (!response.ok) {
    throw new EntmaxError(
      'ENTMAX_INIT',
      'init',
      `the kernels of ${family}`,
      `HTTP status ${response.status} from ${response.url}`,
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}
