/** The row maps of the entmax family: the dense form and all these (define-map.ts). */

import { prepareBackward } from './backward.ts';
import { prepareCsr } from './csr.ts';
import { defineMap } from './define-map.ts';
import type { Forms } from './define-map.ts';
import type { RowMapDescriptor } from './row-call.ts';
import { prepareSupport } from './support.ts';
import { prepareVjp } from './vjp.ts';

const FORMS: Forms = {
  csr: prepareCsr,
  support: prepareSupport,
  vjp: prepareVjp,
  backward: prepareBackward,
};

/** Derives all forms of a row map. The result is typed where it is exported (ts/src/maps/maps.ts). */
export function defineRowMap(descriptor: RowMapDescriptor): unknown {
  return defineMap(descriptor, FORMS);
}
