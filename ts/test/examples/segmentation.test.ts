/** The example learns what its loss asks for, counts switches rightly, and its text and its picture show the same ones. */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { learn, lossAndGradient, segment } from '../../../examples/segmentation/model.js';
import { chooseThreshold, score, switchesOf } from '../../../examples/segmentation/score.js';
import { makeDays } from '../../../examples/segmentation/signals.js';
import { runCli } from '../cli/run-cli.ts';
import { randomFrom } from '../oracle/random.ts';

const COMMAND = fileURLToPath(new URL('../../../examples/segmentation/segment.js', import.meta.url));
const PICTURE = new URL('../../../build/examples/segmentation.svg', import.meta.url);

const days = makeDays({ size: 30, minutes: 120, noise: 0.4, seed: 5 });
const rowOf = (values: Float64Array, day: number): Float64Array => values.subarray(120 * day, 120 * (day + 1));

describe('the days', () => {
  test('have shares that sum to 1, are in proportion to the power, and change at the switches alone', () => {
    for (let day = 0; day < days.size; day++) {
      const [shares, power] = [rowOf(days.shares, day), rowOf(days.power, day)];
      const energy = power.reduce((sum, each) => sum + each, 0);
      expect(Math.abs(shares.reduce((sum, each) => sum + each, 0) - 1)).toBeLessThan(1e-12);
      shares.forEach((each, at) => expect(Math.abs(each * energy - power[at]!)).toBeLessThan(1e-12));
      // Every appliance draws at least 0.8 kW, and 0.4 is the least difference of sums of what they draw.
      for (let at = 1; at < 120; at++) {
        const jump = Math.abs(power[at]! - power[at - 1]!);
        expect(jump > 0.3).toBe(days.switches[day]!.includes(at));
        if (jump <= 0.3) expect(jump).toBeLessThan(1e-12);
      }
    }
  });

  test('are the same for a seed, and others for another', () => {
    const settings = { size: 30, minutes: 120, noise: 0.4 };
    expect(makeDays({ ...settings, seed: 5 })).toEqual(days);
    expect(makeDays({ ...settings, seed: 6 }).readings).not.toEqual(days.readings);
  });

  test('have noise of the deviation that was asked for', () => {
    const noise = days.readings.map((reading, at) => reading - days.power[at]!);
    const deviation = Math.sqrt(noise.reduce((sum, each) => sum + each ** 2, 0) / noise.length);
    expect(Math.abs(deviation - 0.4)).toBeLessThan(0.02);
  });
});

describe('learning', () => {
  /** The loss by its definition, at logarithms of scale and lambda. */
  const lossAt = (logScale: number, logLambda: number): number => {
    const { shares } = segment({ scale: Math.exp(logScale), lambda: Math.exp(logLambda) }, days);
    return shares.reduce((sum, each, at) => sum + (each - days.shares[at]!) ** 2, 0) / (2 * days.size);
  };

  test.each([
    { scale: 1, lambda: 0.003 },
    { scale: 0.5, lambda: 0.01 },
    { scale: 1.5, lambda: 0.03 },
  ])('follows the slope of the loss at scale $scale and lambda $lambda', (model) => {
    const [s, l] = [Math.log(model.scale), Math.log(model.lambda)];
    const { loss, gradient } = lossAndGradient(model, days);
    expect(Math.abs(loss - lossAt(s, l))).toBeLessThan(1e-15);
    const h = 1e-6;
    const slopes = [(lossAt(s + h, l) - lossAt(s - h, l)) / (2 * h), (lossAt(s, l + h) - lossAt(s, l - h)) / (2 * h)];
    slopes.forEach((slope, i) => expect(Math.abs(gradient[i]! - slope)).toBeLessThan(1e-4 * Math.abs(slope) + 1e-9));
  });

  test('ends where no change of scale or lambda by a tenth makes the loss smaller', () => {
    const { scale, lambda } = learn(days, { scale: 1, lambda: 0.001 }, { steps: 80, rate: 0.2 });
    const [s, l] = [Math.log(scale), Math.log(lambda)];
    const learned = lossAt(s, l);
    for (const change of [-0.1, 0.1]) {
      expect(lossAt(s + change, l)).toBeGreaterThan(learned);
      expect(lossAt(s, l + change)).toBeGreaterThan(learned);
    }
  });

  test('a lambda of 0 stays 0, and its segments are single minutes', () => {
    const model = learn(days, { scale: 1, lambda: 0 }, { steps: 5, rate: 0.2 });
    expect(model.lambda).toBe(0);
    expect(model.scale).not.toBe(1);
    const { shares, groups } = segment(model, days);
    groups.forEach((group, at) => expect(group).toBe(shares[at]! > 0 ? at % 120 : -1));
  });
});

