/** Tables for a terminal. */

import Table from 'cli-table3';

const BORDERS = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
  ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
];

/**
 * A table without rules: the eye follows the columns, and a pasted table stays narrow. The first `leftColumns` columns
 * are text, the others numbers.
 */
export function plainTable(head, leftColumns) {
  return new Table({
    head,
    colAligns: head.map((_, column) => (column < leftColumns ? 'left' : 'right')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: Object.fromEntries(BORDERS.map((name) => [name, ''])),
  });
}
