/** Steps in a curve of cost against length. */

/** So many times dearer per element than anything shorter in reach: more than noise, and more than a cache's edge. */
const STEP = 1.4;
/** In reach: at most so many times shorter. */
const REACH = 2;

/**
 * Every length from which an element costs a good deal more than before, as a line of text.
 *
 * @param {{ scores: string, map: string, x: number, cost: number }[]} points
 */
export function cliffs(points) {
  const curves = groupBy(points, key);
  return [...curves].flatMap(([name, curve]) =>
    curve.flatMap(({ x, cost }) => {
      const shorter = curve.filter((point) => point.x < x && point.x * REACH >= x);
      const before = shorter.find((point) => cost > STEP * point.cost);
      if (!before) return [];
      return [
        `${name}: ${before.cost} at n = ${before.x}, ${cost} at n = ${x} (${(cost / before.cost).toFixed(2)} times)`,
      ];
    }),
  );
}

const key = ({ scores, map }) => `${map}, ${scores}`;

/** Node 20 has no Map.groupBy. */
function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
