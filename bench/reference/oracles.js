/**
 * The best structure of each kind, in float64, from the textbook: what the benchmark trusts and nothing that it measures uses.
 * Each takes the tables of one problem and gives a structure as the package does; `isOne` tells whether something is such a
 * structure at all, `parts` which scores it sums.
 */

/**
 * @typedef {{ unary: ArrayLike<number>, transitions?: ArrayLike<number> }} Tables of one problem, row-major
 * @typedef {ArrayLike<number>} Structure
 *
 * @typedef {object} Oracle
 * @property {(tables: Tables, sizes: import('../structured/inputs.js').Sizes) => Structure} best
 * @property {(structure: Structure, sizes: import('../structured/inputs.js').Sizes) => boolean} isOne
 * @property {(structure: Structure, sizes: import('../structured/inputs.js').Sizes) => number[]} parts places in `unary`
 * @property {(structure: Structure, sizes: import('../structured/inputs.js').Sizes) => number[]} [transitions] places there
 */

/** Viterbi. */
function bestSequence({ unary, transitions }, { table: [length, states] }) {
  let reached = Array.from({ length: states }, (_, s) => unary[s]);
  const from = [];
  for (let t = 1; t < length; t++) {
    const at = (s, to) => reached[s] + transitions[((t - 1) * states + s) * states + to];
    const back = Array.from({ length: states }, (_, to) => argmax(states, (s) => at(s, to)));
    reached = back.map((s, to) => at(s, to) + unary[t * states + to]);
    from.push(back);
  }
  let state = argmax(states, (s) => reached[s]);
  const labels = [state];
  for (const back of from.reverse()) labels.unshift((state = back[state]));
  return labels;
}

/** Chu, Liu and Edmonds: every word takes its best head; a cycle becomes one word, and that problem is solved first. */
function bestArborescence({ unary }, { table: [side] }) {
  const arcs = Array.from({ length: side }, (_, head) =>
    Array.from({ length: side }, (_, word) => (head === word || word === 0 ? -Infinity : unary[head * side + word])),
  );
  return withoutCycles(arcs).slice(1);
}

/** @param {number[][]} arcs [head][word], 0 the root @returns {number[]} the head of each, that of 0 is 0 */
function withoutCycles(arcs) {
  const side = arcs.length;
  const heads = arcs.map((_, word) => (word === 0 ? 0 : argmax(side, (head) => arcs[head][word])));
  const cycle = findCycle(heads);
  if (!cycle) return heads;
  const outside = heads.map((_, word) => word).filter((word) => !cycle.includes(word));
  const lost = (head, word) => arcs[head][word] - arcs[heads[word]][word];
  const enters = outside.map((head) => cycle[argmax(cycle.length, (i) => lost(head, cycle[i]))]);
  const leaves = outside.map((word) => cycle[argmax(cycle.length, (i) => arcs[cycle[i]][word])]);
  const last = outside.length;
  const contracted = outside.map((head, i) => [...outside.map((word) => arcs[head][word]), lost(head, enters[i])]);
  contracted.push([...outside.map((word, j) => (word === 0 ? -Infinity : arcs[leaves[j]][word])), -Infinity]);
  const inner = withoutCycles(contracted);
  outside.forEach((word, j) => {
    if (word !== 0) heads[word] = inner[j] === last ? leaves[j] : outside[inner[j]];
  });
  heads[enters[inner[last]]] = outside[inner[last]];
  return heads;
}

function findCycle(heads) {
  for (let start = 1; start < heads.length; start++) {
    const path = [];
    let at = start;
    while (at !== 0 && !path.includes(at)) {
      path.push(at);
      at = heads[at];
    }
    if (at !== 0) return path.slice(path.indexOf(at));
  }
  return undefined;
}

/** Eisner, with one arc from the root: spans of words, complete and not, with the head at their left or right end. */
function bestProjective({ unary }, { table: [side] }) {
  const n = side - 1;
  const arc = (head, word) => unary[head * side + word];
  const chart = () => Array.from({ length: side }, () => new Float64Array(side));
  const [right, left, rightArc, leftArc] = [chart(), chart(), chart(), chart()];
  const split = { right: chart(), left: chart(), arc: chart() };
  for (let width = 1; width < n; width++) {
    for (let i = 1, j = 1 + width; j <= n; i++, j++) {
      const joint = (k) => right[i][k] + left[k + 1][j];
      const k = (split.arc[i][j] = i + argmax(width, (at) => joint(i + at)));
      rightArc[i][j] = joint(k) + arc(i, j);
      leftArc[i][j] = joint(k) + arc(j, i);
      const toRight = (k) => rightArc[i][k] + right[k][j];
      const r = (split.right[i][j] = i + 1 + argmax(width, (at) => toRight(i + 1 + at)));
      right[i][j] = toRight(r);
      const toLeft = (k) => left[i][k] + leftArc[k][j];
      const l = (split.left[i][j] = i + argmax(width, (at) => toLeft(i + at)));
      left[i][j] = toLeft(l);
    }
  }
  const heads = Array(side).fill(0);
  const readRight = (i, j) => {
    if (i === j) return;
    const k = split.right[i][j];
    heads[k] = i;
    readArc(i, k);
    readRight(k, j);
  };
  const readLeft = (i, j) => {
    if (i === j) return;
    const k = split.left[i][j];
    heads[k] = j;
    readLeft(i, k);
    readArc(k, j);
  };
  const readArc = (i, j) => {
    readRight(i, split.arc[i][j]);
    readLeft(split.arc[i][j] + 1, j);
  };
  const root = 1 + argmax(n, (at) => left[1][1 + at] + arc(0, 1 + at) + right[1 + at][n]);
  readLeft(1, root);
  readRight(root, n);
  return heads.slice(1);
}

