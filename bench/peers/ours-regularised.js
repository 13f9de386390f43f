/** The regularised maps of the package under test, on Tensors of either type. What `data` is: reference/regularised.js. */

import { inPlace } from './prepared.js';

export const REGULARISED_OPERATIONS = {
  regularised(entmax, form, task, data) {
    const { map, options } = task;
    const shape = data.shapeOf(task);
    const x = entmax.tensor(data.x, shape);
    const out = entmax.zeros(shape, data.dtype);
    const bounds = map.startsWith('constrained') ? { upper: data.upper } : {};
    return inPlace(form, out, [x], () => void entmax[map](x, { ...options, ...bounds, out }));
  },
};
