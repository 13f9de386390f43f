/** Tables by name and in linear memory, where all scores of a problem lie behind each other. */

import { viewOf } from '../elements.ts';
import { EntmaxError } from '../errors.ts';
import type { Room } from '../maps/room.ts';
import { memory } from '../runtime/runtime.ts';
import { scoresView } from '../scores.ts';
import type { ReadScores, Template } from '../scores.ts';
import { sizeOf } from '../shape.ts';
import { addressOf } from '../tensor.ts';
import type { GraphCall } from './graph-read.ts';

/** What tables are read and written for. */
export type TablesOf = Pick<GraphCall, 'op' | 'model' | 'problems'>;

/** Copies the tables that there are; the rest is 0. */
export function placeTablesOf(
  { op, model, problems }: TablesOf,
  tables: Readonly<Record<string, ReadScores | undefined>>,
  room: Room,
): number {
  const { address } = room.perRow('float64', problems * model.size, 0);
  const target = memory().f64(address, problems * model.size);
  for (const { name, first, size } of model.names) {
    const source = tables[name];
    if (!source) continue;
    scoresView(source, op).forEach((number, at) => {
      target[Math.floor(at / size) * model.size + first + (at % size)] = number;
    });
  }
  return address;
}

/** Refuses scores that are none. */
export function checkScores({ op, model, scores }: GraphCall): void {
  for (const { name, size } of model.names) {
    const at = scoresView(scores[name]!, op).findIndex((score: number) => !(score < Infinity));
    if (at < 0) continue;
    const got = `one in ${name}, problem ${Math.floor(at / size)}`;
    throw new EntmaxError('ENTMAX_OPTION', op, 'scores without NaN and +Infinity', got);
  }
}

/** What there is of each name, taken from a table of all problems, in the form of the scores. */
export function takeTables(
  { op, model, problems }: TablesOf,
  templates: Readonly<Record<string, Template>>,
  table: number,
  room: Room,
): Record<string, unknown> {
  const taken = model.names.map(({ name, first, size }): [string, unknown] => {
    const { dtype, form, shape } = templates[name]!;
    const result = room.result({ dtype, form, shape });
    const { tensor, target } = result.operand;
    const numbers = tensor ? viewOf(dtype, addressOf(tensor, op), sizeOf(shape)) : target!;
    const source = memory().f64(table, problems * model.size);
    for (let at = 0; at < numbers.length; at++) {
      numbers[at] = source[Math.floor(at / size) * model.size + first + (at % size)]!;
    }
    return [name, result.value];
  });
  return Object.fromEntries(taken);
}
