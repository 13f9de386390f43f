/** The oracles of the caller's in a graph: what each has named for each problem, and how the kernels see it. */

import type { Room } from '../maps/room.ts';
import { memory } from '../runtime/runtime.ts';
import { KnownStructures, Vertices } from './dialogue.ts';
import type { Known } from './dialogue.ts';
import type { GraphModel } from './graph.ts';

/** `Named` (graph_factors.rs): an address, how many, and the answer. */
const NAMED_WORDS = 3;

/** The structures that are known of each problem's factors; empty without oracles. */
export type Oracles = ReadonlyMap<string, readonly Known[]>;

interface Speaker {
  readonly known: KnownStructures;
  readonly vertices: Vertices;
  readonly size: number;
}

const keyOf = (problem: number, factor: number): string => `${problem} ${factor}`;

export class GraphOracles {
  /** For the kernels; 0 where there are no oracles. */
  readonly places: { readonly named: number; readonly questions: number; readonly questionLength: number };
  readonly #factors: number;
  readonly #speakers = new Map<string, Speaker>();

  constructor(op: string, { factors }: GraphModel, problems: number, before: Oracles | undefined, room: Room) {
    this.#factors = factors.length;
    const sizes = factors.map(({ descriptor }) => descriptor.oracle?.size ?? 0);
    const questionLength = Math.max(0, ...sizes);
    if (questionLength === 0) {
      this.places = { named: 0, questions: 0, questionLength: 0 };
      return;
    }
    this.places = {
      named: room.perRow('int32', NAMED_WORDS * problems * factors.length, 0).address,
      questions: room.allocate(8 * problems * questionLength),
      questionLength,
    };
    for (let b = 0; b < problems; b++) {
      factors.forEach(({ descriptor: { oracle } }, f) => {
        if (!oracle) return;
        const known = new KnownStructures(op, oracle, before?.get(keyOf(b, f)) ?? []);
        const vertices = new Vertices(known, oracle.size, room);
        this.#speakers.set(keyOf(b, f), { known, vertices, size: oracle.size });
        this.#write(b, f);
      });
    }
  }

  /** What has been named so far. */
  get known(): Oracles {
    return new Map(Array.from(this.#speakers, ([key, { known }]) => [key, [...known.list]]));
  }

  /** Asks an oracle what its factor wants to know. */
  ask(problem: number, factor: number): void {
    const { known, size } = this.#speakers.get(keyOf(problem, factor))!;
    const { questions, questionLength } = this.places;
    const question = Float64Array.from(memory().f64(questions + 8 * problem * questionLength, size));
    known.ask(Float64Array.from(question));
    known.checkAll(question);
    this.#write(problem, factor);
  }

  #write(problem: number, factor: number): void {
    const { known, vertices } = this.#speakers.get(keyOf(problem, factor))!;
    const at = 4 * NAMED_WORDS * (problem * this.#factors + factor);
    const words = [vertices.write(), known.list.length, known.answer];
    memory()
      .i32(this.places.named + at, NAMED_WORDS)
      .set(words);
  }
}
