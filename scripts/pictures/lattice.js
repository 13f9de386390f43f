/**
 * The labels of a chain as SVG: a circle for each label of each position, a line for each pair of neighbours, both as dark as
 * their probability. What has none is not drawn.
 */

import { escaped, IN_SUPPORT, INK, shortNumber } from './drawing.js';

const [STEP, LEVEL, RADIUS] = [64, 40, 14];
const HEADING = 24;
const LEFT = 58;
/** From this opacity on, numbers are white. */
const DARK = 0.6;

/**
 * @typedef {object} Chain
 * @property {string} title
 * @property {string[]} words T positions
 * @property {string[]} labels S states
 * @property {number[][]} unary [T][S] probabilities
 * @property {number[][][]} transitions [T - 1][S][S], as [from][to]
 */

/** @param {Chain} chain @returns {import('./drawing.js').Drawing} */
export function drawLattice({ title, words, labels, unary, transitions }) {
  const x = (t) => STEP * (t + 0.5);
  const y = (s) => LEVEL * (s + 0.5);
  const lines = transitions.flatMap((table, t) =>
    table.flatMap((row, from) =>
      row.map((p, to) => (p > 0 ? `<path d="M${x(t)} ${y(from)}L${x(t + 1)} ${y(to)}" opacity="${p}"/>` : '')),
    ),
  );
  const circles = unary.flatMap((row, t) => row.map((p, s) => (p > 0 ? circleOf(p, x(t), y(s)) : '')));
  const names = labels.map((label, s) => `<text x="-6" y="${y(s) + 4}" text-anchor="end">${escaped(label)}</text>`);
  const bottom = LEVEL * labels.length + 16;
  const below = words.map((word, t) => `<text x="${x(t)}" y="${bottom}" text-anchor="middle">${escaped(word)}</text>`);
  const content = [
    `<text y="12" font-size="13" font-weight="bold">${escaped(title)}</text>`,
    `<g transform="translate(${LEFT} ${HEADING})" font-size="13">${names.join('')}${below.join('')}`,
    `<g stroke="${IN_SUPPORT}" stroke-width="3">${lines.join('')}</g>`,
    `<g font-size="10" text-anchor="middle">${circles.join('')}</g></g>`,
  ].join('\n');
  return { content, size: [LEFT + STEP * words.length, HEADING + bottom + 6] };
}

/** White below the colour, so that lines end at the circle. */
const circleOf = (p, x, y) =>
  [
    `<circle cx="${x}" cy="${y}" r="${RADIUS}" fill="white"/>`,
    `<circle cx="${x}" cy="${y}" r="${RADIUS}" fill="${IN_SUPPORT}" fill-opacity="${p}"/>`,
    `<text x="${x}" y="${y + 4}" fill="${p < DARK ? INK : 'white'}">${shortNumber(p)}</text>`,
  ].join('');
