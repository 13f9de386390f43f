/**
 * Causal attention matrices side by side as SVG: a square for each weight, and nothing where a key has none.
 *
 * Written by hand and not by vega, which makes an element of every square: here all squares of a shade are one path, and
 * neighbours of the same shade one rectangle.
 */

import { IN_SUPPORT, PALE, svgOf } from './drawing.js';

const CELL = 2;
const MARGIN = 12;
const HEADING = 38;
/** Least weights of the shades. */
const SHADES = [
  { least: 0, opacity: 0.22 },
  { least: 0.01, opacity: 0.45 },
  { least: 0.1, opacity: 0.7 },
  { least: 0.5, opacity: 1 },
];

/**
 * Rows of pictures; queries go down and keys to the right.
 *
 * @param {{ title: string, weights: import('entmax').Csr, subtitle: string }[][]} rows
 */
export function matricesOf(rows) {
  const side = CELL * rows[0][0].weights.shape.at(-1);
  const [width, height] = [side + MARGIN, side + HEADING + MARGIN];
  const pictures = rows.flatMap((row, r) =>
    row.map((matrix, c) => matrixOf(matrix, side, MARGIN + c * width, MARGIN + r * height)),
  );
  return svgOf([MARGIN + rows[0].length * width, MARGIN + rows.length * height], pictures.join(''));
}

function matrixOf({ title, subtitle, weights }, side, x, y) {
  const paths = SHADES.map(({ opacity }, shade) => {
    const d = runsOf(weights, shade);
    return d && `<path fill="${IN_SUPPORT}" fill-opacity="${opacity}" shape-rendering="crispEdges" d="${d}"/>`;
  });
  return [
    `<g transform="translate(${x} ${y})">`,
    `<text y="12" font-size="13" font-weight="bold">${title}</text><text y="28" font-size="12">${subtitle}</text>`,
    `<g transform="translate(0 ${HEADING})"><path fill="none" stroke="${PALE}" d="M0 0V${side}H${side}Z"/>`,
    `${paths.join('')}</g></g>`,
  ].join('\n');
}

const shadeOf = (weight) => SHADES.findLastIndex(({ least }) => weight >= least);

/** Neighbouring entries of one shade as rectangles of a path. */
function runsOf({ indptr, indices, values }, shade) {
  let path = '';
  for (let row = 0; row + 1 < indptr.length; row++) {
    let [from, to] = [0, 0];
    const flush = () => {
      if (to > from) path += `M${from * CELL} ${row * CELL}h${(to - from) * CELL}v${CELL}h${(from - to) * CELL}z`;
    };
    for (let at = indptr[row]; at < indptr[row + 1]; at++) {
      if (shadeOf(values[at]) !== shade) continue;
      const key = indices[at];
      if (key !== to) {
        flush();
        from = key;
      }
      to = key + 1;
    }
    flush();
  }
  return path;
}
