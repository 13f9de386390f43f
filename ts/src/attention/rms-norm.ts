/**
 * The norm that may follow the sums of relaAttention (MATH.md §14): over the H E numbers that a query has in all its heads,
 * with a gain and perhaps a gate for each of them. Attention writes its sums to memory of the call's own, and the norm makes
 * the output of them; a pullback keeps the sums. The kernels are those of crates/entmax-core/src/attention/norm.rs.
 */

import { elementBytes, viewOf } from '../elements.ts';
import { EntmaxError, show } from '../errors.ts';
import type { PerRow, Room } from '../maps/room.ts';
import type { Job } from '../runtime/job.ts';
import { inFormOf, newArray, scoresView } from '../scores.ts';
import type { ReadScores } from '../scores.ts';
import { sizeOf } from '../shape.ts';
import { tensor } from '../tensor.ts';
import type { Float } from '../types.ts';
import type { AttentionCall } from './attention-call.ts';
import { NOWHERE, writeFields } from './description.ts';
import type { Heads } from './description.ts';
import { attentionJob, attentionKernel, headsAt, paddedWidth } from './forward.ts';
import type { PlacedOutput, PlacedResult } from './output.ts';

/** Rough time of one number, on one thread; twice as much in the pullback, and for a gate. */
const NANOSECONDS = 2;
const NANOSECONDS_OF_GATE = 18;

/** What a norm is described by (`Norm` in norm.rs) besides what all its descriptions have. */
interface Places {
  readonly u: Heads;
  readonly y?: Heads;
  readonly dy?: Heads;
  readonly du?: Heads;
  readonly dgain?: number | undefined;
  readonly dgate?: number | undefined;
}

/** Gradients of gain and gate in parts, as far as they are asked for. */
export type ChannelSums = Partial<Record<string, PerRow<'float64'>>>;

export class RmsNorm {
  readonly gain: ReadScores;
  readonly gate: ReadScores | undefined;
  readonly #eps: number;

  constructor(gain: ReadScores, gate: ReadScores | undefined, eps: number) {
    this.gain = gain;
    this.gate = gate;
    this.#eps = eps;
  }

  /** Gain and gate by name, as far as they are there. */
  get inputs(): Readonly<Record<string, ReadScores>> {
    return this.gate ? { gain: this.gain, gate: this.gate } : { gain: this.gain };
  }

