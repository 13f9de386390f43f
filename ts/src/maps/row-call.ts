/**
 * The arguments of a row map or of its loss, read and checked: nothing has been written when reading throws. All forms
 * of all maps begin here.
 */

import { EntmaxError, show } from '../errors.ts';
import type { KernelFamily } from '../runtime/family.ts';
import { runtimeInfo } from '../runtime/runtime.ts';
import { newArray, readScores, scoresView } from '../scores.ts';
import type { ReadScores, Template } from '../scores.ts';
import { bringTogether, gridLayout, rowLayout } from '../shape.ts';
import type { AxesApart, RowLayout } from '../shape.ts';
import { readBounds } from './bounds.ts';
import type { Bounds } from './bounds.ts';
import { readEmptyRow, readMask, readOptions, readTemperature } from './options.ts';
import type { EmptyRow } from './options.ts';
import { readParameter } from './parameter.ts';
import type { Parameter, ParameterRule } from './parameter.ts';
import { refuseBounds, refuseEmptyRows } from './refuse-rows.ts';

/** What distinguishes one row map from another. */
export interface RowMapDescriptor {
  readonly name: string;
  readonly family: KernelFamily;
  /** The parameter of each row: alpha, or the budget. */
  readonly parameter: ParameterRule;
  /** True when the rows sum to a budget under bounds: takes the option `atMost`. */
  readonly capped?: boolean;
  /** True when the bounds are an option, `upper`. */
  readonly bounded?: boolean;
  /** True when only the k largest scores count: takes the option `k`. */
  readonly topk?: boolean;
  /** Which map the kernels compute, where that is neither entmax nor budget. */
  readonly map?: MapNumber;
  /** What they compute with `compat: 'torchsparseattn'`, for the maps that take this option. */
  readonly compatible?: MapNumber;
  /** Rough time of one element on one thread, where it is not that of the entmax family. */
  readonly nanosecondsPerElement?: number;
  /** True when a row is a grid, of two axes: takes the option `axes`. */
  readonly grid?: boolean;
  /** True when entries are joined into groups, which a pullback needs beside the output. */
  readonly grouped?: boolean;
}

/** Which map the kernels compute (crates/entmax-core/src/maps, .../regularised). */
export const ENTMAX = 0;
export const BUDGET = 1;
export const BUDGET_AT_MOST = 2;
export const FUSEDMAX = 3;
export const OSCARMAX = 4;
export const OSCARMAX_PUBLISHED = 5;
export const NORMMAX = 6;
export const CONSTRAINED = 7;
export const TVMAX = 8;
export type MapNumber = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** What the kernels are told of a map, whatever they are to compute of it. */
export interface RowMapCall {
  readonly op: string;
  readonly descriptor: RowMapDescriptor;
  /** Form, element type and shape of the scores. */
  readonly template: Template;
  readonly layout: RowLayout;
  readonly map: MapNumber;
  readonly parameter: Parameter;
  /** Of the bounded maps only. */
  readonly upper: Bounds | undefined;
  /** 0 = no restriction. */
  readonly k: number;
  readonly temperature: number;
  readonly emptyRow: EmptyRow;
  /** Large stages: for the pool and for asynchronous calls. */
  readonly large: boolean;
}

/** A call whose arguments have been read and checked. */
export interface RowCall extends RowMapCall {
  /** What the caller gave. */
  readonly x: ReadScores;
  /** The same in the layout of the rows: a copy where the axes of grids are apart. */
  readonly scores: ReadScores;
  /** In the layout of the rows. */
  readonly mask: Uint8Array | undefined;
  /** All options by name, for those that belong to one form. */
  readonly given: Readonly<Record<string, unknown>>;
}

const ROW_OPTIONS = ['shape', 'axis', 'mask', 'lengths', 'temperature', 'emptyRow'];
/** Options of maps of grids. */
const GRID_OPTIONS = ['axes', 'shape', 'mask', 'temperature', 'emptyRow'];
/** Options of asynchronous calls. */
const RUN_OPTIONS = ['signal', 'onProgress'];

/** Names of the options that may have a gradient. */
export function parametersOf({ parameter, bounded }: RowMapDescriptor): string[] {
  return [...(parameter.name === undefined ? [] : [parameter.name]), ...(bounded ? ['upper'] : [])];
}

