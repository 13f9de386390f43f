/**
 * A grid of numbers as SVG: a square as dark as each one, nothing where it is exactly 0, and a line around each region of equal ones.
 */

import { escaped, IN_SUPPORT, INK, PALE } from './drawing.js';

const CELL = 15;
const HEADING = 40;
/** The least opacity of what is not 0, so that it can be seen. */
const LEAST = 0.08;

/**
 * @param {object} grid
 * @param {string} grid.title
 * @param {string} grid.subtitle
 * @param {ArrayLike<number>} grid.values row by row; the largest is the darkest
 * @param {number} grid.width how many make a row
 * @param {Int32Array} [grid.groups] the region of each, -1 for none
 * @param {string} [grid.colour]
 * @returns {import('./drawing.js').Drawing}
 */
export function drawGrid({ title, subtitle, values, width, groups, colour = IN_SUPPORT }) {
  const numbers = Array.from(values);
  const most = Math.max(...numbers);
  const height = numbers.length / width;
  const cells = numbers.map((value, at) => {
    if (value <= 0) return '';
    const opacity = (LEAST + ((1 - LEAST) * value) / most).toFixed(3);
    const [x, y] = [CELL * (at % width), CELL * Math.floor(at / width)];
    return `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill-opacity="${opacity}"/>`;
  });
  const [right, bottom] = [CELL * width, CELL * height];
  const content = [
    `<text y="12" font-size="13" font-weight="bold">${escaped(title)}</text><text y="29" font-size="12">${escaped(subtitle)}</text>`,
    `<g transform="translate(0 ${HEADING})"><g fill="${colour}" shape-rendering="crispEdges">${cells.filter(Boolean).join('\n')}</g>`,
    `<path fill="none" stroke="${PALE}" d="M0 0H${right}V${bottom}H0z"/>`,
    groups
      ? `<path fill="none" stroke="${INK}" stroke-width="1.5" d="${edgesOf(groups, width, height)}"/></g>`
      : '</g>',
  ].join('\n');
  return { content, size: [right + 1, HEADING + bottom + 1] };
}

/** The lines between neighbours of different regions, and around those at the border. */
function edgesOf(groups, width, height) {
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? -1 : groups[y * width + x]);
  let path = '';
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      if (at(x, y) !== at(x - 1, y)) path += `M${CELL * x} ${CELL * y}v${CELL}`;
      if (at(x, y) !== at(x, y - 1)) path += `M${CELL * x} ${CELL * y}h${CELL}`;
    }
  }
  return path;
}