/** The Hungarian algorithm: shortest augmenting paths over potentials. Square tables. */
function bestAssignment({ unary }, { table: [n] }) {
  const [rows, columns] = [new Float64Array(n + 1), new Float64Array(n + 1)];
  const owner = new Int32Array(n + 1).fill(-1);
  for (let row = 0; row < n; row++) {
    const distance = new Float64Array(n + 1).fill(Infinity);
    const before = new Int32Array(n + 1);
    const done = new Uint8Array(n + 1);
    let column = n; // stands for none
    owner[n] = row;
    while (owner[column] >= 0) {
      done[column] = 1;
      const at = owner[column];
      let next = -1;
      for (let j = 0; j < n; j++) {
        if (done[j]) continue;
        const slack = -unary[at * n + j] - rows[at] - columns[j];
        if (slack < distance[j]) [distance[j], before[j]] = [slack, column];
        if (next < 0 || distance[j] < distance[next]) next = j;
      }
      const step = distance[next];
      for (let j = 0; j <= n; j++) {
        if (!done[j]) distance[j] -= step;
        else [rows[owner[j]], columns[j]] = [rows[owner[j]] + step, columns[j] - step];
      }
      column = next;
    }
    for (; column !== n; column = before[column]) owner[column] = owner[before[column]];
  }
  const matched = Array(n);
  for (let j = 0; j < n; j++) matched[owner[j]] = j;
  return matched;
}

/** The items that gain most. */
function bestBudget({ unary }, { table: [n], k }) {
  const chosen = [...Array(n).keys()].sort((a, b) => unary[b] - unary[a]).slice(0, k);
  return Array.from({ length: n }, (_, item) => Number(unary[item] > 0 && chosen.includes(item)));
}

const bestBits = ({ unary }) => Array.from(unary, (score) => Number(score > 0));

function argmax(length, value) {
  let best = 0;
  for (let i = 1; i < length; i++) if (value(i) > value(best)) best = i;
  return best;
}

const isWithin = (structure, length, below) =>
  structure.length === length && structure.every((each) => Number.isInteger(each) && each >= 0 && each < below);

function isTree(heads, { table: [side] }) {
  return isWithin(heads, side - 1, side) && !findCycle([0, ...heads]);
}

/** Whether all words between a word and its head hang from that head, and one arc leaves the root. */
function isProjective(heads, sizes) {
  const hangsFrom = (word, head) => {
    let at = word;
    while (at !== head && at !== 0) at = heads[at - 1];
    return at === head;
  };
  const isNested = (head, word) => {
    for (let at = Math.min(head, word) + 1; at < Math.max(head, word); at++) if (!hangsFrom(at, head)) return false;
    return true;
  };
  return (
    isTree(heads, sizes) &&
    heads.filter((head) => head === 0).length === 1 &&
    heads.every((head, i) => head === 0 || isNested(head, i + 1))
  );
}

const count = (bits) => bits.filter((bit) => bit === 1).length;
const itemsOf = (bits) => Array.from(bits.keys()).filter((item) => bits[item] === 1);
const arcsOf = (heads, { table: [side] }) => Array.from(heads, (head, i) => head * side + i + 1);

/** @type {Record<import('../structured/inputs.js').Sizes['factor'], Oracle>} */
export const ORACLES = {
  sequence: {
    best: bestSequence,
    isOne: (labels, { table: [length, states] }) => isWithin(labels, length, states),
    parts: (labels, { table: [, states] }) => Array.from(labels, (state, t) => t * states + state),
    transitions: (labels, { table: [, states] }) =>
      Array.from(labels.slice(1), (to, t) => (t * states + labels[t]) * states + to),
  },
  arborescence: { best: bestArborescence, isOne: isTree, parts: arcsOf },
  projective: { best: bestProjective, isOne: isProjective, parts: arcsOf },
  assignment: {
    best: bestAssignment,
    isOne: (columns, { table: [n] }) => isWithin(columns, n, n) && new Set(columns).size === n,
    parts: (columns, { table: [n] }) => Array.from(columns, (column, row) => row * n + column),
  },
  budget: {
    best: bestBudget,
    isOne: (bits, { table: [n], k }) => isWithin(bits, n, 2) && count(bits) <= k,
    parts: itemsOf,
  },
  bits: { best: bestBits, isOne: (bits, { table: [n] }) => isWithin(bits, n, 2), parts: itemsOf },
};
