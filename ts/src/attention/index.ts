/**
 * entmax/attention: attention whose weights are a sparse map of the scores.
 *
 * @packageDocumentation
 */

export { attention } from './attention.ts';
export { KvCache } from './kv-cache.ts';
export type { KvCacheOptions } from './kv-cache.ts';
export type {
  AsyncAttention,
  AsyncDecode,
  Attention,
  AttentionGradients,
  AttentionOptions,
  Decode,
  DecodeOptions,
  DefaultGradients,
  Inspection,
} from './types.ts';
