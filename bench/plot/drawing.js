/** The drawing of a form: one panel for each kind of rows, one line for each map. */

import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { SCORES } from '../scores.js';

/**
 * @param {string} title
 * @param {{ scores: string, map: string, n: number, cost: number }[]} points
 * @returns {Promise<string>} SVG
 */
export async function drawing(title, points) {
  const kinds = [...new Set(points.map(({ scores }) => scores))];
  const maps = [...new Set(points.map(({ map }) => map))];
  const { spec } = compile({
    background: 'white',
    title: { text: `${title}: cost of an element against the length of a row`, anchor: 'start' },
    data: { values: points.map((point) => ({ ...point, scores: SCORES[point.scores] })) },
    facet: { column: { field: 'scores', type: 'nominal', title: null, sort: kinds.map((kind) => SCORES[kind]) } },
    spec: {
      width: 380,
      height: 340,
      mark: { type: 'line', point: { size: 12 }, strokeWidth: 1.5 },
      encoding: {
        x: {
          field: 'n',
          type: 'quantitative',
          title: 'n, length of a row',
          scale: { type: 'log', base: 2 },
          axis: { tickCount: 10 },
        },
        y: { field: 'cost', type: 'quantitative', title: 'ns per element', scale: { type: 'log', nice: true } },
        color: { field: 'map', type: 'nominal', title: null, sort: maps, scale: { scheme: 'category10' } },
      },
    },
  });
  return new View(parse(spec), { renderer: 'none' }).toSVG();
}