describe('the score', () => {
  /** The most pairs at most two minutes apart, by trying everything. */
  function mostPairs(left: readonly number[], right: readonly number[]): number {
    if (left.length === 0) return 0;
    const [first, ...rest] = left;
    let most = mostPairs(rest, right);
    right.forEach((each, i) => {
      if (Math.abs(each - first!) <= 2)
        most = Math.max(
          most,
          1 +
            mostPairs(
              rest,
              right.filter((_, j) => j !== i),
            ),
        );
    });
    return most;
  }

  test('counts as many pairs as there can be', () => {
    const random = randomFrom(3);
    const list = (): number[] =>
      [...new Set(Array.from({ length: random.below(8) }, () => random.below(25)))].sort((a, b) => a - b);
    for (let run = 0; run < 300; run++) {
      const [told, truth] = [list(), list()];
      const pairs = mostPairs(told, truth);
      const { precision, recall, f1 } = score([told], [truth]);
      expect(precision).toBe(told.length > 0 ? pairs / told.length : 0);
      expect(recall).toBe(truth.length > 0 ? pairs / truth.length : 0);
      expect(f1).toBe(told.length + truth.length > 0 ? pairs / ((told.length + truth.length) / 2) : 0);
    }
  });

  test('true shares tell the true switches, and the threshold is the best of all', () => {
    const exact = {
      ...days,
      energy: Float64Array.from({ length: days.size }, (_, day) => rowOf(days.power, day).reduce((a, b) => a + b, 0)),
    };
    expect(switchesOf(days.shares, exact, 0.2)).toEqual(days.switches);
    const { shares } = segment({ scale: 1, lambda: 0.01 }, days);
    const f1 = (least: number): number => score(switchesOf(shares, days, least), days.switches).f1;
    const best = f1(chooseThreshold(shares, days)!);
    for (let least = 0; least < 2.5; least += 0.1) expect(f1(least)).toBeLessThanOrEqual(best);
  });
});

describe('the command', () => {
  test('finds more switches than sparsemax does, and draws those that it prints', async () => {
    const { code, stdout, stderr } = await runCli([], { path: COMMAND });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const rows = Array.from(
      stdout.matchAll(/^(sparsemax|fusedmax, [a-z0-9 ]+?) +([\d.]+) +[\d.e-]+ +[\d.]+ +[\d.]+ +[\d.]+ +([\d.]+)$/gm),
      ([, name, lambda, f1]) => ({ name, lambda: Number(lambda), f1: Number(f1) }),
    );
    expect(rows.map(({ name }) => name)).toEqual(['sparsemax', 'fusedmax, learned', 'fusedmax, best of 17']);
    const [sparse, learned, best] = rows.map(({ f1 }) => f1) as [number, number, number];
    expect(learned).toBeGreaterThan(sparse + 0.2);
    expect(best).toBeGreaterThanOrEqual(learned);
    expect(learned).toBeGreaterThan(best - 0.03);

    const svg = await readFile(PICTURE, 'utf8');
    const [first, second] = svg.split('concat_1_group') as [string, string];
    const drawn = (text: string): number[] =>
      Array.from(text.matchAll(/aria-label="minute: ([\d.]+)"[^>]*stroke-dasharray/g), ([, at]) => Number(at) + 0.5);
    const printed = (name: string): number[] =>
      new RegExp(`${name} says +([\\d ]+)\\n`).exec(stdout)![1]!.split(' ').map(Number);
    expect(drawn(first)).toEqual(printed('sparsemax'));
    expect(drawn(second)).toEqual(printed('fusedmax'));
  });

  test('refuses noise that is none', async () => {
    const { code, stderr } = await runCli(['--noise', '0'], { path: COMMAND });
    expect(code).toBe(1);
    expect(stderr).toContain('Expected a number > 0, got "0"');
  });
});