/**
 * Reads the scores `x` and the options; `more` are the form's own. For the forms that are given the output in place of
 * the scores, `fromOutput`, nothing is required that the output tells.
 */
export function readRowCall(
  op: string,
  descriptor: RowMapDescriptor,
  x: unknown,
  options: unknown,
  more: readonly string[],
  isAsync: boolean,
  fromOutput = false,
): RowCall {
  const { parameter, capped, bounded, topk, grid } = descriptor;
  const own = [...parametersOf(descriptor), ...choicesOf(descriptor)];
  const given = readOptions(op, options, [
    ...own,
    ...(grid ? GRID_OPTIONS : ROW_OPTIONS),
    ...more,
    ...(isAsync ? RUN_OPTIONS : []),
  ]);
  const read = readScores(op, x, given['shape'], fromOutput ? 'p' : 'scores');
  const { form, dtype, shape } = read;
  const layout = grid ? gridLayout(op, shape, given['axes'] ?? [-2, -1]) : rowLayout(op, shape, given['axis'] ?? -1);
  const atMost = capped && readBoolean(op, 'atMost', given['atMost']);
  const rule = fromOutput && !atMost ? { ...parameter, value: parameter.value ?? 0 } : parameter;
  const mask = readMask(op, given['mask'], given['lengths'], shape, layout);
  return {
    op,
    descriptor,
    x: read,
    scores: inRows(op, read, layout.apart),
    template: { form, dtype, shape },
    layout,
    mask: mask && layout.apart ? bringTogether(layout.apart, mask, new Uint8Array(mask.length)) : mask,
    map: atMost ? BUDGET_AT_MOST : capped ? BUDGET : mapOf(op, descriptor, given['compat']),
    parameter: readParameter(op, rule, parameter.name && given[parameter.name], shape, layout),
    upper: bounded ? readBounds(op, given['upper'], read, layout) : undefined,
    k: topk && !(fromOutput && given['k'] === undefined) ? readK(op, given['k']) : 0,
    temperature: readTemperature(op, given['temperature']),
    emptyRow: readEmptyRow(op, given['emptyRow']),
    large: isAsync || runtimeInfo().threads > 1,
    given,
  };
}

/** An array of the scores' shape in the layout of the rows. */
export function inRows(op: string, read: ReadScores, apart: AxesApart | undefined): ReadScores {
  if (!apart) return read;
  const { dtype, shape } = read;
  const data = scoresView(read, op);
  return { form: 'array', dtype, shape, data: bringTogether(apart, data, newArray(dtype, data.length)) };
}

/** Names of the options of a map that have no gradient. */
function choicesOf({ capped, topk, compatible }: RowMapDescriptor): string[] {
  return [...(capped ? ['atMost'] : []), ...(topk ? ['k'] : []), ...(compatible === undefined ? [] : ['compat'])];
}

/** True for the maps onto the simplex without bounds: only equal entries stand beside +Infinity. */
export function isOntoSimplex({ capped, bounded }: RowMapDescriptor): boolean {
  return !capped && !bounded;
}

/** Refuses rows that have no result, before anything is written: for the forms that are given scores. */
export function refuseRows(call: RowCall): RowCall {
  if (call.emptyRow === 'throw') refuseEmptyRows(call);
  refuseBounds(call, call.map === BUDGET || call.map === CONSTRAINED);
  return call;
}

function mapOf(op: string, { map = ENTMAX, compatible }: RowMapDescriptor, compat: unknown): MapNumber {
  if (compatible === undefined || compat === undefined) return map;
  if (compat === 'torchsparseattn') return compatible;
  throw new EntmaxError('ENTMAX_OPTION', op, "compat to be 'torchsparseattn'", show(compat));
}

function readK(op: string, k: unknown): number {
  if (Number.isInteger(k) && (k as number) >= 1) return Math.min(k as number, 0x7fffffff);
  throw new EntmaxError('ENTMAX_OPTION', op, 'k to be a positive integer', show(k));
}

function readBoolean(op: string, name: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value === true;
  throw new EntmaxError('ENTMAX_OPTION', op, `${name} to be true or false`, show(value));
}
