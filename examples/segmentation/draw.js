/** A day as SVG: readings, true power, what a map makes of them and where it sees switches; and F1 against lambda. */

import { IN_SUPPORT, INK, PALE } from '../../scripts/pictures/drawing.js';
import { plotOf } from '../../scripts/pictures/plots.js';

const WIDTH = 640;
const TRUE_POWER = '#e0a030';

/**
 * @typedef {object} Panel one map on one day
 * @property {string} title
 * @property {string} [subtitle]
 * @property {Float64Array} readings
 * @property {Float64Array} power what there was
 * @property {Float64Array} estimate what the map makes of the readings
 * @property {number[]} told where it sees switches
 */

/**
 * @param {Panel[]} panels
 * @param {{ lambda: number, f1: number }[]} curve
 * @param {number} learned the lambda that was learned
 */
export function draw(panels, curve, learned) {
  return plotOf({ vconcat: [...panels.map(dayOf), curveOf(curve, learned)], spacing: 22 });
}

function dayOf({ title, subtitle, readings, power, estimate, told }) {
  const values = Array.from(readings, (reading, minute) => ({
    minute,
    reading,
    power: power[minute],
    estimate: estimate[minute],
  }));
  const x = { field: 'minute', type: 'quantitative', title: null, scale: { nice: false }, axis: { grid: false } };
  const y = (field) => ({ field, type: 'quantitative', title: 'kW' });
  const line = (field, color, strokeWidth) => ({
    mark: { type: 'line', interpolate: 'step', color, strokeWidth },
    encoding: { x, y: y(field) },
  });
  return {
    title: { text: title, frame: 'group', ...(subtitle && { subtitle, subtitleColor: INK }) },
    width: WIDTH,
    height: 130,
    data: { values },
    layer: [
      { mark: { type: 'point', filled: true, size: 10, color: PALE, opacity: 0.8 }, encoding: { x, y: y('reading') } },
      line('power', TRUE_POWER, 3),
      line('estimate', IN_SUPPORT, 1.6),
      {
        data: { values: told.map((minute) => ({ minute: minute - 0.5 })) },
        mark: { type: 'rule', color: INK, strokeDash: [2, 3] },
        encoding: { x },
      },
    ],
  };
}

function curveOf(values, learned) {
  const x = {
    field: 'lambda',
    type: 'quantitative',
    title: 'lambda',
    scale: { type: 'log', nice: false },
    axis: { format: '.1~r', grid: false, tickCount: 6 },
  };
  return {
    title: { text: 'F1 of the switches, and the lambda that was learned', frame: 'group' },
    width: WIDTH,
    height: 130,
    layer: [
      {
        data: { values },
        mark: { type: 'line', point: true, color: IN_SUPPORT },
        encoding: { x, y: { field: 'f1', type: 'quantitative', title: 'F1', scale: { zero: false } } },
      },
      { data: { values: [{ lambda: learned }] }, mark: { type: 'rule', color: INK }, encoding: { x } },
    ],
  };
}
