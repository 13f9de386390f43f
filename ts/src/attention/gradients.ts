/** The gradients that a pullback is asked for: where each is formed, and the form in which it is given. */

import { viewOf } from '../elements.ts';
import type { NamedGradients } from '../maps/backward.ts';
import type { PerRow, Result, Room } from '../maps/room.ts';
import type { Job } from '../runtime/job.ts';
import type { ReadScores, Template } from '../scores.ts';
import { sizeOf } from '../shape.ts';
import type { AttentionCall } from './attention-call.ts';
import type { Heads, Table } from './description.ts';
import { headsAt, rowsOf } from './forward.ts';
import type { ChannelSums } from './rms-norm.ts';
import { placeResult } from './output.ts';
import type { PlacedResult } from './output.ts';

/** A call as a pullback keeps it: bias, mask and slopes only where it needs them. */
export interface PullbackCall extends AttentionCall {
  /** The form of the bias that was given, and its distances. */
  readonly biasForm: { readonly template: Template; readonly distances: Table['distances'] } | undefined;
}

export function templateOf({ form, dtype, shape }: ReadScores): Template {
  return { form, dtype, shape };
}

/** A gradient in the form of an input. */
interface Gradient {
  readonly result: Result;
  readonly placed: PlacedResult;
}

export class Gradients {
  readonly q: (Gradient & { readonly heads: Heads }) | undefined;
  readonly k: Gradients['q'];
  readonly v: Gradients['q'];
  readonly bias: (Gradient & { readonly table: Table }) | undefined;
  /** Of each row. */
  readonly alpha: PerRow<'float64'> | undefined;
  /** Of gain and gate, in parts. */
  readonly channels: ChannelSums;
  readonly #call: PullbackCall;
  readonly #wrt: readonly string[];

  constructor(call: PullbackCall, room: Room, wrt: readonly string[]) {
    const { heads, keyHeads, queries, keys, width, valueWidth } = call.sizes;
    const of = (name: 'q' | 'k' | 'v', heads: number, rows: number, width: number): Gradients['q'] => {
      if (!wrt.includes(name)) return undefined;
      const gradient = gradientLike(templateOf(call[name]), call, room);
      return { ...gradient, heads: headsAt(gradient.placed.at, call.layout, heads, rows, width) };
    };
    this.#call = call;
    this.#wrt = wrt;
    this.q = of('q', heads, queries, width);
    this.k = of('k', keyHeads, keys, width);
    this.v = of('v', keyHeads, keys, valueWidth);
    this.alpha = wrt.includes('alpha') ? room.perRow('float64', rowsOf(call), 0) : undefined;
    this.channels = call.norm?.sumsOf(call, wrt, room) ?? {};
    if (call.biasForm && wrt.includes('bias')) {
      const { template, distances } = call.biasForm;
      const gradient = gradientLike(template, call, room);
      // Kernels add to it.
      viewOf(template.dtype, gradient.placed.at, sizeOf(template.shape)).fill(0);
      this.bias = { ...gradient, table: { at: gradient.placed.at, distances } };
    }
  }

  /** What a job says of its results; `adds`: it adds to what is there. */
  target(adds: boolean): Pick<Job, 'repeatable' | 'setAside'> {
    const placed = [this.q, this.k, this.v, this.bias].flatMap((each) => (each ? [each.placed] : []));
    return {
      repeatable: !adds && placed.every((each) => each.repeatable),
      setAside: () => placed.forEach((each) => each.setAside()),
    };
  }

  /** The gradients by name. */
  take(): NamedGradients {
    const named: NamedGradients = {};
    for (const name of this.#wrt) {
      const channels = this.channels[name];
      if (name === 'alpha') named[name] = this.#call.alpha?.gradient(this.#perHead());
      else if (channels) named[name] = this.#call.norm?.gradient(name, channels.take());
      else {
        const gradient = this[name as 'q' | 'k' | 'v' | 'bias'];
        gradient?.placed.finish();
        named[name] = gradient?.result.value;
      }
    }
    return named;
  }

  /** The sum over each head's rows, in their order. */
  #perHead(): Float64Array {
    const { heads, queries } = this.#call.sizes;
    const sums = new Float64Array(heads);
    this.alpha?.take().forEach((value, row) => {
      const h = Math.floor(row / queries) % heads;
      sums[h] = sums[h]! + value;
    });
    return sums;
  }
}

function gradientLike(template: Template, call: AttentionCall, room: Room): Gradient {
  const result = room.result(template);
  return { result, placed: placeResult({ ...call, template, emptyRow: 'zero' }, result.operand, room) };
}
