/**
 * SparseMAP with an oracle of the caller's. A kernel cannot call back: it ends its turn with the scores that it asks about, and
 * the next one begins with the answer. What the solver knows stays in memory from turn to turn, so a turn costs no more
 * than one within.
 */

import { EntmaxError, show } from '../errors.ts';
import type { Room } from '../maps/room.ts';
import { memory } from '../runtime/runtime.ts';
import { FORM_BYTES, structuredKernel, writeForm, writeWords } from './description.ts';
import type { SolveCall } from './solve-call.ts';
import type { CustomOracle, NamedStructure } from './types.ts';

/** Other answers than the number of a structure (crates/entmax-core/src/structured/custom.rs). */
const WAITING = -1;
const IMPOSSIBLE = -2;

/** A structure that the oracle has named; its vertex is a copy. */
export interface Known extends NamedStructure<unknown> {
  readonly vertex: Float64Array<ArrayBuffer>;
}

/** The structures that the oracle has named for one problem, by their keys. */
export class KnownStructures {
  readonly list: Known[];
  readonly #op: string;
  readonly #oracle: CustomOracle<unknown>;
  readonly #numbers = new Map<string | number, number>();
  /** The number of the last answer. */
  answer = WAITING;
  /** What it scored, -Infinity where nothing was possible, and how much of that may be rounding. */
  score = -Infinity;
  #rounding = 0;
  calls = 0;

  constructor(op: string, oracle: CustomOracle<unknown>, known: readonly Known[]) {
    this.#op = op;
    this.#oracle = oracle;
    this.list = [...known];
    this.list.forEach(({ key }, number) => this.#numbers.set(key, number));
  }

  /** Asks the oracle. */
  ask(scores: Float64Array<ArrayBuffer>): void {
    this.calls++;
    const question = Float64Array.from(scores);
    const found: unknown = this.#oracle.map(scores);
    if (found === undefined || found === null) {
      if (this.list.length > 0) throw this.#refuse('a structure, for one was possible before', show(found));
      this.answer = IMPOSSIBLE;
      return;
    }
    const known = this.#read(found);
    [this.score, this.#rounding] = scoreOf(known.vertex, question);
    this.answer = this.#numberOf(known);
  }

  /** Holds the oracle to what is known: no structure of before may be better than its answer by `-gap`. */
  check(gap: number): void {
    if (this.answer < 0 || !(gap < -this.#rounding)) return;
    const expected = `a structure of the highest score, at least ${this.score - gap}`;
    throw this.#refuse(expected, `one of ${this.score}`);
  }

  /** The same without a gap: asks all structures that are known. */
  checkAll(question: Float64Array): void {
    for (const { vertex } of this.list) this.check(this.score - scoreOf(vertex, question)[0]);
  }

  #refuse(expected: string, got: string): EntmaxError {
    return new EntmaxError('ENTMAX_OPTION', this.#op, `map of factors.custom to return ${expected}`, got);
  }

  #read(found: unknown): Known {
    const { key, value, vertex } = (typeof found === 'object' ? found : {}) as Partial<NamedStructure<unknown>>;
    if (typeof key !== 'string' && typeof key !== 'number') {
      throw this.#refuse('{ key, value, vertex } with a string or a number as key', show(found));
    }
    const isList = Array.isArray(vertex) || ArrayBuffer.isView(vertex);
    const numbers = isList ? Float64Array.from(vertex as ArrayLike<number>) : new Float64Array(0);
    const { size } = this.#oracle;
    if (!isList || numbers.length !== size || !numbers.every(Number.isFinite)) {
      throw this.#refuse(`a vertex of ${size} finite numbers`, show(vertex));
    }
    return { key, value, vertex: numbers };
  }

  #numberOf(known: Known): number {
    const number = this.#numbers.get(known.key);
    if (number === undefined) {
      this.#numbers.set(known.key, this.list.length);
      return this.list.push(known) - 1;
    }
    const { vertex } = this.list[number]!;
    if (known.vertex.every((entry, part) => entry === vertex[part])) return number;
    throw this.#refuse('equal vertices for equal keys', `two vertices of key ${show(known.key)}`);
  }
}

/** The score of a vertex, and a bound of its rounding with some room. */
function scoreOf(vertex: Float64Array, scores: Float64Array): [number, number] {
  let [sum, size] = [0, 1];
  vertex.forEach((entry, part) => {
    if (entry === 0) return;
    const score = scores[part]!;
    sum += score === -Infinity ? score : entry * score;
    if (score > -Infinity) size += Math.abs(entry * score);
  });
  return [sum, 1e-9 * size];
}

/** The vertices of known structures in linear memory, behind each other. */
export class Vertices {
  readonly #known: KnownStructures;
  readonly #size: number;
  readonly #room: Room;
  #address = 0;
  #capacity = 0;
  #written = 0;

  constructor(known: KnownStructures, size: number, room: Room) {
    this.#known = known;
    this.#size = size;
    this.#room = room;
  }

  /** Adds those that have become known, and returns where all are. */
  write(): number {
    const { list } = this.#known;
    if (list.length > this.#capacity) {
      this.#capacity = Math.max(16, 2 * list.length);
      this.#address = this.#room.allocate(8 * this.#capacity * this.#size);
      this.#written = 0;
    }
    for (; this.#written < list.length; this.#written++) {
      memory()
        .f64(this.#address + 8 * this.#written * this.#size, this.#size)
        .set(list[this.#written]!.vertex);
    }
    return this.#address;
  }
}

/** A problem's place for questions and answers in linear memory. */
export class Dialogue {
  /** For the description of a turn. */
  readonly address: number;
  readonly #call: SolveCall;
  readonly #room: Room;
  readonly #known: KnownStructures;
  readonly #vertices: Vertices;
  readonly #form: number;
  readonly #question: number;

  /** Of structures that are known: those of before, and what the oracle will name. */
  constructor(call: SolveCall, known: KnownStructures, room: Room) {
    this.#call = call;
    this.#room = room;
    this.#known = known;
    this.#vertices = new Vertices(known, call.columns, room);
    this.address = room.allocate(structuredKernel('structured_dialogue_bytes')());
    this.#question = room.allocate(8 * call.columns);
    this.#form = room.allocate(FORM_BYTES);
    writeForm(this.#form, call);
  }

  /** Before the first turn, and whenever atoms have moved to a slot with another capacity. */
  begin(capacity: number): void {
    const kept = this.#room.allocate(8 * structuredKernel('structured_kept_numbers')(this.#form, capacity));
    const { list, answer } = this.#known;
    const words = [this.#vertices.write(), list.length, this.#question, kept, answer, 0];
    writeWords(this.address, words, structuredKernel('structured_dialogue_bytes')());
  }

  /** Asks what the last turn wants to know. */
  ask(): void {
    this.#known.ask(Float64Array.from(memory().f64(this.#question, this.#call.columns)));
    const vertices = this.#vertices.write();
    // What the solver has kept and noted lies beside these.
    const words = memory().i32(this.address, 5);
    [words[0], words[1], words[4]] = [vertices, this.#known.list.length, this.#known.answer];
  }
}
