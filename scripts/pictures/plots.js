/** Plots as SVG, drawn by vega without a browser. */

import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { IN_SUPPORT, INK, PALE } from './drawing.js';

const CONFIG = {
  background: 'white',
  font: 'system-ui, sans-serif',
  view: { stroke: null },
  axis: { labelColor: INK, titleColor: INK, gridColor: '#e8ebee', domainColor: PALE, tickColor: PALE },
  title: { color: INK, fontSize: 14, anchor: 'start' },
};

/** What vega-lite describes, in the style of all plots. */
export const plotOf = (spec) =>
  new View(parse(compile({ ...spec, config: CONFIG }).spec), { renderer: 'none' }).toSVG();

/** Probabilities share one scale, so that pictures can be compared; the top is room for the label of 1. */
const PROBABILITIES = { scale: { domain: [0, 1.15], nice: false }, axis: { values: [0, 0.5, 1], grid: true } };
const SCORES = { scale: { padding: 14 } };

/** Bars over indices: what is exactly 0 has no bar and says so. */
export function barsOf(title, numbers, areScores = false) {
  const values = Array.from(numbers, (value, index) => ({ index, value }));
  const x = { field: 'index', type: 'ordinal', title: 'index', axis: { labelAngle: 0, grid: false } };
  const y = { field: 'value', type: 'quantitative', title: null, ...(areScores ? SCORES : PROBABILITIES) };
  return plotOf({
    title,
    width: 320,
    height: 140,
    data: { values },
    layer: [
      { mark: { type: 'bar', color: IN_SUPPORT }, encoding: { x, y } },
      {
        transform: [{ filter: 'datum.value !== 0' }],
        mark: { type: 'text', dy: { expr: 'datum.value < 0 ? 9 : -7' }, fontSize: 10, color: INK },
        encoding: { x, y, text: { field: 'value', format: '.2~r' } },
      },
      {
        transform: [{ filter: 'datum.value === 0' }],
        mark: { type: 'text', dy: -7, fontSize: 10, color: '#8a94a0' },
        encoding: { x, y, text: { value: '0' } },
      },
    ],
  });
}

/** One curve for each `line` of `{ x, y, line }`. */
export function curvesOf(values, titles) {
  return plotOf({
    width: 380,
    height: 240,
    data: { values },
    mark: { type: 'line', strokeWidth: 2 },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: titles.x, scale: { nice: false }, axis: { tickCount: 7 } },
      y: { field: 'y', type: 'quantitative', title: titles.y },
      color: { field: 'line', type: 'nominal', title: null, scale: { scheme: 'viridis' } },
    },
  });
}

/** One bar for each `bar` of `{ bar, stage, share }`, its stages in their order from left to right; the last is what is missing. */
export function sharesOf(values, title) {
  const stages = [...new Set(values.map(({ stage }) => stage))];
  return plotOf({
    width: 380,
    height: { step: 30 },
    data: { values: values.map((value) => ({ ...value, order: stages.indexOf(value.stage) })) },
    encoding: {
      y: { field: 'bar', type: 'nominal', sort: null, title: null },
      x: { field: 'share', type: 'quantitative', stack: true, title, axis: { format: '.0%', tickCount: 5 } },
      order: { field: 'order' },
    },
    layer: [
      {
        mark: { type: 'bar', height: 20 },
        encoding: {
          color: {
            field: 'stage',
            type: 'nominal',
            title: null,
            sort: null,
            scale: { domain: stages, range: [IN_SUPPORT, '#e0a030', '#e8ebee'] },
          },
        },
      },
    ],
  });
}
