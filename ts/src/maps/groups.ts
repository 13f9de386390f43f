/** The dense form of a map with groups, and the groups. */

import { bringApart, sizeOf } from '../shape.ts';
import { writeGrouped } from './dense.ts';
import type { Prepared } from './forms.ts';
import { dataOf, inRoom } from './room.ts';
import { readRowCall, refuseRows } from './row-call.ts';
import type { RowMapDescriptor } from './row-call.ts';

/** What kernels say of an entry that is in no group, and of one that is by itself (crates/entmax-core/src/regularised/groups.rs). */
const EXCLUDED = -1;
const FIXED = -2;

/** Probabilities, and the groups of equal entries that they came in. */
export interface Grouped<X> {
  /** Probabilities, as the dense form gives them. */
  readonly p: X;
  /**
   * For each entry, in the layout of the scores, which group it is in: the lowest index in its row of that group's entries
   * with p > 0. -1 where p = 0, and in rows with NaN or +Infinity.
   */
  readonly groups: Int32Array<ArrayBuffer>;
}

export function prepareGroups(
  descriptor: RowMapDescriptor,
  op: string,
  [x, options]: readonly unknown[],
  isAsync: boolean,
): Prepared<Grouped<unknown>> {
  const call = refuseRows(readRowCall(op, descriptor, x, options, [], isAsync));
  const { scores, layout, template, given } = call;
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const result = room.result(template, undefined, layout.apart);
        const groups = new Int32Array(sizeOf(template.shape));
        yield* writeGrouped(call, room, result, { groups, rates: undefined });
        const p = dataOf(result.operand, op, groups.length);
        const { n, inner, rows } = layout;
        for (let row = 0; row < rows; row++) {
          nameGroups(p, groups, Math.floor(row / inner) * n * inner + (row % inner), n, inner);
        }
        const names = layout.apart ? bringApart(layout.apart, groups, new Int32Array(groups.length)) : groups;
        return { p: result.value, groups: names };
      }),
    rows: layout.rows,
    reads: [scores],
    given,
  };
}

/** Names the groups of a row by their first entries. Marks of the kernels stay part of what tells groups apart. */
function nameGroups(p: ArrayLike<number>, groups: Int32Array, start: number, n: number, inner: number): void {
  const names = new Map<number, number>();
  for (let j = 0; j < n; j++) {
    const at = start + j * inner;
    const group = groups[at]!;
    if (!(p[at]! > 0) || group === EXCLUDED) {
      groups[at] = EXCLUDED;
      continue;
    }
    const name = names.get(group) ?? j;
    if (group !== FIXED) names.set(group, name);
    groups[at] = name;
  }
}
