/** Dense maps: every peer on 512 x 4096, the quick ones on other shapes too. */

import { each, LARGE, MAP, memcpy, others, ourForms, ours, softmax, suite } from './suite.js';

/** Who sorts takes the same time for all scores: once is enough. */
const peersOf = (map, scores) => [
  ...['plain', 'assemblyscript', 'native', 'python'],
  ...(map === 'softmax' || scores === 'normal' ? ['tfjs', 'onnxruntime'] : []),
];
const native = { 'native-copy': { engine: 'native-copy', task: { operation: 'copy' } } };

const large = each(
  {
    map: ['softmax', 'sparsemax', 'entmax15', 'entmax1.25', 'entmax1.7'],
    scores: ['normal', 'llm', 'uniform'],
  },
  ({ map, scores }) => {
    const task = { operation: 'forward', ...MAP[map] };
    const entries = { ...ourForms(task), ...others(task, ...peersOf(map, scores)), ...native, ...memcpy };
    return suite('maps', { map, ...LARGE, scores }, map === 'softmax' ? entries : { ...entries, ...softmax });
  },
);

const aboveTwo = each({ map: ['entmax3', 'entmax10'], scores: ['normal', 'uniform', 'ties'] }, ({ map, scores }) => {
  const task = { operation: 'forward', ...MAP[map] };
  return suite(
    'maps',
    { map, ...LARGE, scores },
    { ours: ours(task), ...softmax, ...others(task, 'native'), ...memcpy },
  );
});

const SHAPES = [
  { rows: 4096, n: 64 },
  { rows: 4096, n: 512 },
  { rows: 64, n: 32768 },
  { rows: 16, n: 131072 },
];

/** softmax does not care what the scores are. */
const softmaxShapes = each({ shape: SHAPES }, ({ shape }) => {
  const task = { operation: 'forward', ...MAP.softmax };
  const peers = others(task, 'assemblyscript', 'tfjs', 'onnxruntime', 'native');
  return suite(
    'maps',
    { map: 'softmax', ...shape, scores: 'normal' },
    { ours: ours(task), ...peers, ...native, ...memcpy },
  );
});

const sparseShapes = each(
  { map: ['sparsemax', 'entmax15'], shape: SHAPES, scores: ['normal', 'llm'] },
  ({ map, shape, scores }) => {
    const task = { operation: 'forward', ...MAP[map] };
    const peers = others(task, 'assemblyscript', 'native');
    return suite('maps', { map, ...shape, scores }, { ours: ours(task), ...peers, ...native, ...memcpy });
  },
);

export const MAPS = [...large, ...aboveTwo, ...softmaxShapes, ...sparseShapes];
