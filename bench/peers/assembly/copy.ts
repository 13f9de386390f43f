/** memcpy as WebAssembly offers it: the bulk instruction, which engines hand to the machine's own memmove. */
export function copy(x: Float32Array, out: Float32Array): void {
  memory.copy(out.dataStart, x.dataStart, x.byteLength);
}
