/**
 * Which uses of a view come after memory may have grown, along the code paths of one function.
 *
 * Every segment of a code path has its events in the order in which they happen:
 *
 *   { type: 'take', cell }              a view is taken (the cell is a variable, or the call that made the view)
 *   { type: 'drop', cell }              a variable is given something else
 *   { type: 'grow', cause }             memory may grow
 *   { type: 'use', cell, node, name }   a view is used
 *
 * A state maps each view to undefined while it is fresh, and to the cause once it may be stale; what is stale at the
 * end of a segment is stale at the beginning of those that follow. Segments are visited until nothing changes.
 */

/** The nodes that use a view which may be stale, each with the view's name and the cause. */
export function staleUses(initialSegment, events) {
  const found = new Map();
  const before = new Map([[initialSegment, new Map()]]);
  const queue = [initialSegment];
  for (let segment = queue.pop(); segment; segment = queue.pop()) {
    const state = new Map(before.get(segment));
    for (const { type, cell, cause, node, name } of events.get(segment) ?? []) {
      if (type === 'take') state.set(cell, undefined);
      else if (type === 'drop') state.delete(cell);
      else if (type === 'grow') state.forEach((earlier, each) => state.set(each, earlier ?? cause));
      else if (state.get(cell)) found.set(node, { name, cause: state.get(cell) });
    }
    for (const next of segment.nextSegments) if (merge(before, next, state)) queue.push(next);
  }
  return found;
}

/** Joins a state into the one before a segment; true when that changed, so that the segment must be visited again. */
function merge(before, segment, state) {
  if (!before.has(segment)) {
    before.set(segment, new Map(state));
    return true;
  }
  const known = before.get(segment);
  let changed = false;
  for (const [cell, cause] of state) {
    if (known.has(cell) && (known.get(cell) || !cause)) continue;
    known.set(cell, cause);
    changed = true;
  }
  return changed;
}
