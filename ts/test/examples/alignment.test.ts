/** The example's matchings are what SparseMAP's definition asks for, and its picture shows just the pairs that have weight. */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { align } from '../../../examples/alignment/matchings.js';
import { scoresOf, SENTENCES, similarity } from '../../../examples/alignment/sentences.js';
import { runCli } from '../cli/run-cli.ts';

const COMMAND = fileURLToPath(new URL('../../../examples/alignment/align.js', import.meta.url));
const PICTURE = new URL('../../../build/examples/alignment.svg', import.meta.url);

const [a, b] = SENTENCES.map((sentence) => sentence.split(' ')) as [string[], string[]];

/** The best sum of a matching in which anyone may stay alone: for each set of columns that are taken, row after row. */
function bestMatching(scores: Float64Array, n: number, m: number): number {
  let best = new Float64Array(1 << m).fill(-Infinity);
  best[0] = 0;
  for (let row = 0; row < n; row++) {
    const next = best.slice();
    best.forEach((sum, taken) => {
      for (let column = 0; column < m; column++) {
        const bit = 1 << column;
        if ((taken & bit) === 0) next[taken | bit] = Math.max(next[taken | bit]!, sum + scores[row * m + column]!);
      }
    });
    best = next;
  }
  return Math.max(...best);
}

test('the similarity of words is between 0 and 1, and the same both ways', () => {
  expect(similarity('Winter', 'winter')).toBe(1);
  expect(similarity('than', 'is')).toBe(0);
  // ^b bu ut tt te er r$ and ^b be et tt te er r$ have five in common.
  expect(similarity('butter', 'better')).toBe(10 / 14);
  expect(similarity('better', 'butter')).toBe(10 / 14);
});

describe.each([0.3, 1, 3])('at temperature %d', (temperature) => {
  const scores = scoresOf(a, b).map((score) => score / temperature);
  const { matchings, marginals, rowwise, gap, status } = align(scores, [a.length, b.length]);

  test('the set is certified: no matching is worth more than those that have weight', () => {
    expect(status).toBe('converged');
    expect(gap).toBeLessThanOrEqual(1e-9);
    const mu = new Float64Array(marginals.length);
    let mean = 0;
    for (const { weight, columns } of matchings) {
      const taken = columns.filter((column) => column >= 0);
      expect(new Set(taken).size).toBe(taken.length);
      columns.forEach((column, row) => {
        if (column >= 0) mu[row * b.length + column]! += weight;
      });
    }
    mu.forEach((each, at) => expect(Math.abs(each - marginals[at]!)).toBeLessThan(1e-12));
    const left = scores.map((score, at) => score - mu[at]!);
    mu.forEach((each, at) => (mean += each * left[at]!));
    expect(bestMatching(left, a.length, b.length) - mean).toBeLessThan(2e-9);
  });

  test('no word has more than one partner, where softmax of each row has columns above 1', () => {
    const columnSums = (values: ArrayLike<number>): number[] =>
      b.map((_, c) => a.reduce((sum, _, r) => sum + values[r * b.length + c]!, 0));
    expect(Math.max(...columnSums(marginals))).toBeLessThan(1 + 1e-12);
    expect(Math.max(...columnSums(rowwise))).toBeGreaterThan(1.05);
    expect(Math.min(...rowwise)).toBeGreaterThan(0);
  });
});

describe('the command', () => {
  test('prints a certified set, and draws a square for each pair of it and for no other', async () => {
    const { code, stdout, stderr } = await runCli([], { path: COMMAND });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [, gap, status] = /oracle, gap (\S+), (\w+)$/m.exec(stdout)!;
    expect(status).toBe('converged');
    expect(Number(gap)).toBeLessThanOrEqual(1e-9);

    const lines = Array.from(stdout.matchAll(/^ {2}(0\.\d{4}) {2}([^(\n]*)/gm), ([, weight, pairs]) => ({
      weight: Number(weight),
      pairs: pairs!.trim().split(' '),
    }));
    expect(Math.abs(lines.reduce((sum, { weight }) => sum + weight, 0) - 1)).toBeLessThan(1e-3);
    const printed = new Map<string, number>();
    for (const { weight, pairs } of lines) {
      for (const pair of pairs) {
        const [row, column] = pair.split('-') as [string, string];
        const at = `${a.indexOf(row)} ${b.indexOf(column)}`;
        printed.set(at, (printed.get(at) ?? 0) + weight);
      }
    }

    const [sparse, dense] = (await readFile(PICTURE, 'utf8')).split('softmax of each row') as [string, string];
    const cellsOf = (svg: string): [string, number][] =>
      Array.from(
        svg.matchAll(/class="cell" data-pair="(\d+ \d+)"[^>]*fill-opacity="([^"]+)"/g),
        ([, pair, opacity]) => [pair!, Number(opacity)],
      );
    const drawn = new Map(cellsOf(sparse));
    expect([...drawn.keys()].sort()).toEqual([...printed.keys()].sort());
    for (const [pair, opacity] of drawn) {
      expect(opacity).toBeGreaterThan(0);
      expect(Math.abs(opacity - printed.get(pair)!)).toBeLessThan(1e-3);
    }
    expect(drawn.size).toBeLessThan((a.length * b.length) / 2);
    expect(cellsOf(dense)).toHaveLength(a.length * b.length);
  });

  test('refuses a temperature that is none', async () => {
    const { code, stderr } = await runCli(['--temperature', '-1'], { path: COMMAND });
    expect(code).toBe(1);
    expect(stderr).toContain('Expected a number > 0, got "-1"');
  });
});
