/**
 * Which share of the day's energy has each minute? The readings, divided by their sum, tell it but for the noise, and
 *
 *     shares = fusedmax(scale * readings / energy, { lambda })
 *
 * is a distribution again that is constant on segments and exactly 0 while nothing runs. `scale` and `lambda` are learned by gradient;
 * both are positive, so it is their logarithms that move. A lambda of 0 is sparsemax, and stays 0.
 *
 * Letters: B days, N minutes.
 */

import { fusedmax } from 'entmax/regularised';

/** @typedef {{ scale: number, lambda: number }} Model */
/** @typedef {import('./signals.js').Days} Days */

/** @param {Model} model @param {Days} days */
function scoresOf({ scale }, { readings, energy, minutes }) {
  return readings.map((reading, at) => (scale * reading) / energy[Math.floor(at / minutes)]);
}

/** Shares [B, N], and for each minute the first of its segment, or -1. @param {Model} model @param {Days} days */
export function segment(model, days) {
  const { p, groups } = fusedmax.groups(scoresOf(model, days), {
    shape: [days.size, days.minutes],
    lambda: model.lambda,
  });
  return { shares: p, groups };
}

/**
 * Half the squared distance from the true shares, summed over minutes and averaged over days, and its gradient by the logarithms of
 * scale and lambda.
 *
 * @param {Model} model
 * @param {Days} days
 */
export function lossAndGradient(model, days) {
  const { size, minutes, shares } = days;
  const scores = scoresOf(model, days);
  const [p, pullback] = fusedmax.vjp(scores, { shape: [size, minutes], lambda: model.lambda });
  const slope = p.map((each, at) => (each - shares[at]) / size);
  const loss = p.reduce((sum, each, at) => sum + (each - shares[at]) ** 2, 0) / (2 * size);
  const { x: dScores, lambda: dLambda } = pullback(slope);
  // Scores are proportional to scale: d scores / d log scale = scores. And d lambda / d log lambda = lambda.
  const dScale = dScores.reduce((sum, each, at) => sum + each * scores[at], 0);
  return { loss, gradient: [dScale, model.lambda * dLambda] };
}

/**
 * Steps of Adam (Kingma & Ba 2015, algorithm 1) with a rate that falls linearly to 0; `report(step, loss, model)` before each.
 *
 * @param {Days} days
 * @param {Model} start
 * @param {{ steps: number, rate: number }} settings
 * @param {(step: number, loss: number, model: Model) => void} [report]
 * @returns {Model}
 */
export function learn(days, start, { steps, rate }, report) {
  const [beta1, beta2, tiny] = [0.9, 0.99, 1e-12];
  const logs = [Math.log(start.scale), Math.log(start.lambda)];
  const first = [0, 0];
  const second = [0, 0];
  let model = start;
  for (let step = 1; step <= steps; step++) {
    const { loss, gradient } = lossAndGradient(model, days);
    report?.(step, loss, model);
    gradient.forEach((slope, i) => {
      first[i] = beta1 * first[i] + (1 - beta1) * slope;
      second[i] = beta2 * second[i] + (1 - beta2) * slope * slope;
      const size = Math.sqrt(second[i] / (1 - beta2 ** step)) + tiny;
      logs[i] -= (rate * (1 - (step - 1) / steps) * first[i]) / (1 - beta1 ** step) / size;
    });
    model = { scale: Math.exp(logs[0]), lambda: Math.exp(logs[1]) };
  }
  return model;
}
