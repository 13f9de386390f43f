/** Tables of a call in linear memory: scores and cotangents where they lie or in a copy, results in the form of the scores. */

import { elementBytes, viewOf } from '../elements.ts';
import type { Room } from '../maps/room.ts';
import { sizeOf } from '../shape.ts';
import type { ReadScores } from '../scores.ts';
import { addressOf } from '../tensor.ts';
import type { Places } from './description.ts';
import { TABLES } from './solve-call.ts';
import type { TableName } from './solve-call.ts';

export type Named<T> = Readonly<Partial<Record<TableName, T>>>;

/** Where tables are that a kernel reads. */
export function placeTables(tables: Named<ReadScores>, op: string, room: Room): Places {
  return eachTable(tables, (source) =>
    source.form === 'tensor' ? addressOf(source.tensor, op) : room.perRowOf(source.dtype, source.data).address,
  );
}

/** Results of the tables' shapes. */
export interface PlacedTables {
  readonly places: Places;
  /** What the caller is given; call when the results are there. */
  take(): Record<string, unknown>;
}

export function placeResults(tables: Named<ReadScores>, op: string, room: Room): PlacedTables {
  const results = eachTable(tables, (source) => {
    const result = room.result(source);
    const { tensor, target } = result.operand;
    if (tensor) return { at: addressOf(tensor, op), take: () => result.value };
    const size = sizeOf(source.shape);
    const at = room.allocate(size * elementBytes(source.dtype));
    const take = (): unknown => {
      target?.set(viewOf(source.dtype, at, size));
      return result.value;
    };
    return { at, take };
  });
  return {
    places: eachTable(results, ({ at }) => at),
    take: () => eachTable(results, ({ take }) => take()),
  };
}

/** What is made of each table; nothing of those of which nothing is made. */
export function eachTable<T, R>(
  tables: Named<T>,
  visit: (table: T, name: TableName) => R,
): Partial<Record<TableName, Exclude<R, undefined>>> {
  const made: Partial<Record<TableName, Exclude<R, undefined>>> = {};
  for (const name of TABLES) {
    const table = tables[name];
    const result = table === undefined ? undefined : visit(table, name);
    if (result !== undefined) made[name] = result as Exclude<R, undefined>;
  }
  return made;
}
