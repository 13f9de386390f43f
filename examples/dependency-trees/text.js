/** Trees as lines of text: `man<-saw` is the arc from the head saw to its modifier man. */

/** Words by which an arc can be told: those that a sentence has twice have their place behind them. */
function namesOf(words) {
  return words.map((word, at) => (words.indexOf(word) === words.lastIndexOf(word) ? word : `${word}.${at + 1}`));
}

/**
 * The sentence, its heaviest tree, and what the others have instead.
 *
 * @param {import('./trees.js').Parsed} parsed
 */
export function linesOf({ words, trees, gap, calls, status }, number) {
  const names = namesOf(words);
  const arc = (head, modifier) => `${names[modifier]}<-${head === 0 ? 'root' : names[head - 1]}`;
  const [first] = trees;
  const lines = trees.map(({ weight, heads }, t) => {
    const arcs = Array.from(heads, arc).filter((_, modifier) => t === 0 || heads[modifier] !== first.heads[modifier]);
    return `  ${weight.toFixed(4)}  ${t === 0 ? '' : 'but '}${arcs.join(' ')}`;
  });
  const count = trees.length === 1 ? '1 tree' : `${trees.length} trees`;
  const end = `  ${count}, ${calls} calls of the oracle, gap ${gap.toExponential(1)}, ${status}`;
  return [`${number}. ${words.join(' ')}`, ...lines, end];
}
