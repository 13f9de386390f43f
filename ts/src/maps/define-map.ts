/**
 * One descriptor for each map; all its forms are derived here and not written again. A form reads its arguments
 * (row-call.ts) and hands back a plan; forms.ts runs it, at once or asynchronously.
 */

import { gradientNames } from './backward.ts';
import { prepareDense } from './dense.ts';
import { asynchronous, synchronous } from './forms.ts';
import type { Prepare } from './forms.ts';
import type { RowMapDescriptor } from './row-call.ts';

/** Forms beside the dense one, by name. */
export type Forms = Readonly<
  Record<string, (descriptor: RowMapDescriptor, ...rest: Parameters<Prepare<unknown>>) => ReturnType<Prepare<unknown>>>
>;

/** Derives all forms of a map. The result is typed where it is exported. */
export function defineMap(descriptor: RowMapDescriptor, forms: Forms): unknown {
  const { name } = descriptor;
  const dense: Prepare<unknown> = (...args) => prepareDense(descriptor, ...args);
  const map = Object.assign(synchronous(name, dense), {
    wrt: gradientNames(descriptor),
    async: asynchronous(`${name}.async`, dense),
  });
  for (const [form, prepare] of Object.entries(forms)) {
    const prepareForm: Prepare<unknown> = (...args) => prepare(descriptor, ...args);
    Object.assign(map, { [form]: synchronous(`${name}.${form}`, prepareForm) });
    Object.assign(map.async, { [form]: asynchronous(`${name}.async.${form}`, prepareForm) });
  }
  return map;
}
