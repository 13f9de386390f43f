/** Steps in a curve of cost against length. */

/** So many times dearer per element than anything shorter in reach: more than noise, and more than a cache's edge. */
const STEP = 1.4;
/** In reach: at most so many times shorter. */
const REACH = 2;

/** Rows are solved in blocks of so many scores: what a started block costs is no step, nor what fills one. */
const BLOCK = 16;

/**
 * @typedef {{ scores: string, map: string, x: number, cost: number }} Point
 * @typedef {{ before: Point, after: Point }} Step
 */

/**
 * Every length from which both an element and a block cost a good deal more than before.
 *
 * @param {Point[]} points
 * @returns {Step[]}
 */
export function cliffs(points) {
  return [...groupBy(points, key).values()].flatMap((curve) =>
    curve.flatMap((after) => {
      const shorter = curve.filter(({ x }) => x < after.x && x * REACH >= after.x);
      const before = shorter.find((point) => ratio(point, after) > STEP);
      return before ? [{ before, after }] : [];
    }),
  );
}

/** @param {Step} step */
export function describe({ before, after }) {
  const times = ratio(before, after).toFixed(2);
  return `${key(after)}: ${before.cost} at n = ${before.x}, ${after.cost} at n = ${after.x} (${times} times)`;
}

const ratio = (before, after) => Math.min(after.cost / before.cost, ofBlocks(after) / ofBlocks(before));

const ofBlocks = ({ x, cost }) => (cost * x) / (BLOCK * Math.ceil(x / BLOCK));

const key = ({ scores, map }) => `${map}, ${scores}`;

/** Node 20 has no Map.groupBy. */
function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
