/**
 * What a meter reads while appliances run: each one draws constant power from one minute to another, several may run at once, and
 * every reading has noise. The same seed gives the same days.
 *
 * Letters: B days, N minutes.
 */

import { seededRandom } from '../multi-label/data.js';

/** What an appliance draws, in kW, how many minutes it runs, and how many run in a day. */
const POWERS = [0.8, 1.2, 2];
const [SHORTEST, LONGEST] = [12, 60];
const [FEWEST, MOST] = [2, 4];

/**
 * @typedef {object} Days
 * @property {number} size B
 * @property {number} minutes N
 * @property {Float64Array} readings [B, N] in kW, with noise
 * @property {Float64Array} energy [B] the sum of each day's readings
 * @property {Float64Array} power [B, N] in kW, without noise
 * @property {Float64Array} shares [B, N] which share of a day's energy each minute has, without noise: a distribution
 * @property {number[][]} switches for each day the minutes at which the power changes
 */

/**
 * @param {{ size: number, minutes: number, noise: number, seed: number }} settings
 * @returns {Days}
 */
export function makeDays({ size, minutes, noise, seed }) {
  const random = seededRandom(seed);
  const integer = (from, to) => from + Math.floor(random.uniform() * (to - from + 1));
  const power = new Float64Array(size * minutes);
  for (let day = 0; day < size; day++) {
    for (let run = integer(FEWEST, MOST); run > 0; run--) {
      const length = integer(SHORTEST, LONGEST);
      const start = day * minutes + integer(1, minutes - length - 1);
      const drawn = POWERS[integer(0, POWERS.length - 1)];
      for (let at = start; at < start + length; at++) power[at] += drawn;
    }
  }
  const readings = power.map((each) => each + noise * random.normal());
  const rowsOf = (values) =>
    Array.from({ length: size }, (_, day) => values.subarray(day * minutes, (day + 1) * minutes));
  const sumOf = (row) => row.reduce((sum, each) => sum + each, 0);
  const rows = rowsOf(power);
  return {
    size,
    minutes,
    readings,
    energy: Float64Array.from(rowsOf(readings), sumOf),
    power,
    shares: Float64Array.from(
      rows.flatMap((row) => {
        const energy = sumOf(row);
        return Array.from(row, (each) => each / energy);
      }),
    ),
    switches: rows.map((row) =>
      Array.from(row.keys()).filter((at) => at > 0 && Math.abs(row[at] - row[at - 1]) > 1e-9),
    ),
  };
}
