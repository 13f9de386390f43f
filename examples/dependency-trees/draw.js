/**
 * Arcs over the words of a sentence, from head to modifier, as dark as their marginal; an arc of marginal 0 is not drawn. All
 * trees lie in one picture, so arcs may cross and a word may have several heads.
 */

import { escaped, IN_SUPPORT, INK, shortNumber } from '../../scripts/pictures/drawing.js';

/** Room for a character, between words, and between an arc and those that it spans. */
const [CHARACTER, SPACE, STEP] = [8, 22, 24];
/** How far from the middle of its word an arc begins, and how long its tip is. */
const [ASIDE, TIP] = [5, 7];

/**
 * @typedef {object} Arc
 * @property {number} head 0 is the root
 * @property {number} modifier
 * @property {number} marginal
 */

/** Arcs that have weight. @returns {Arc[]} */
function arcsOf({ words, marginals }) {
  const side = words.length + 1;
  return Array.from(marginals, (marginal, at) => ({
    head: Math.floor(at / side),
    modifier: at % side,
    marginal,
  })).filter(({ marginal }) => marginal > 0);
}

/** Middles of the words, and where the sentence ends. */
function layOut(words) {
  let end = 0;
  const middles = words.map((word) => {
    const width = CHARACTER * Math.max(word.length, 2);
    end += width + SPACE;
    return end - SPACE - width / 2;
  });
  return { middles, width: end - SPACE };
}

/** How high each arc is: one step above the highest within its span. The shortest come first. */
function levelsOf(arcs) {
  const spans = arcs
    .map((arc) => ({ arc, from: Math.min(arc.head, arc.modifier), to: Math.max(arc.head, arc.modifier), level: 1 }))
    .sort((a, b) => a.to - a.from - (b.to - b.from));
  spans.forEach((span, s) => {
    for (const inner of spans.slice(0, s)) {
      const isWithin = inner.from >= span.from && inner.to <= span.to;
      if (isWithin) span.level = Math.max(span.level, inner.level + 1);
    }
  });
  return spans;
}

/**
 * @param {Pick<import('./trees.js').Parsed, 'words' | 'marginals'>} parsed
 * @returns {import('../../scripts/pictures/drawing.js').Drawing}
 */
export function drawArcs({ words, marginals }, title) {
  const { middles, width } = layOut(words);
  const arcs = arcsOf({ words, marginals });
  const spans = levelsOf(arcs.filter(({ head }) => head > 0));
  const highest = Math.max(1, ...spans.map(({ level }) => level));
  const heading = 24;
  const ground = heading + (highest + 2) * STEP;
  const lines = spans.map(({ arc, level }) => {
    const [from, to] = [middles[arc.head - 1], middles[arc.modifier - 1]];
    const start = from + Math.sign(to - from) * ASIDE;
    const top = ground - level * STEP;
    // The middle of such a curve lies at three quarters of its handles' height.
    const handle = ground - (4 / 3) * level * STEP;
    const path = `M${start} ${ground}C${start} ${handle} ${to} ${handle} ${to} ${ground - TIP}`;
    return arcElement(arc, path, to, ground, [(start + to) / 2, top]);
  });
  const roots = arcs
    .filter(({ head }) => head === 0)
    .map((arc) => {
      const x = middles[arc.modifier - 1];
      const top = heading + STEP / 2;
      return arcElement(arc, `M${x} ${top + 6}V${ground - TIP}`, x, ground, [x, top], 'root ');
    });
  const texts = words.map((word, at) => `<text x="${middles[at]}" y="${ground + 18}">${escaped(word)}</text>`);
  const content = [
    `<text y="12" font-size="13" font-weight="bold">${escaped(title)}</text>`,
    `<g fill="none" stroke="${IN_SUPPORT}" stroke-width="1.8">${[...lines, ...roots].map(({ curve }) => curve).join('\n')}</g>`,
    `<g fill="${INK}" font-size="10" text-anchor="middle" stroke="white" stroke-width="3" paint-order="stroke">`,
    `${[...lines, ...roots].map(({ label }) => label).join('\n')}</g>`,
    `<g font-size="14" text-anchor="middle">${texts.join('')}</g>`,
  ].join('\n');
  return { content, size: [width, ground + 24] };
}

/** The line with its tip on a word, and the number beside it. */
function arcElement({ head, modifier, marginal }, path, x, ground, [labelX, labelY], name = '') {
  const tip = `M${x - 3.5} ${ground - TIP}h7l-3.5 ${TIP}z`;
  return {
    curve: `<g class="arc" data-arc="${head} ${modifier}" opacity="${marginal}"><path d="${path}"/><path d="${tip}" fill="${IN_SUPPORT}" stroke="none"/></g>`,
    label: `<text x="${labelX}" y="${labelY - 3}">${name}${shortNumber(marginal)}</text>`,
  };
}
