// Values that belong to rows or to scores: alpha, budgets and lengths for each row, masks and bounds for each score. They come as a
// number, as a list, or as a file, and are handed out block by block, so that a file of them may be large too.

import type { StoredArray } from '../formats/elements.ts';
import { countOf, readNumbers } from '../formats/elements.ts';
import { InputError } from '../formats/input-error.ts';
import { moveAxesLast } from '../formats/row-major.ts';
import { axesTogether, forEachRun, otherAxes } from './blocks.ts';
import type { Block, Layout } from './blocks.ts';

/** One value for all rows, or one for each row of a block. */
export type RowValues = (block: Block) => number | Float64Array<ArrayBuffer>;
/** One value for each score of a block. */
export type ScoreValues<A> = (block: Block) => A;
/** How values of scores are kept: a mask as bytes, bounds as floats. */
export interface Keeping<A> {
  readonly create: (length: number) => A;
  /** The value as it is kept; throws when it is none. */
  readonly convert: (value: number) => number;
}

const NUMBER = /^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?)$/i;

/** Numbers separated by commas, or undefined: then the text is a file's name. */
export function parseNumbers(text: string): number[] | undefined {
  const items = text.split(',').map((item) => item.trim());
  if (!items.every((item) => NUMBER.test(item))) return undefined;
  return items.map((item) => Number(item.replace(/inf(inity)?/i, 'Infinity')));
}

/** Values of rows from a list. */
export function rowValuesOfList(option: string, values: readonly number[], { rows }: Layout): RowValues {
  if (values.length === 1) return () => values[0]!;
  if (values.length !== rows) throw notForRows(option, rows, `${values.length}`);
  const all = Float64Array.from(values);
  return ({ firstRow, rows: count }) => all.slice(firstRow, firstRow + count);
}

/**
 * Values of rows from a file: as many as there are rows, as one axis or in the scores' shape with 1 at the axes of rows or without them,
 * with or without axes of length 1.
 */
export function rowValuesOfFile(option: string, array: StoredArray, layout: Layout): RowValues {
  const lengths = (axes: readonly number[]): string => axes.filter((length) => length !== 1).join();
  const own = lengths(array.shape);
  if (own !== lengths([layout.rows]) && own !== lengths(otherAxes(layout))) {
    throw notForRows(option, layout.rows, `shape [${array.shape.join(', ')}]`);
  }
  return ({ firstRow, rows }) => readNumbers(array, firstRow, rows);
}

function notForRows(option: string, rows: number, got: string): InputError {
  return new InputError(`${option} with one value for each of ${rows} rows`, got);
}

/** The scores that values belong to. */
export interface Scores {
  readonly shape: readonly number[];
  readonly layout: Layout;
  /** The layout that blocks have, when the axis was moved behind the others. */
  readonly moved: Layout | undefined;
  /** Bytes of a block of scores. */
  readonly limit: number;
}

/** Values of scores from a file whose shape broadcasts to that of the scores, as in NumPy. */
export function scoreValuesOfFile<A extends Uint8Array | Float64Array>(
  option: string,
  array: StoredArray,
  scores: Scores,
  keeping: Keeping<A>,
): ScoreValues<A> {
  const { shape, layout, moved, limit } = scores;
  const own = [...new Array<number>(Math.max(0, shape.length - array.shape.length)).fill(1), ...array.shape];
  if (own.length !== shape.length || own.some((length, axis) => length !== 1 && length !== shape[axis])) {
    throw new InputError(
      `${option} of a shape that broadcasts to [${shape.join(', ')}]`,
      `shape [${array.shape.join(', ')}]`,
    );
  }
  const aligned = axesTogether({ ...array, shape: own }, layout, limit);
  if (moved === undefined) return alignedValues(option, aligned, layout, limit, keeping);
  const last = moveAxesLast(aligned, layout.axis, layout.rowShape.length, limit);
  return alignedValues(option, last, moved, limit, keeping);
}

function alignedValues<A extends Uint8Array | Float64Array>(
  option: string,
  array: StoredArray,
  layout: Layout,
  limit: number,
  keeping: Keeping<A>,
): ScoreValues<A> {
  const { shape } = layout;
  if (array.shape.every((length, axis) => length === shape[axis])) return wholeBlocks(array, keeping);
  const all = keeping.create(countOf(array.shape));
  if (all.byteLength > limit) {
    throw new InputError(
      `${option} of the scores' own shape, or one that fits --memory`,
      `shape [${array.shape.join(', ')}]`,
    );
  }
  fill(array, 0, all, keeping);
  return broadcastBlocks(all, array.shape, layout, keeping);
}

const AT_ONCE = 1 << 16;

/** Fills `target` with the elements from number `start` on, a piece at a time. */
function fill<A extends Uint8Array | Float64Array>(
  array: StoredArray,
  start: number,
  target: A,
  { convert }: Keeping<A>,
): void {
  for (let first = 0; first < target.length; first += AT_ONCE) {
    const values = readNumbers(array, start + first, Math.min(AT_ONCE, target.length - first));
    for (let i = 0; i < values.length; i++) target[first + i] = convert(values[i]!);
  }
}

function wholeBlocks<A extends Uint8Array | Float64Array>(array: StoredArray, keeping: Keeping<A>): ScoreValues<A> {
  return (block) => {
    const values = keeping.create(block.size);
    forEachRun(block, values, (start, part) => fill(array, start, part, keeping));
    return values;
  };
}

function broadcastBlocks<A extends Uint8Array | Float64Array>(
  values: A,
  own: readonly number[],
  { shape, axis, inner, rowShape }: Layout,
  { create }: Keeping<A>,
): ScoreValues<A> {
  const behind = axis + rowShape.length;
  const strides = own.map((length, at) => (length === 1 ? 0 : countOf(own.slice(at + 1))));
  /** Where the value lies for an index of the axes [from, to), which are counted row-major. */
  const offset = (index: number, from: number, to: number): number => {
    let sum = 0;
    for (let at = to - 1; at >= from; at--) {
      sum += (index % shape[at]!) * strides[at]!;
      index = Math.floor(index / shape[at]!);
    }
    return sum;
  };
  return (block) => {
    const result = create(block.size);
    const firstOuter = Math.floor(block.firstRow / inner);
    const firstInner = block.firstRow % inner;
    const inners = Array.from({ length: block.inner }, (_, i) => offset(firstInner + i, behind, shape.length));
    for (let o = 0, at = 0; o < block.outer; o++) {
      const start = offset(firstOuter + o, 0, axis);
      for (let j = 0; j < block.n; j++) {
        const row = start + offset(j, axis, behind);
        for (let i = 0; i < block.inner; i++) result[at++] = values[row + inners[i]!]!;
      }
    }
    return result;
  };
}
