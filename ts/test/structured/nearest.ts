/**
 * The quadratic programme of the tests: over the hull of points that are all listed, by an active set and Gaussian elimination.
 * Nothing of it is fast; what it returns is proved by looking at every point.
 */

export interface Nearest {
  readonly mu: number[];
  /** Places in the list of points, and the weight of each. */
  readonly active: number[];
  readonly weights: number[];
}

export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, each, i) => (each === 0 ? sum : sum + each * b[i]!), 0);

/** The solution of a square system, with pivots. */
function eliminate(rows: number[][]): number[] {
  const n = rows.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let r = column; r < n; r++) if (Math.abs(rows[r]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = r;
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    for (let r = 0; r < n; r++) {
      if (r === column) continue;
      const times = rows[r]![column]! / rows[column]![column]!;
      if (times !== 0) for (let c = column; c <= n; c++) rows[r]![c]! -= times * rows[column]![c]!;
    }
  }
  return rows.map((row, r) => row[n]! / row[r]!);
}

/** Weights that sum to 1, of the stationary point for these values on the affine hull of the points. */
function stationary(points: readonly (readonly number[])[], values: readonly number[]): number[] {
  const gram = points.map((a, i) => [1, ...points.map((b) => dot(a, b)), values[i]!]);
  return eliminate([[0, ...points.map(() => 1), 1], ...gram]).slice(1);
}

const combine = (points: readonly (readonly number[])[], weights: readonly number[]): number[] =>
  points[0]!.map((_, i) => points.reduce((sum, point, j) => sum + weights[j]! * point[i]!, 0));

/** The maximum of `<mu, linear> + <weights, extra> - 1/2 |mu|^2` over mu = sum weights points. */
export function nearest(
  points: readonly (readonly number[])[],
  linear: ArrayLike<number>,
  extra: readonly number[] = points.map(() => 0),
): Nearest {
  const values = points.map((point, j) => dot(point, linear) + extra[j]!);
  const size = 1 + Math.max(...values.map(Math.abs).filter(Number.isFinite));
  let active = [values.indexOf(Math.max(...values))];
  let weights = [1];
  const drop = (place: number): void => {
    active = active.filter((_, at) => at !== place);
    weights = weights.filter((_, at) => at !== place);
  };
  for (let step = 0; step < 10_000; step++) {
    const chosen = active.map((at) => points[at]!);
    const target = stationary(
      chosen,
      active.map((at) => values[at]!),
    );
    if (target.some((weight) => weight < 0)) {
      const reach = target.map((to, j) => (to < 0 ? weights[j]! / (weights[j]! - to) : Infinity));
      const gamma = Math.min(...reach);
      weights = weights.map((weight, j) => weight + gamma * (target[j]! - weight));
      drop(reach.indexOf(gamma));
      continue;
    }
    weights = target;
    const mu = combine(chosen, weights);
    const gains = points.map((point, j) => values[j]! - dot(point, mu));
    const best = gains.indexOf(Math.max(...gains));
    const gap = gains[best]! - active.reduce((sum, at, j) => sum + weights[j]! * gains[at]!, 0);
    if (gap < 1e-13 * size) return { mu, active, weights };
    if (active.includes(best)) throw new Error(`nearest: a gap of ${gap} is left`);
    // A point on the affine hull of the others takes the place of one of them.
    const combination = stationary(
      chosen,
      chosen.map((point) => dot(point, points[best]!)),
    );
    const along = combine(chosen, combination);
    const distance = Math.hypot(...along.map((each, i) => each - points[best]![i]!));
    let step = 0;
    if (distance < 1e-6) {
      const reach = combination.map((each, j) => (each > 1e-12 ? weights[j]! / each : Infinity));
      step = Math.min(...reach);
      weights = weights.map((weight, j) => weight - step * combination[j]!);
      drop(reach.indexOf(step));
    }
    active = [...active, best];
    weights = [...weights, step];
  }
  throw new Error('nearest: no end');
}
