/**
 * The sentences with the scores of their arcs, which a small biaffine parser gave: arcs/arcs.json has the words, and
 * arcs/arcs.safetensors a table [n + 1, n + 1] for each sentence of n words. Row = head, 0 the root; column = modifier.
 */

import { readFile } from 'node:fs/promises';
import { importTypeScript } from '../../scripts/setup/import-typescript.js';

const DIRECTORY = new URL('arcs/', import.meta.url);

/**
 * @typedef {object} Sentence
 * @property {string[]} words n of them
 * @property {Float32Array} scores [n + 1, n + 1], -Infinity where there can be no arc
 */

/** @returns {Promise<Sentence[]>} */
export async function readSentences() {
  const { parseSafetensors } = await importTypeScript('ts/src/formats/safetensors.ts');
  const { sentences } = JSON.parse(await readFile(new URL('arcs.json', DIRECTORY), 'utf8'));
  const tables = parseSafetensors(await readFile(new URL('arcs.safetensors', DIRECTORY)));
  return sentences.map(({ tokens }, i) => ({ words: tokens, scores: tables.get(`arc_scores.${i}`).data }));
}
