/**
 * How far p can be from TVmax: what proves p is a flow, and what finds it is a maximum flow (MATH.md §8.2).
 *
 * p is optimal if and only if each edge can carry a flow f of at most lambda, lambda from the larger to the smaller pixel where two
 * differ, so that z_i - p_i - outflow_i is the same tau wherever p_i > 0, and no more elsewhere. Between regions f is known. What it leaves of
 * z - p - tau has to be moved between equal pixels: preflows are pushed (Goldberg and Tarjan 1988) in whole multiples of a unit, so that
 * nothing is rounded, along edges with a room of lambda both ways. What cannot be moved stays.
 *
 * Whatever flow comes out, it bounds the distance. With y = z - outflow and q its projection to the simplex, the objective at p exceeds its
 * minimum by no more than
 *
 *     1/2 |p - q|^2 + sum over edges (lambda |p_i - p_j| - f (p_i - p_j)) + <q - y, p - q>
 *
 * which are squares and slacks, none below 0, and half the square of the distance is no more than that, as the objective curves by 1.
 */

import { massError } from './certificates.ts';

type Numbers = ArrayLike<number>;
type Shape = readonly [height: number, width: number];

/** Neighbours whose p differ by less may be equal: then both are moved to the mean of their region. */
const SAME = 1e-12;

/** Right, left, down, up; the opposite of d is d ^ 1. */
const steps = (width: number): readonly number[] => [1, -1, width, -width];

/** What lies beside what: for each pixel and direction whether there is a neighbour. */
function neighboursOf([height, width]: Shape): Uint8Array {
  const has = new Uint8Array(4 * height * width);
  for (let i = 0; i < height * width; i++) {
    has[4 * i] = Number((i + 1) % width > 0);
    has[4 * i + 1] = Number(i % width > 0);
    has[4 * i + 2] = Number(i + width < height * width);
    has[4 * i + 3] = Number(i >= width);
  }
  return has;
}

/** p with connected pixels that hardly differ made equal, at their mean; pixels of 0 stay. */
function levelled(p: Numbers, has: Uint8Array, width: number): Float64Array {
  const level = Float64Array.from(p);
  const isSeen = new Uint8Array(p.length);
  for (let first = 0; first < p.length; first++) {
    if (isSeen[first] || p[first] === 0) continue;
    const region = [first];
    isSeen[first] = 1;
    let sum = 0;
    for (const i of region) {
      // Relative to the first, so that the mean of equal ones is what they are.
      sum += p[i]! - p[first]!;
      steps(width).forEach((step, d) => {
        const j = i + step;
        if (!has[4 * i + d] || isSeen[j] || p[j] === 0 || Math.abs(p[i]! - p[j]!) >= SAME) return;
        isSeen[j] = 1;
        region.push(j);
      });
    }
    const mean = p[first]! + sum / region.length;
    for (const i of region) level[i] = mean;
  }
  return level;
}

/**
 * Moves `balance` from where it is above 0 to where it is below, as far as `room` (of pixel i in direction d at 4 i + d) allows; all are
 * whole numbers. Heights are distances to what can take something; they are measured anew after as many steps as there are pixels.
 */
function route(balance: Float64Array, room: Float64Array, width: number): void {
  const [n, step] = [balance.length, steps(width)];
  const height = new Int32Array(n);
  const queue = new Int32Array(n + 1);
  const isQueued = new Uint8Array(n);
  for (;;) {
    let [head, tail] = [0, 0];
    height.fill(n);
    for (let i = 0; i < n; i++) {
      if (!(balance[i]! < 0)) continue;
      height[i] = 0;
      queue[tail++] = i;
    }
    while (head < tail) {
      const j = queue[head++]!;
      for (let d = 0; d < 4; d++) {
        // Into j from its neighbour in direction d.
        const i = j + step[d]!;
        if (i < 0 || i >= n || height[i]! < n || !(room[4 * i + (d ^ 1)]! > 0)) continue;
        height[i] = height[j]! + 1;
        queue[tail++] = i;
      }
    }
    [head, tail] = [0, 0];
    for (let i = 0; i < n; i++) {
      isQueued[i] = Number(balance[i]! > 0 && height[i]! < n);
      if (isQueued[i]) queue[tail++] = i;
    }
    if (tail === 0) return;
    for (let relabelled = 0; head !== tail && relabelled < n;) {
      const i = queue[head]!;
      head = (head + 1) % queue.length;
      isQueued[i] = 0;
      while (balance[i]! > 0 && height[i]! < n) {
        let lowest = n;
        for (let d = 0; d < 4 && balance[i]! > 0; d++) {
          const [at, j] = [4 * i + d, i + step[d]!];
          if (!(room[at]! > 0)) continue;
          if (height[j]! !== height[i]! - 1) {
            lowest = Math.min(lowest, height[j]!);
            continue;
          }
          const by = Math.min(balance[i]!, room[at]!);
          balance[i]! -= by;
          balance[j]! += by;
          room[at]! -= by;
          room[4 * j + (d ^ 1)]! += by;
          if (room[at]! > 0) lowest = Math.min(lowest, height[j]);
          if (balance[j]! > 0 && !isQueued[j]) {
            isQueued[j] = 1;
            queue[tail] = j;
            tail = (tail + 1) % queue.length;
          }
        }
        if (!(balance[i]! > 0)) break;
        height[i] = Math.min(n, lowest + 1);
        relabelled++;
      }
    }
  }
}

