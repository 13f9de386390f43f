/** Switches that shares tell, and how well they match those that there were. */

/** Minutes by which a switch may be missed and still count as found. */
const TOLERANCE = 2;

/** What a threshold may be, in kW. */
const THRESHOLDS = Array.from({ length: 51 }, (_, i) => i / 20);

/**
 * For each day the minutes at which the power that shares stand for changes by more than `least` kW. Without a threshold each jump of
 * the power would be told several times, because its flanks are segments too.
 *
 * @param {Float64Array} shares [B, N]
 * @param {import('./signals.js').Days} days
 * @param {number} least
 */
export function switchesOf(shares, { size, minutes, energy }, least) {
  return Array.from({ length: size }, (_, day) => {
    const own = shares.subarray(day * minutes, (day + 1) * minutes);
    const told = [];
    for (let at = 1; at < minutes; at++) if (Math.abs(own[at] - own[at - 1]) * energy[day] > least) told.push(at);
    return told;
  });
}

/**
 * Precision, recall and their harmonic mean over all days.
 *
 * @param {number[][]} told ascending minutes for each day
 * @param {number[][]} truth
 */
export function score(told, truth) {
  let [hits, claims, facts] = [0, 0, 0];
  told.forEach((own, day) => {
    hits += pairsOf(own, truth[day]);
    claims += own.length;
    facts += truth[day].length;
  });
  const share = (of) => (of > 0 ? hits / of : 0);
  return { precision: share(claims), recall: share(facts), f1: share((claims + facts) / 2) };
}

/** How many of one list have one of the other for themselves, at most the tolerance away. Lists ascend: who comes first is served first. */
function pairsOf(left, right) {
  let [i, j, pairs] = [0, 0, 0];
  while (i < left.length && j < right.length) {
    const distance = left[i] - right[j];
    if (Math.abs(distance) <= TOLERANCE) pairs++;
    if (distance <= TOLERANCE) i++;
    if (distance >= -TOLERANCE) j++;
  }
  return pairs;
}

/** The threshold with the best F1. @param {Float64Array} shares @param {import('./signals.js').Days} days */
export function chooseThreshold(shares, days) {
  const quality = THRESHOLDS.map((least) => score(switchesOf(shares, days, least), days.switches).f1);
  return THRESHOLDS[quality.indexOf(Math.max(...quality))];
}
