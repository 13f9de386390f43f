/**
 * What is measured, as data: every combination of a map, a shape and a kind of scores is one suite, named
 * `map/rows x n/scores`. The first shape is the one that the goals speak about.
 */

export const MAPS = ['softmax', 'sparsemax', 'entmax15'];

export const SHAPES = [
  { rows: 512, n: 4096 },
  { rows: 4096, n: 64 },
  { rows: 64, n: 32768 },
];

export const SCORES = ['normal', 'llm'];

export const SUITES = SHAPES.flatMap(({ rows, n }, shape) =>
  MAPS.flatMap((map) =>
    SCORES.map((scores) => ({ name: `${map}/${rows}x${n}/${scores}`, map, rows, n, scores, primary: shape === 0 })),
  ),
);

/**
 * How long to look. `rounds` is what the spread is taken over; within a round every engine runs for at least `time`
 * milliseconds and `iterations` calls.
 */
export const EFFORT = {
  full: { rounds: 24, time: 20, iterations: 3, warmupTime: 250, warmupIterations: 8 },
  quick: { rounds: 5, time: 6, iterations: 3, warmupTime: 60, warmupIterations: 4 },
};
