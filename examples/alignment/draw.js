/** A matrix of probabilities over words: a square as dark as each, with its number; where it is 0 there is none. */

import { escaped, IN_SUPPORT, INK, shortNumber } from '../../scripts/pictures/drawing.js';

const CELL = 38;
const CHARACTER = 8;
const HEADING = 26;
/** From this opacity on, numbers are white. */
const DARK = 0.6;

/**
 * @param {{ rows: string[], columns: string[], values: Float64Array, title: string }} matrix
 * @returns {import('../../scripts/pictures/drawing.js').Drawing}
 */
export function drawMatrix({ rows, columns, values, title }) {
  const room = (words) => CHARACTER * Math.max(...words.map((word) => word.length)) + 6;
  const [left, top] = [room(rows), HEADING + room(columns)];
  const [width, height] = [CELL * columns.length, CELL * rows.length];
  const cells = Array.from(values, (value, at) => {
    if (value === 0) return '';
    const [x, y] = [CELL * (at % columns.length), CELL * Math.floor(at / columns.length)];
    const place = `x="${x + CELL / 2}" y="${y + CELL / 2 + 4}" fill="${value < DARK ? INK : 'white'}"`;
    return [
      `<rect class="cell" data-pair="${Math.floor(at / columns.length)} ${at % columns.length}" x="${x + 1}" y="${y + 1}"`,
      ` width="${CELL - 2}" height="${CELL - 2}" fill="${IN_SUPPORT}" fill-opacity="${value}"/>`,
      `<text ${place}>${shortNumber(value)}</text>`,
    ].join('');
  });
  const names = rows.map(
    (word, r) => `<text x="-8" y="${CELL * (r + 0.5) + 5}" text-anchor="end">${escaped(word)}</text>`,
  );
  const heads = columns.map(
    (word, c) => `<text transform="translate(${CELL * (c + 0.5) + 5} -8) rotate(-90)">${escaped(word)}</text>`,
  );
  const content = [
    `<text y="12" font-size="13" font-weight="bold">${escaped(title)}</text>`,
    `<g transform="translate(${left} ${top})" font-size="14">${names.join('')}${heads.join('')}`,
    `<path fill="none" stroke="#d5dae0" d="${gridOf(rows.length, columns.length)}"/>`,
    `<g font-size="10" text-anchor="middle">${cells.filter(Boolean).join('\n')}</g></g>`,
  ].join('\n');
  return { content, size: [left + width, top + height] };
}

function gridOf(rows, columns) {
  const across = Array.from({ length: rows + 1 }, (_, r) => `M0 ${CELL * r}h${CELL * columns}`);
  const down = Array.from({ length: columns + 1 }, (_, c) => `M${CELL * c} 0v${CELL * rows}`);
  return [...across, ...down].join('');
}
