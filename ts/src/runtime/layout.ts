/** Where things lie in linear memory: the one table that the linker, the checkers and the runtime share. */

import { heapBase, maximumBytes, stackBytes } from '../../../crates/memory-layout.json';

/** Bytes of the calling thread's stack, at the bottom of memory. */
export const STACK_BYTES = stackBytes;
/** First byte of the heap, above the data of all families. */
export const HEAP_BASE = heapBase;
/** The largest memory that the modules accept. */
export const MAXIMUM_BYTES = maximumBytes;
/** Bytes of one page of WebAssembly memory. */
export const PAGE_BYTES = 65536;
/** Bytes of a worker's stack, taken from the heap. Kernels use little of it (ts/test/kernels shows how little). */
export const WORKER_STACK_BYTES = 131072;
