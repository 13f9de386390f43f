/** Causal attention with 64 channels: cost of a pair of query and key against the number of keys, and against the support. */

import { INPUTS } from '../attention/inputs.js';
import { oneHead } from '../suites/attention.js';
import { each } from '../suites/suite.js';
import { fastest } from './fastest.js';

const LENGTHS = [256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384];

const KINDS = ['normal', 'warm', 'clusters-32'];

/** The scale of the scores runs from where almost every key is in the support to where one is. */
const KEYS = 4096;
const TEMPERS = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8];

/** Long calls are made twice, short ones for a millisecond in every round. */
const effort = { rounds: 5, time: 1, calls: 1, warmup: 0 };

const MAPS = ['softmax', 'entmax15', 'sparsemax', 'entmax1.1'];

/** @type {Record<string, import('./points.js').Form>} */
export const ATTENTION_FORMS = {
  attention: {
    title: 'Causal attention: cost of a pair of query and key against the number of keys',
    x: { title: 'n, queries and keys', name: 'n' },
    y: 'ns per pair',
    panels: INPUTS,
    suites: each({ scores: KINDS, n: LENGTHS }, (facts) => oneHead({ ...facts, effort }, ...MAPS)),
    point: (result, map) => ({ x: result.suite.n, cost: fastest(result, map) }),
    steps: true,
  },
  'attention-support': {
    title: `Causal attention of ${KEYS} keys: time against the mean support of a query`,
    x: { title: 'mean support', name: 'support' },
    y: "time / our softmax attention's",
    panels: { normal: `q, k, v ~ N(0,1), scales from ${TEMPERS[0]} to ${TEMPERS.at(-1)} of 1/8` },
    suites: TEMPERS.map((temper) => oneHead({ scores: 'normal', n: KEYS, temper, effort }, ...MAPS, 'entmax1.25')),
    point: (result, map) => ({
      x: Number(result.entries[map].support.toPrecision(4)),
      cost: Number((fastest(result, map) / fastest(result, 'softmax')).toPrecision(4)),
    }),
  },
};
