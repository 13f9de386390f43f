/**
 * How far marginals of a graph are from the answer, at most. The objective <eta, mu> - 1/2 |mu|^2 curves by 1 everywhere, so that
 * |mu - answer| <= |r| for every r among its generalised gradients at mu: eta - mu plus what constraints, couplings and bounds
 * may push with. The smallest r is sought by descent in one multiplier at a time, each as far as the curvature allows; whatever
 * is found proves a bound.
 */

import { NEIGHBOURS } from '../structured/graphs.js';

/** Marginals so close to a bound, or to one another, are there, and constraints so nearly tight push. */
const TOUCHES = 1e-6;
const SWEEPS = 20_000;
/** Small enough to stop. */
const ENOUGH = 1e-9;

/** A rest that a bound takes up is none. */
function freely(rest, mu) {
  if (mu < TOUCHES) return Math.max(0, rest);
  return mu > 1 - TOUCHES ? Math.min(0, rest) : rest;
}

/** The length of r after the sweeps; `sweep` moves every multiplier once. */
function shortest(rest, mu, sweep) {
  const length = () => Math.hypot(...rest.map((each, at) => freely(each, mu[at])));
  for (let i = 0; i < SWEEPS; i++) {
    sweep();
    if (i % 50 === 0 && length() < ENOUGH) break;
  }
  return length();
}

/**
 * @typedef {object} Constraint on the sum of some marginals
 * @property {number[]} places
 * @property {number} bound what the sum is, or with `atMost` does not exceed
 * @property {boolean} [atMost]
 */

const excess = (mu, { places, bound }) => places.reduce((sum, at) => sum + mu[at], -bound);

/** @param {Float64Array} mu @param {Constraint[]} constraints */
export function violation(mu, constraints) {
  const outside = (constraint) => (constraint.atMost ? excess(mu, constraint) : Math.abs(excess(mu, constraint)));
  return Math.max(...mu.map((each) => Math.max(-each, each - 1)), ...constraints.map(outside));
}

/** @param {Float64Array} mu @param {Float64Array} eta @param {Constraint[]} constraints */
export function distanceUnder(mu, eta, constraints) {
  const rest = eta.map((score, at) => score - mu[at]);
  const tight = constraints
    .filter((constraint) => !constraint.atMost || excess(mu, constraint) > -TOUCHES)
    .map(({ places, atMost }) => ({ places, atMost, multiplier: 0 }));
  return shortest(rest, mu, () => {
    for (const constraint of tight) {
      const { places, atMost, multiplier } = constraint;
      const wanted = multiplier + places.reduce((sum, at) => sum + freely(rest[at], mu[at]), 0) / places.length;
      constraint.multiplier = atMost ? Math.max(0, wanted) : wanted;
      for (const at of places) rest[at] -= constraint.multiplier - multiplier;
    }
  });
}

/**
 * Pairs: a liked one pushes its smaller marginal up by the coupling, a disliked one both down where they exceed 1 together; on the
 * edge between, by a share of it, which is the multiplier.
 */
export function distanceOfPairs(mu, eta, couplings) {
  const rest = eta.map((score, at) => score - mu[at]);
  const edges = [];
  NEIGHBOURS.forEach(([a, b], k) => {
    const coupling = couplings[k];
    const beyond = coupling > 0 ? mu[b] - mu[a] : mu[a] + mu[b] - 1;
    const isEdge = Math.abs(beyond) < TOUCHES;
    const share = isEdge ? 0.5 : Number(beyond > 0);
    rest[a] += share * coupling;
    rest[b] += (coupling > 0 ? 1 - share : share) * coupling;
    if (isEdge && coupling !== 0) edges.push({ a, b, coupling, share, sign: coupling > 0 ? -1 : 1 });
  });
  return shortest(rest, mu, () => {
    for (const edge of edges) {
      const { a, b, coupling, share, sign } = edge;
      const slope = coupling * (freely(rest[a], mu[a]) + sign * freely(rest[b], mu[b]));
      edge.share = Math.min(1, Math.max(0, share - slope / (2 * coupling * coupling)));
      const moved = (edge.share - share) * coupling;
      rest[a] += moved;
      rest[b] += sign * moved;
    }
  });
}