/** The projection to the simplex with its threshold, which goes up until nothing leaves (Michelot). */
function projected(y: Float64Array): [q: Float64Array, tau: number] {
  let [tau, count] = [-Infinity, -1];
  for (;;) {
    let [sum, above] = [0, 0];
    for (let i = 0; i < y.length; i++) {
      if (!(y[i]! > tau)) continue;
      sum += y[i]!;
      above++;
    }
    // Rounding may let one come back.
    if (count >= 0 && above >= count) return [y.map((value) => Math.max(value - tau, 0)), tau];
    [tau, count] = [(sum - 1) / above, above];
  }
}

/** Each edge from a pixel to the one right of it or below, once: where its room and flow are, and its ends. */
function edgesOf(has: Uint8Array, width: number): readonly (readonly [at: number, i: number, j: number])[] {
  const ends = Array.from({ length: has.length }, (_, at) => [at, at >> 2, (at >> 2) + steps(width)[at & 3]!] as const);
  return ends.filter(([at]) => at % 2 === 0 && has[at]);
}

/** At least the Euclidean distance of p from TVmax of z; scores are finite. */
export function gridDistance(p: Numbers, z: Numbers, lambda: number, shape: Shape): number {
  const [n, width] = [p.length, shape[1]];
  const has = neighboursOf(shape);
  const edges = edgesOf(has, width);
  const level = levelled(p, has, width);
  let max = -Infinity;
  for (let i = 0; i < n; i++) max = Math.max(max, z[i]!);
  // What p and the flow leave of the scores, relative to the largest.
  const rest = level.map((value, i) => z[i]! - max - value);
  const flow = new Float64Array(4 * n);
  const carry = (at: number, i: number, j: number, by: number): void => {
    flow[at]! += by;
    rest[i]! -= by;
    rest[j]! += by;
  };
  for (const [at, i, j] of edges) carry(at, i, j, lambda * Math.sign(level[i]! - level[j]!));
  const inside = level.reduce((count, value) => count + Number(value > 0), 0);
  const tau = rest.reduce((sum, each, i) => sum + (level[i]! > 0 ? each : 0), 0) / inside;
  // What rounding to the unit has left is moved a second time, in a finer one.
  for (let pass = 0; pass < 2; pass++) {
    const total = rest.reduce((sum, each) => sum + Math.max(0, each - tau), 0);
    const unit = total * 2 ** -51;
    if (!(unit > 0)) break;
    const room = new Float64Array(4 * n);
    const free = edges.filter(([, i, j]) => level[i] === level[j]);
    const back = (at: number, j: number): number => 4 * j + ((at & 3) ^ 1);
    for (const [at, , j] of free) {
      room[at] = Math.floor(Math.min(lambda - flow[at]!, total) / unit);
      room[back(at, j)] = Math.floor(Math.min(lambda + flow[at]!, total) / unit);
    }
    const before = room.slice();
    const balance = rest.map((each) => Math.round(Math.max(each - tau, -total) / unit));
    route(balance, room, width);
    for (const [at, i, j] of free) carry(at, i, j, (before[at]! - room[at]!) * unit);
  }
  // The three parts of the gap.
  const y = rest.map((each, i) => each + level[i]! - tau);
  const [q, threshold] = projected(y);
  let [gap, moved] = [0, 0];
  for (let i = 0; i < n; i++) {
    const away = level[i]! - q[i]!;
    gap += 0.5 * away * away + (q[i]! - y[i]! + threshold) * away;
    moved += (level[i]! - p[i]!) ** 2;
  }
  for (const [at, i, j] of edges) {
    const jump = level[i]! - level[j]!;
    gap += lambda * Math.abs(jump) - flow[at]! * jump;
  }
  return Math.sqrt(moved) + Math.sqrt(2 * Math.max(gap, 0)) + massError(p);
}
