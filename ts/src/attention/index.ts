/**
 * entmax/attention: attention whose weights are a sparse map of the scores.
 *
 * @packageDocumentation
 */

export { attention } from './attention.ts';
export type {
  AsyncAttention,
  Attention,
  AttentionGradients,
  AttentionOptions,
  DefaultGradients,
  Inspection,
} from './types.ts';
