/** What is added to the scores where a peer has no causal mask of its own: [N, M], 0 for the keys up to the query's place. */
export function causalMask(queries, keys) {
  const mask = new Float32Array(queries * keys);
  for (let i = 0; i < queries; i++) mask.fill(-1e9, i * keys + i + 1, (i + 1) * keys);
  return mask;
}
