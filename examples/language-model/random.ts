// Seeded random numbers that are equal everywhere: xoshiro128** 1.1 (Blackman and Vigna, "Scrambled linear pseudorandom number
// generators", 2021), whose 32-bit words suit JavaScript's integers. Its 128 bits of state are two outputs of SplitMix64, as its
// authors advise, so that neighbouring seeds start far apart.

export interface Random {
  /** The next 32 bits. */
  readonly nextUint32: () => number;
  /** Uniform in [0, 1), all 53 bits of a double. */
  readonly nextDouble: () => number;
}

/** The generator for a seed, an integer from 0 to 2^53 - 1. */
export function seededRandom(seed: number): Random {
  const nextSeed = splitMix64(BigInt(seed));
  const [first, second] = [nextSeed(), nextSeed()];
  return xoshiro128ss([
    Number(first & 0xffff_ffffn),
    Number(first >> 32n),
    Number(second & 0xffff_ffffn),
    Number(second >> 32n),
  ]);
}

/** xoshiro128** from a state of four 32-bit words that are not all 0. */
export function xoshiro128ss([s0, s1, s2, s3]: readonly [number, number, number, number]): Random {
  const nextUint32 = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const shifted = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = rotateLeft(s3, 11);
    return result;
  };
  const nextDouble = (): number => {
    const high = nextUint32() >>> 5;
    const low = nextUint32() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  };
  return { nextUint32, nextDouble };
}

/** SplitMix64: 64 well-mixed bits per call, here only to spread a seed. */
export function splitMix64(state: bigint): () => bigint {
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  };
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}
