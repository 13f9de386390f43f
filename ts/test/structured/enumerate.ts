/** All structures of small factors, as lists of parts: the independent oracle of the tests, from the definitions alone. */

/** A structure: what the package gives for it, its unary parts, and its additional ones by table. */
export interface Listed {
  readonly structure: readonly number[];
  readonly unary: readonly number[];
  readonly transitions?: readonly number[];
  readonly start?: readonly number[];
  readonly end?: readonly number[];
}

function words(length: number, letters: number): number[][] {
  let all: number[][] = [[]];
  for (let i = 0; i < length; i++) {
    all = all.flatMap((word) => Array.from({ length: letters }, (_, letter) => [...word, letter]));
  }
  return all;
}

export function sequences(t: number, s: number, budget = Infinity): Listed[] {
  return words(t, s)
    .filter((labels) => labels.filter((label) => label !== 0).length <= budget)
    .map((labels) => ({
      structure: labels,
      unary: labels.map((label, i) => i * s + label),
      transitions: labels.slice(1).map((to, i) => (i * s + labels[i]!) * s + to),
      start: labels.slice(0, 1),
      end: labels.slice(-1),
    }));
}

/** Heads of n words. */
export function trees(n: number, { projective = false, oneRoot = false } = {}): Listed[] {
  const reachesRoot = (heads: number[], word: number): boolean => {
    let at = word;
    for (let steps = 0; at !== 0 && steps <= n; steps++) at = heads[at - 1]!;
    return at === 0;
  };
  const dominates = (heads: number[], head: number, word: number): boolean => {
    let at = word;
    while (at !== head && at !== 0) at = heads[at - 1]!;
    return at === head;
  };
  const isProjective = (heads: number[]): boolean =>
    heads.every((head, m) => {
      const [low, high] = [Math.min(head, m + 1), Math.max(head, m + 1)];
      for (let between = low + 1; between < high; between++) if (!dominates(heads, head, between)) return false;
      return true;
    });
  return words(n, n + 1)
    .filter((heads) => heads.every((_, m) => reachesRoot(heads, m + 1)))
    .filter((heads) => !oneRoot || heads.filter((head) => head === 0).length === 1)
    .filter((heads) => !projective || isProjective(heads))
    .map((heads) => ({ structure: heads, unary: heads.map((head, m) => head * (n + 1) + m + 1) }));
}

export function assignments(n: number, m: number, unmatched = false): Listed[] {
  return words(n, m + 1)
    .map((columns) => columns.map((column) => column - 1))
    .filter((columns) => {
      const used = columns.filter((column) => column >= 0);
      return new Set(used).size === used.length && (unmatched || used.length === Math.min(n, m));
    })
    .map((columns) => ({
      structure: columns,
      unary: columns.flatMap((column, row) => (column < 0 ? [] : [row * m + column])),
    }));
}

export function subsets(n: number, isIn: (size: number) => boolean = () => true): Listed[] {
  return words(n, 2)
    .filter((bits) => isIn(bits.filter((bit) => bit === 1).length))
    .map((bits) => ({ structure: bits, unary: bits.flatMap((bit, item) => (bit === 1 ? [item] : [])) }));
}

export function oneOf(n: number): Listed[] {
  return Array.from({ length: n }, (_, item) => ({ structure: [item], unary: [item] }));
}
