// Numbers that are the same in every run and in scripts/golden/*.py: Marsaglia's xorshift32, and dyadic fractions of it.

export interface Random {
  /** An integer in [0, 2^32). */
  bits(): number;
  /** An integer in [0, limit); the bias of the remainder does not matter here. */
  below(limit: number): number;
  /** About N(0, 1): four 16-bit uniforms, summed, centred and scaled by 7/4. Exact in float32, within [-3.5, 3.5]. */
  normal(): number;
}

/** A generator whose sequence depends on nothing but the seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0 || 1;
  const bits = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  return {
    bits,
    below: (limit) => bits() % limit,
    normal: () => {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += bits() >>> 16;
      return (sum / 65536 - 2) * 1.75;
    },
  };
}

/** A permutation of 0 ... n - 1 (Fisher-Yates). */
export function permutation(n: number, random: Random): number[] {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
