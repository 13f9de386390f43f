/** The words in which the suites are written. */

/** Maps as the suites name them, and what they are to an engine. */
export const MAP = {
  softmax: { map: 'softmax' },
  sparsemax: { map: 'sparsemax' },
  entmax15: { map: 'entmax15' },
  'entmax1.1': { map: 'entmax', options: { alpha: 1.1 } },
  'entmax1.25': { map: 'entmax', options: { alpha: 1.25 } },
  'entmax1.7': { map: 'entmax', options: { alpha: 1.7 } },
  entmax3: { map: 'entmax', options: { alpha: 3 } },
  entmax10: { map: 'entmax', options: { alpha: 10 } },
};

/** Every result's place: `rows x n` elements of what the first cache levels cannot hold, as in a transformer. */
export const LARGE = { rows: 512, n: 4096 };

/** The package on Tensors with one thread, which everything else is compared with. */
export const ours = (task, more = {}) => ({ engine: 'tensor-1', task, ...more });

/** Other engines on the same task, each under its own name. */
export const others = (task, ...engines) => Object.fromEntries(engines.map((engine) => [engine, { engine, task }]));

/** The same bits are promised for Tensors, arrays and every thread count. */
export const ourForms = (task) => ({
  ours: ours(task),
  'ours, 2 threads': { engine: 'tensor-2', task, sameBits: 'ours' },
  arrays: { engine: 'arrays-1', task, sameBits: 'ours' },
  'arrays, 2 threads': { engine: 'arrays-2', task, sameBits: 'ours' },
});

/** memcpy of the scores. */
export const memcpy = { memcpy: { engine: 'memcpy', task: { operation: 'copy' } } };

/** Our softmax of the same scores. */
export const softmax = { softmax: ours({ operation: 'forward', ...MAP.softmax }, { label: 'our softmax' }) };

/**
 * @param {string} group
 * @param {{ map: string, rows: number, n: number, size?: string, scores: string, effort?: object, compact?: boolean }} facts
 * @param {Record<string, Omit<import('../suites.js').Entry, 'id'>>} entries
 * @returns {import('../suites.js').Suite}
 */
export const suite = (group, facts, entries) => ({
  name: `${group}/${facts.map}/${sizeOf(facts)}/${facts.scores}`,
  group,
  ...facts,
  entries: Object.entries(entries).map(([id, entry]) => ({ id, ...entry })),
});

/** How a suite's name says what size it has. */
export const sizeOf = ({ rows, n, size = `${rows}x${n}` }) => size;

/** Every combination: `each({ a: [1, 2], b: [3] }, make)`. */
export const each = (choices, make) =>
  Object.entries(choices)
    .reduce((sets, [name, values]) => sets.flatMap((set) => values.map((value) => ({ ...set, [name]: value }))), [{}])
    .flatMap(make);
