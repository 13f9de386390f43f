/**
 * The labels of a chain as SVG: a circle for each label of each position, a line for each pair of neighbours, both as dark as
 * their probability. What has none is not drawn. And the same labels as variables of a graph, with a frame for each factor around
 * those that it is over.
 */

import { escaped, IN_SUPPORT, INK, PALE, shortNumber } from './drawing.js';

const [STEP, LEVEL, RADIUS] = [64, 40, 14];
const HEADING = 24;
const LEFT = 58;
/** From this opacity on, numbers are white. */
const DARK = 0.6;

const x = (t) => STEP * (t + 0.5);
const y = (s) => LEVEL * (s + 0.5);

/**
 * @typedef {object} Names
 * @property {string} title
 * @property {string[]} words T positions
 * @property {string[]} labels S states
 */

/**
 * @typedef {object} Marginals
 * @property {number[][]} unary [T][S] probabilities
 * @property {number[][][]} transitions [T - 1][S][S], as [from][to]
 */

/** @param {Names & Marginals} chain @returns {import('./drawing.js').Drawing} */
export function drawLattice({ unary, transitions, ...names }) {
  const lines = transitions.flatMap((table, t) =>
    table.flatMap((row, from) =>
      row.map((p, to) => (p > 0 ? `<path d="M${x(t)} ${y(from)}L${x(t + 1)} ${y(to)}" opacity="${p}"/>` : '')),
    ),
  );
  const circles = unary.flatMap((row, t) => row.map((p, s) => (p > 0 ? circleOf(p, x(t), y(s)) : '')));
  return named(names, [
    `<g stroke="${IN_SUPPORT}" stroke-width="3">${lines.join('')}</g>`,
    `<g font-size="10" text-anchor="middle">${circles.join('')}</g>`,
  ]);
}

/**
 * A factor: its name, and the labels that it is over, at all positions.
 *
 * @typedef {{ name: string, from: number, to: number }} Frame
 */

/** @param {Names & { frames: Frame[] }} graph @returns {import('./drawing.js').Drawing} */
export function drawVariables({ frames, ...names }) {
  const { words, labels } = names;
  const circles = words.flatMap((_, t) =>
    labels.map((_, s) => `<circle cx="${x(t)}" cy="${y(s)}" r="${RADIUS - 4}" fill="white" stroke="${PALE}"/>`),
  );
  return named(names, [...frames.map((frame) => frameOf(frame, words.length)), ...circles]);
}

/** Title, labels and words around what is drawn. */
function named({ title, words, labels }, content) {
  const bottom = LEVEL * labels.length + 16;
  const beside = labels.map((label, s) => `<text x="-6" y="${y(s) + 4}" text-anchor="end">${escaped(label)}</text>`);
  const below = words.map((word, t) => `<text x="${x(t)}" y="${bottom}" text-anchor="middle">${escaped(word)}</text>`);
  const drawn = [
    `<text y="12" font-size="13" font-weight="bold">${escaped(title)}</text>`,
    `<g transform="translate(${LEFT} ${HEADING})" font-size="13">${beside.join('')}${below.join('')}`,
    `${content.join('\n')}</g>`,
  ].join('\n');
  return { content: drawn, size: [LEFT + STEP * words.length, HEADING + bottom + 6] };
}

/** Around all positions of some labels; the name stands on its upper edge. */
function frameOf({ name, from, to }, length) {
  const inset = from === to ? 8 : 2;
  const [top, height] = [LEVEL * from + inset / 2, LEVEL * (to - from + 1) - inset];
  const [left, width] = [inset, STEP * length - 2 * inset];
  const [middle, half] = [x((length - 1) / 2), 3 * name.length + 6];
  return [
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" rx="12" fill="none" stroke="${IN_SUPPORT}" stroke-width="2"/>`,
    `<rect x="${middle - half}" y="${top - 7}" width="${2 * half}" height="14" fill="white"/>`,
    `<text x="${middle}" y="${top + 4}" text-anchor="middle" font-size="12" fill="${IN_SUPPORT}">${escaped(name)}</text>`,
  ].join('');
}

/** White below the colour, so that lines end at the circle. */
const circleOf = (p, x, y) =>
  [
    `<circle cx="${x}" cy="${y}" r="${RADIUS}" fill="white"/>`,
    `<circle cx="${x}" cy="${y}" r="${RADIUS}" fill="${IN_SUPPORT}" fill-opacity="${p}"/>`,
    `<text x="${x}" y="${y + 4}" fill="${p < DARK ? INK : 'white'}">${shortNumber(p)}</text>`,
  ].join('');
