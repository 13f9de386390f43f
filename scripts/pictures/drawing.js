/** What the pictures share that are written by hand: colours, and the frame of an SVG. */

export const INK = '#2b3440';
export const PALE = '#9aa5b1';
export const IN_SUPPORT = '#2f6fb0';

/** A whole SVG of a width and a height, with a white ground. */
export const svgOf = ([width, height], content) =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<g font-family="system-ui, sans-serif" fill="${INK}">${content}</g></svg>`,
  ].join('\n');

/** Text that may stand in an SVG. */
export const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** A probability above 0 with so many digits that it is not 0; only what is 1 but for rounding is '1'. */
export const shortNumber = (value) => {
  if (value > 1 - 1e-9) return '1';
  return value < 0.005 ? value.toPrecision(1) : value.toFixed(2);
};

/** A picture beside others: what is drawn, and how much room that takes. @typedef {{ content: string, size: [number, number] }} Drawing */

/** @param {Drawing[]} drawings @returns {Drawing} one below the other */
export function stacked(drawings, gap = 16) {
  let height = 0;
  const content = drawings.map((drawing) => {
    const y = height;
    height += drawing.size[1] + gap;
    return `<g transform="translate(0 ${y})">${drawing.content}</g>`;
  });
  const width = Math.max(...drawings.map(({ size }) => size[0]));
  return { content: content.join('\n'), size: [width, height - gap] };
}

/** @param {Drawing[]} drawings @returns {Drawing} from left to right */
export function sideBySide(drawings, gap = 24) {
  let width = 0;
  const content = drawings.map((drawing) => {
    const x = width;
    width += drawing.size[0] + gap;
    return `<g transform="translate(${x} 0)">${drawing.content}</g>`;
  });
  const height = Math.max(...drawings.map(({ size }) => size[1]));
  return { content: content.join('\n'), size: [width - gap, height] };
}

const MARGIN = 14;

/** @param {Drawing} drawing */
export const pageOf = ({ content, size: [width, height] }) =>
  svgOf([width + 2 * MARGIN, height + 2 * MARGIN], `<g transform="translate(${MARGIN} ${MARGIN})">${content}</g>`);
