/** The regularised maps of the package under test, on Tensors of either type. What `data` is: reference/regularised.js. */

import { fresh, inPlace } from './prepared.js';

export const REGULARISED_OPERATIONS = {
  regularised(entmax, form, task, data) {
    const { map, options } = task;
    const shape = data.shapeOf(task);
    const x = entmax.tensor(data.x, shape);
    const out = entmax.zeros(shape, data.dtype);
    const bounds = map.startsWith('constrained') ? { upper: data.upper } : {};
    return inPlace(form, out, [x], () => void entmax[map](x, { ...options, ...bounds, out }));
  },

  /** A step of training: the probabilities, and the gradient that a cotangent of these gives. */
  pullback(entmax, form, task, data) {
    const { map, options } = task;
    const [x, dp] = [data.x, data.dp].map((values) => entmax.tensor(values, data.shapeOf(task)));
    const bounds = map.startsWith('constrained') ? { upper: data.upper } : {};
    return fresh([x, dp], {
      form,
      call: () => {
        const [p, pullback] = entmax[map].vjp(x, { ...options, ...bounds });
        const { x: dx } = pullback(dp, ['x']);
        pullback[Symbol.dispose]();
        p.dispose();
        return dx;
      },
      release: form.dispose,
      output: (dx) => ({ values: form.read(dx) }),
    });
  },
};
