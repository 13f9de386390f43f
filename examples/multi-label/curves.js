/** The learning curves as SVG: training loss and F1 against the epoch, one line for each loss. */

import { parse, View } from 'vega';
import { compile } from 'vega-lite';

/** @param {{ loss: string, epoch: number, value: number, f1: number }[]} values */
export async function drawCurves(values) {
  const panel = (field, title, scale) => ({
    width: 300,
    height: 220,
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'epoch', type: 'quantitative', title: 'epoch' },
      y: { field, type: 'quantitative', title, scale },
      color: { field: 'loss', type: 'nominal', title: 'trained with' },
    },
  });
  const { spec } = compile({
    data: { values },
    hconcat: [
      panel('value', 'training loss', { type: 'log' }),
      panel('f1', 'F1 on held-out documents', { zero: false }),
    ],
    config: { background: 'white' },
  });
  return new View(parse(spec), { renderer: 'none' }).toSVG();
}
