/**
 * The AssemblyScript twin: what a capable author would write in a language that reads like TypeScript and compiles to
 * the same instructions as our Rust kernels. Arrays are managed by AssemblyScript's own runtime and reach JavaScript
 * through @assemblyscript/loader.
 */

export { softmax } from './softmax';
export { sparsemax } from './sparsemax';
export { copy } from './copy';

export const FLOAT32_ARRAY = idof<Float32Array>();
