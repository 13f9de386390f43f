/**
 * Two sentences that say the same in two languages, and how alike their words look: Dice's coefficient of their pairs of
 * neighbouring characters, which finds cognates and is wrong about some of them.
 */

/** English, and German that begins with another word. */
export const SENTENCES = [
  'winter water is better than bitter butter',
  'im Winter ist bitteres Wasser besser als Butter',
];

/** Neighbouring characters of a word; its beginning and its end count as characters. */
function bigramsOf(word) {
  const text = `^${word.toLowerCase()}$`;
  return Array.from({ length: text.length - 1 }, (_, at) => text.slice(at, at + 2));
}

/** How many bigrams the words have in common, each as often as both have it, as a share of all: from 0 to 1. */
export function similarity(a, b) {
  const [left, right] = [bigramsOf(a), bigramsOf(b)];
  const all = left.length + right.length;
  let common = 0;
  for (const bigram of left) {
    const at = right.indexOf(bigram);
    if (at < 0) continue;
    right.splice(at, 1);
    common++;
  }
  return (2 * common) / all;
}

/** A pair is worth something from this similarity on; below it both words had better stay alone, for a score of 0. */
const LEAST = 1 / 6;
/** What a score is for words that are the same, before the least similarity is taken off. */
const SCALE = 3;

/** Scores [n, m] of all pairs of words. */
export const scoresOf = (rows, columns) =>
  Float64Array.from(
    { length: rows.length * columns.length },
    (_, at) => SCALE * (similarity(rows[Math.floor(at / columns.length)], columns[at % columns.length]) - LEAST),
  );
