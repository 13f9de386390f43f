/** The example's trees are what SparseMAP's definition asks for, and its picture and its text show the same ones. */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawArcs } from '../../../examples/dependency-trees/draw.js';
import { readSentences } from '../../../examples/dependency-trees/sentences.js';
import { linesOf } from '../../../examples/dependency-trees/text.js';
import { parse } from '../../../examples/dependency-trees/trees.js';
import { runCli } from '../cli/run-cli.ts';
import { trees } from '../structured/enumerate.ts';

const COMMAND = fileURLToPath(new URL('../../../examples/dependency-trees/parse.js', import.meta.url));
const PICTURE = new URL('../../../build/examples/dependency-trees.svg', import.meta.url);

let sentences: Awaited<ReturnType<typeof readSentences>>;
beforeAll(async () => {
  sentences = await readSentences();
});

/** Arcs of a picture, as 'head modifier', with their opacity. */
const arcsOf = (svg: string): Map<string, number> =>
  new Map(
    Array.from(svg.matchAll(/class="arc" data-arc="(\d+ \d+)" opacity="([^"]+)"/g), ([, arc, opacity]) => [
      arc!,
      Number(opacity),
    ]),
  );

test('there are 36 sentences, each with a table of scores', () => {
  expect(sentences).toHaveLength(36);
  for (const { words, scores } of sentences) expect(scores).toHaveLength((words.length + 1) ** 2);
});

describe.each([1, 3, 10])('at temperature %d', (temperature) => {
  test('every set is certified, its weights sum to 1 and its trees have one root and no circle', () => {
    for (const { words, trees: found, gap, status } of parse(sentences, temperature)) {
      expect(status).toBe('converged');
      expect(gap).toBeLessThanOrEqual(1e-9);
      expect(Math.abs(found.reduce((sum, { weight }) => sum + weight, 0) - 1)).toBeLessThan(1e-12);
      for (const { weight, heads } of found) {
        expect(weight).toBeGreaterThan(0);
        expect(heads).toHaveLength(words.length);
        expect(heads.filter((head) => head === 0)).toHaveLength(1);
        heads.forEach((head) => {
          let steps = 0;
          for (let at = head; at !== 0 && steps <= words.length; steps++) at = heads[at - 1]!;
          expect(steps).toBeLessThanOrEqual(words.length);
        });
      }
    }
  });

  test('of all trees of a short sentence none is worth more than those of its set', () => {
    const short = sentences.filter(({ words }) => words.length <= 6);
    expect(short.length).toBeGreaterThanOrEqual(4);
    parse(short, temperature).forEach(({ marginals, words, trees: found }, s) => {
      const mu = new Float64Array(marginals.length);
      for (const { weight, heads } of found) {
        heads.forEach((head, m) => (mu[head * (words.length + 1) + m + 1]! += weight));
      }
      mu.forEach((each, at) => expect(Math.abs(each - marginals[at]!)).toBeLessThan(1e-12));
      const left = mu.map((each, at) => short[s]!.scores[at]! / temperature - each);
      const worth = (parts: Iterable<number>): number => [...parts].reduce((sum, at) => sum + left[at]!, 0);
      const parts = (heads: Int32Array): number[] => Array.from(heads, (head, m) => head * (words.length + 1) + m + 1);
      const mean = found.reduce((sum, { weight, heads }) => sum + weight * worth(parts(heads)), 0);
      const best = trees(words.length, { oneRoot: true }).reduce(
        (most, { unary }) => Math.max(most, worth(unary)),
        -Infinity,
      );
      expect(best - mean).toBeLessThan(2e-9);
    });
  });

  test('the picture has the arcs that have weight, as dark as that, and no others', () => {
    for (const parsed of parse(sentences, temperature)) {
      const side = parsed.words.length + 1;
      const expected = Array.from(parsed.marginals, (p, at) => [`${Math.floor(at / side)} ${at % side}`, p] as const);
      const { content } = drawArcs(parsed, 'a < b');
      expect(content).toContain('a &lt; b');
      expect(arcsOf(content)).toEqual(new Map(expected.filter(([, p]) => p > 0)));
    }
  });
});

test('the text has a head for each word, and for further trees what differs', () => {
  const [telescope] = parse(sentences.slice(0, 1), 3);
  const [title, best, second, end, ...rest] = linesOf(telescope!, 1);
  expect(title).toBe('1. I saw the man with the telescope .');
  expect(best).toMatch(/^ {2}0\.6696 {2}I<-saw saw<-root the\.3<-man man<-saw with<-telescope /);
  expect(second).toMatch(/^ {2}0\.3304 {2}but telescope<-saw$/);
  expect(end).toMatch(/^ {2}2 trees, 3 calls of the oracle, gap \S+, converged$/);
  expect(rest).toEqual([]);
});

describe('the command', () => {
  test('prints certified sets of all sentences and draws an ambiguous one', async () => {
    const { code, stdout, stderr } = await runCli([], { path: COMMAND });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const gaps = Array.from(stdout.matchAll(/oracle, gap (\S+), (\w+)$/gm), ([, gap, status]) => {
      expect(status).toBe('converged');
      return Number(gap);
    });
    expect(gaps).toHaveLength(36 + 6);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1e-9);
    const opacities = [...arcsOf(await readFile(PICTURE, 'utf8')).values()];
    expect(Math.min(...opacities)).toBeGreaterThan(0);
    expect(opacities.filter((opacity) => opacity < 0.999).length).toBeGreaterThan(3);
  });

  test('takes one sentence and a temperature, and refuses what is none', async () => {
    const one = await runCli(['--sentence', '33', '--temperature', '1'], { path: COMMAND });
    expect(one.stdout).toMatch(
      /^At temperature 1:\n\n33\. Birds sing \.\n {2}1\.0000 {2}Birds<-sing sing<-root \.<-sing\n/,
    );
    for (const wrong of [
      ['--sentence', '37'],
      ['--sentence', '1.5'],
      ['--temperature', '0'],
      ['--temperature', 'warm'],
    ]) {
      const { code, stdout, stderr } = await runCli(wrong, { path: COMMAND });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(`got "${wrong[1]}"`);
    }
  });
});
