/** The drawing of a form: one panel for each kind of rows, one line for each map. */

import { parse, View } from 'vega';
import { compile } from 'vega-lite';

/**
 * @param {import('./points.js').Form} form
 * @param {{ scores: string, map: string, x: number, cost: number }[]} points
 * @returns {Promise<string>} SVG
 */
export async function drawing({ title, panels, x, y }, points) {
  const kinds = [...new Set(points.map(({ scores }) => scores))];
  const maps = [...new Set(points.map(({ map }) => map))];
  const { spec } = compile({
    background: 'white',
    title: { text: title, anchor: 'start' },
    data: { values: points.map((point) => ({ ...point, scores: panels[point.scores] })) },
    facet: { column: { field: 'scores', type: 'nominal', title: null, sort: kinds.map((kind) => panels[kind]) } },
    spec: {
      width: 380,
      height: 340,
      mark: { type: 'line', point: { size: 12 }, strokeWidth: 1.5 },
      encoding: {
        x: {
          field: 'x',
          type: 'quantitative',
          title: x.title,
          scale: { type: 'log', base: 2 },
          axis: { tickCount: 10 },
        },
        y: { field: 'cost', type: 'quantitative', title: y, scale: { type: 'log', nice: true } },
        color: {
          field: 'map',
          type: 'nominal',
          title: null,
          sort: maps,
          scale: { scheme: 'category10' },
          legend: { labelLimit: 0 },
        },
      },
    },
  });
  return new View(parse(spec), { renderer: 'none' }).toSVG();
}
