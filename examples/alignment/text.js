/** Matchings and matrices as lines of text. */

/** Pairs of a matching, and the words that stay alone. */
export function lineOf({ weight, columns }, a, b) {
  const pairs = a.flatMap((word, r) => (columns[r] < 0 ? [] : [`${word}-${b[columns[r]]}`]));
  const alone = [...a.filter((_, r) => columns[r] < 0), ...b.filter((_, c) => !columns.includes(c))];
  return `  ${weight.toFixed(4)}  ${pairs.join(' ')}${alone.length > 0 ? `   (alone: ${alone.join(', ')})` : ''}`;
}

/** A matrix of probabilities with two digits; what is exactly 0 is a point. The last line sums the columns. */
export function tableOf(values, a, b) {
  const first = Math.max(...a.map((word) => word.length));
  const width = Math.max(4, ...b.map((word) => word.length)) + 1;
  const line = (name, texts) => `  ${name.padEnd(first)}${texts.map((text) => text.padStart(width)).join('')}`;
  const row = (r) => Array.from(values.subarray(r * b.length, (r + 1) * b.length));
  const sums = b.map((_, c) => a.reduce((sum, _, r) => sum + values[r * b.length + c], 0));
  return [
    line('', b),
    ...a.map((word, r) =>
      line(
        word,
        row(r).map((each) => (each === 0 ? '.' : each.toFixed(2))),
      ),
    ),
    line(
      'sum',
      sums.map((sum) => sum.toFixed(2)),
    ),
  ];
}
