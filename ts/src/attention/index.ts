/**
 * entmax/attention: attention whose weights are a sparse map of the scores, or the positive scores themselves.
 *
 * @packageDocumentation
 */

export { attention } from './attention.ts';
export { KvCache } from './kv-cache.ts';
export type { KvCacheOptions } from './kv-cache.ts';
export { relaAttention } from './rela.ts';
export type {
  AsyncRelaAttention,
  Channels,
  DefaultRelaGradients,
  RelaAttention,
  RelaGradients,
  RelaOptions,
} from './rela-types.ts';
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
