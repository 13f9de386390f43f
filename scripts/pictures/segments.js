/**
 * The words of a sentence with a bar for each one's probability, as SVG. Words of one segment share one bar, which is as wide as
 * they are; what is exactly 0 has none and says so.
 */

import { escaped, IN_SUPPORT, INK, PALE, shortNumber } from './drawing.js';

const CHARACTER = 8;
const PADDING = 14;
const HEADING = 24;
const HEIGHT = 90;
/** Room for the number above the highest bar. */
const LABEL = 16;
const GAP = 3;

/**
 * @param {object} sentence
 * @param {string} sentence.title
 * @param {string[]} sentence.words
 * @param {Float64Array} sentence.p their probabilities
 * @param {Int32Array} [sentence.groups] for each word, the first of its segment; without them each is by itself
 * @param {number} sentence.top the probability of a bar of full height
 * @returns {import('./drawing.js').Drawing}
 */
export function drawSegments({ title, words, p, groups = Int32Array.from(words.keys()), top }) {
  const ends = [0];
  for (const word of words) ends.push(ends.at(-1) + CHARACTER * word.length + PADDING);
  const bottom = LABEL + HEIGHT;
  const bars = [];
  for (let first = 0, next; first < words.length; first = next) {
    next = first + 1;
    while (p[first] > 0 && next < words.length && groups[next] === groups[first]) next++;
    bars.push(barOf(p[first], ends[first], ends[next], next - first, top));
  }
  const below = words.map(
    (word, i) => `<text x="${(ends[i] + ends[i + 1]) / 2}" y="${bottom + 18}">${escaped(word)}</text>`,
  );
  const content = [
    `<text y="12" font-size="13" font-weight="bold">${escaped(title)}</text>`,
    `<g transform="translate(0 ${HEADING})" font-size="13" text-anchor="middle">${bars.join('\n')}`,
    `<path stroke="${PALE}" d="M0 ${bottom}H${ends.at(-1)}"/>${below.join('')}</g>`,
  ].join('\n');
  return { content, size: [ends.at(-1), HEADING + bottom + 24] };
}

function barOf(p, left, right, count, top) {
  const height = (HEIGHT * p) / top;
  const y = LABEL + HEIGHT - height;
  const text = p > 0 ? shortNumber(p) + (count > 1 ? ' each' : '') : '0';
  const label = `<text x="${(left + right) / 2}" y="${y - 5}" font-size="11" fill="${p > 0 ? INK : PALE}">${text}</text>`;
  if (p === 0) return label;
  const place = `x="${left + GAP}" y="${y}" width="${right - left - 2 * GAP}" height="${height}"`;
  return `<rect ${place} fill="${IN_SUPPORT}"/>${label}`;
}