  /** The same with its inputs as `hold` keeps them. */
  held(hold: (source: ReadScores) => ReadScores): RmsNorm {
    return new RmsNorm(hold(this.gain), this.gate && hold(this.gate), this.#eps);
  }

  /** Where the sums go of which `result` is made. */
  place(call: AttentionCall, result: PlacedResult, room: Room): PlacedOutput {
    const { template } = call;
    const size = sizeOf(template.shape);
    const at = room.allocate(size * elementBytes(template.dtype));
    const describe = (): number => this.#describe(call, room, { u: headsOf(call, at), y: headsOf(call, result.at) });
    const job = (): Job => {
      const cost = { rows: queriesOf(call), nanosecondsPerRow: this.#nanosecondsPerQuery(call) };
      return attentionJob(
        call,
        { kernel: 'attention_norm', args: [describe()], ...cost, workspaceBytes: workspaceOf(call) },
        result,
      );
    };
    return {
      at,
      // The sums lie apart from all that the call reads and gives.
      repeatable: true,
      setAside: () => undefined,
      *finish() {
        if (size > 0) yield job();
        result.finish();
      },
      sums: () => ownArray(viewOf(template.dtype, at, size), template.dtype),
    };
  }

  /** How many of its rows the forward pass counts. */
  rowsOf(call: AttentionCall): number {
    return sizeOf(call.template.shape) > 0 ? queriesOf(call) : 0;
  }

  /** Parts of the queries, each with sums of its own. */
  partsOf(call: AttentionCall): number {
    return Math.ceil(queriesOf(call) / attentionKernel('attention_norm_queries')());
  }

  /** Rough time of a part of the pullback. */
  nanosecondsPerPart(call: AttentionCall): number {
    return 2 * attentionKernel('attention_norm_queries')() * this.#nanosecondsPerQuery(call);
  }

  /** Room for the sums by name that are among `wrt`, one for each part. */
  sumsOf(call: AttentionCall, wrt: readonly string[], room: Room): ChannelSums {
    const named = Object.keys(this.inputs).filter((name) => wrt.includes(name));
    const length = this.partsOf(call) * channelsOf(call);
    return Object.fromEntries(named.map((name) => [name, room.perRow('float64', length, 0)]));
  }

  /** The pullback: a job that takes the cotangent `dy` back to that of the sums, `du`, whose rows have whole strips. */
  pullback(
    call: AttentionCall,
    room: Room,
    sums: Float,
    dy: Heads,
    channels: ChannelSums,
  ): { du: Heads; job: Pick<Job, 'kernel' | 'args' | 'workspaceBytes'> } {
    const { sizes, layout, template } = call;
    const { batches, heads, queries, valueWidth } = sizes;
    const padded = paddedWidth(valueWidth);
    const size = batches * heads * queries * padded;
    const at = room.allocate(size * elementBytes(template.dtype));
    viewOf(template.dtype, at, size).fill(0);
    const du = headsAt(at, layout, heads, queries, padded);
    const u = headsOf(call, room.perRowOf(template.dtype, sums).address);
    const { gain, gate } = channels;
    const address = this.#describe(call, room, { u, dy, du, dgain: gain?.address, dgate: gate?.address });
    const job = { kernel: 'attention_norm_backward', args: [address], workspaceBytes: workspaceOf(call) };
    return { du, job };
  }

  /** The gradient of gain or gate in its own form: the sum of its parts, in their order. */
  gradient(name: string, parts: Float64Array): unknown {
    const { form, dtype, shape } = this.inputs[name]!;
    const sums = new Float64Array(sizeOf(shape));
    parts.forEach((value, at) => {
      const c = at % sums.length;
      sums[c] = sums[c]! + value;
    });
    const data = newArray(dtype, sums.length);
    // Engines differ in the sign of a NaN that a sum hands on.
    sums.forEach((sum, c) => (data[c] = Number.isNaN(sum) ? NaN : sum));
    return form === 'tensor' ? tensor(data, shape) : inFormOf({ form, shape }, data);
  }

  #nanosecondsPerQuery(call: AttentionCall): number {
    return channelsOf(call) * (this.gate ? NANOSECONDS_OF_GATE : NANOSECONDS) + 50;
  }

  /** Writes the fields of `Norm`, in their order. */
  #describe(call: AttentionCall, room: Room, places: Places): number {
    const { op, sizes, lengths } = call;
    const { u, y = NOWHERE, dy = NOWHERE, du = NOWHERE, dgain = 0, dgate = 0 } = places;
    const place = (source: ReadScores | undefined): number =>
      source ? room.copyOfNumbers(Float64Array.from(scoresView(source, op))) : 0;
    const bytes = attentionKernel('attention_norm_description_bytes')();
    const address = room.allocate(bytes);
    const words = [
      ...[u, y, dy, du].flatMap(({ at, batch, head, row }) => [at, batch, head, row]),
      ...[place(this.gain), place(this.gate), dgain, dgate],
      lengths.queries ? room.perRowOf('int32', lengths.queries).address : 0,
      ...[sizes.batches, sizes.heads, sizes.queries, sizes.valueWidth],
    ];
    writeFields(address, this.#eps, words, bytes);
    return address;
  }
}

/** eps is finite and above 0, or a query whose sums are 0 would have no norm. */
export function readEps(op: string, eps: unknown): number {
  if (eps === undefined) return 1e-6;
  if (typeof eps === 'number' && eps > 0 && eps < Infinity) return eps;
  throw new EntmaxError('ENTMAX_OPTION', op, 'eps to be finite and > 0', show(eps));
}

/** B N. */
const queriesOf = ({ sizes }: AttentionCall): number => sizes.batches * sizes.queries;

/** H E. */
const channelsOf = ({ sizes }: AttentionCall): number => sizes.heads * sizes.valueWidth;

function workspaceOf({ sizes }: AttentionCall): number {
  return attentionKernel('attention_norm_workspace')(sizes.heads, sizes.valueWidth);
}

/** An array of the output's shape. */
function headsOf({ sizes, layout }: AttentionCall, at: number): Heads {
  return headsAt(at, layout, sizes.heads, sizes.queries, sizes.valueWidth);
}

/** A copy in an array of JavaScript's own. */
function ownArray(view: Float, dtype: 'float32' | 'float64'): Float {
  const copy = newArray(dtype, view.length);
  copy.set(view);
  return copy;
}
