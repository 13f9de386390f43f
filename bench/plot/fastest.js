/** The figure of a point: the fastest call, for what other programs took of the machine is no property of a length. */

import { elementsOf } from '../run-suite.js';

/** Nanoseconds per element. */
export function fastest({ suite, entries }, id) {
  return Number(((1e6 * entries[id].timing.samples.min) / elementsOf(suite, id)).toPrecision(4));
}
