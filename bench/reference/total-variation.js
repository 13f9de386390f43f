/**
 * The y that minimises 1/2 ||y - z||^2 + lambda sum over neighbours |y_i - y_j|, on a row or on a grid, in float64, with a proof.
 * A row is solved by Johnson's dynamic programme (2013), a grid by proximal Dykstra between its rows and its columns: neither is the
 * way of a kernel here.
 *
 * The proof (`distance`): a flow u of at most lambda over each pair, lambda towards the larger one where two differ, makes y the exact
 * answer for the scores y + D^T u, where D^T u is what flows out less what flows in. Answers are no farther apart than their scores,
 * so y is at most ||y + D^T u - z|| from the answer for z.
 */

/** An answer that is farther off is none; a sum over a longer row is rounded more. */
const PROOF = 1e-10;
const LONG = 2 ** 14;
/** Dykstra's passes: rows and columns agree to rounding long before. */
const PASSES = 20_000;
const AGREE = 1e-14;
/** Neighbours in a grid that are so close after that are equal. */
const EQUAL = 1e-10;

/**
 * On a row. With f_i(b) the least that the first i entries cost when the i-th is b, f_i' is piecewise linear and rising; what the
 * next one sees of it is f_i' between -lambda and lambda. Going back, entry i is entry i + 1, kept between the two places where f_i'
 * reaches these.
 *
 * @param {Float64Array} z
 * @param {number} lambda
 * @returns {Float64Array}
 */
export function proxOfRow(z, lambda) {
  const n = z.length;
  if (n < 2 || lambda === 0) return z.slice();
  // The bends of f', by their place, and by how much its slope and intercept change there. They are added and removed at both ends.
  const [place, slope, intercept] = [new Float64Array(2 * n), new Float64Array(2 * n), new Float64Array(2 * n)];
  let [first, last] = [n, n - 1];
  const [low, high] = [new Float64Array(n), new Float64Array(n)];
  /** Where f', which is `line` before its first bend, reaches the level; `line` becomes what it is there, and bends before are dropped. */
  const fromLeft = (line, level) => {
    while (first <= last && line.slope * place[first] + line.intercept <= level) {
      line.slope += slope[first];
      line.intercept += intercept[first++];
    }
    return (level - line.intercept) / line.slope;
  };
  /** The same from behind. */
  const fromRight = (line, level) => {
    while (first <= last && line.slope * place[last] + line.intercept >= level) {
      line.slope -= slope[last];
      line.intercept -= intercept[last--];
    }
    return (level - line.intercept) / line.slope;
  };
  let [before, after] = [0, 0];
  for (let i = 0; i < n - 1; i++) {
    const left = { slope: 1, intercept: before - z[i] };
    const right = { slope: 1, intercept: after - z[i] };
    low[i] = fromLeft(left, -lambda);
    high[i] = fromRight(right, lambda);
    // Flat at -lambda before `low`, flat at lambda after `high`.
    first--;
    [place[first], slope[first], intercept[first]] = [low[i], left.slope, left.intercept + lambda];
    last++;
    [place[last], slope[last], intercept[last]] = [high[i], -right.slope, lambda - right.intercept];
    [before, after] = [-lambda, lambda];
  }
  const y = new Float64Array(n);
  y[n - 1] = fromLeft({ slope: 1, intercept: before - z[n - 1] }, 0);
  for (let i = n - 2; i >= 0; i--) y[i] = Math.min(Math.max(y[i + 1], low[i]), high[i]);
  proved(distance(y, z, lambda, n, { across: flowOf(difference(z, y), rowsOf(n, n)) }), n);
  return y;
}

/**
 * On a grid of rows of `width`.
 *
 * @param {Float64Array} z
 * @param {number} lambda
 * @param {number} width
 * @returns {Float64Array}
 */
export function proxOfGrid(z, lambda, width) {
  const [rows, columns] = [rowsOf(z.length, width), columnsOf(z.length, width)];
  let y = z;
  const [ofColumns, ofRows] = [new Float64Array(z.length), new Float64Array(z.length)];
  for (let pass = 0; pass < PASSES; pass++) {
    const x = alongLines(sum(y, ofColumns), lambda, columns);
    for (let i = 0; i < z.length; i++) ofColumns[i] += y[i] - x[i];
    y = alongLines(sum(x, ofRows), lambda, rows);
    for (let i = 0; i < z.length; i++) ofRows[i] += x[i] - y[i];
    if (x.every((each, i) => Math.abs(each - y[i]) <= AGREE)) break;
  }
  const settled = levelled(y, width);
  const flows = { across: flowOf(ofRows, rows), down: flowOf(ofColumns, columns) };
  proved(distance(settled, z, lambda, width, flows), z.length);
  return settled;
}

/**
 * How far y is at most from the answer.
 *
 * @param {Float64Array} y
 * @param {Float64Array} z
 * @param {number} lambda
 * @param {number} width
 * @param {{ across: Float64Array, down?: Float64Array }} flows from each entry to the next one of its row, and of its column
 */
export function distance(y, z, lambda, width, { across, down }) {
  const left = difference(y, z);
  const flow = (from, to, u) => {
    const least = y[to] === y[from] ? Math.min(Math.max(u, -lambda), lambda) : lambda * Math.sign(y[to] - y[from]);
    left[from] -= least;
    left[to] += least;
  };
  for (let i = 0; i < y.length; i++) {
    if ((i + 1) % width !== 0) flow(i, i + 1, across[i]);
    if (i + width < y.length) flow(i, i + width, down[i]);
  }
  return Math.sqrt(left.reduce((total, each) => total + each * each, 0));
}

function proved(error, n) {
  if (!(error <= PROOF * Math.max(1, n / LONG)))
    throw new Error(`reference: a total variation that is up to ${error} off`);
}

const sum = (a, b) => a.map((each, i) => each + b[i]);
const difference = (a, b) => a.map((each, i) => each - b[i]);

/** The places of each row, and of each column. */
const rowsOf = (length, width) =>
  Array.from({ length: length / width }, (_, row) => Int32Array.from({ length: width }, (_, i) => row * width + i));
const columnsOf = (length, width) =>
  Array.from({ length: width }, (_, column) =>
    Int32Array.from({ length: length / width }, (_, i) => column + i * width),
  );

function alongLines(z, lambda, lines) {
  const out = new Float64Array(z.length);
  for (const places of lines) {
    const y = proxOfRow(
      Float64Array.from(places, (at) => z[at]),
      lambda,
    );
    places.forEach((at, i) => (out[at] = y[i]));
  }
  return out;
}

/** The flow u along each line with D^T u = change, from the line's beginning. */
function flowOf(change, lines) {
  const u = new Float64Array(change.length);
  for (const places of lines) {
    let flow = 0;
    for (const at of places) u[at] = flow -= change[at];
  }
  return u;
}

/** Neighbours that are equal but for rounding get the mean of their region. */
function levelled(y, width) {
  const out = y.slice();
  const seen = new Uint8Array(y.length);
  for (let start = 0; start < y.length; start++) {
    if (seen[start]) continue;
    const region = [start];
    seen[start] = 1;
    for (const at of region) {
      const around = [at - width, at + width, at % width ? at - 1 : -1, (at + 1) % width ? at + 1 : -1];
      for (const next of around) {
        if (next < 0 || next >= y.length || seen[next] || Math.abs(y[next] - y[at]) > EQUAL) continue;
        seen[next] = 1;
        region.push(next);
      }
    }
    const mean = region.reduce((total, at) => total + y[at], 0) / region.length;
    for (const at of region) out[at] = mean;
  }
  return out;
}
