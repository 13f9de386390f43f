// Text, one character at a time: read, take the 1.5-entmax of the last scores, draw, read what was drawn. When the context is full,
// the last half of it is kept and read again from position 0.

import { entmax15 } from 'entmax';
import { InputError } from '../../ts/src/formats/input-error.ts';
import { seededRandom } from './random.ts';
import { drawIndex } from './sample.ts';
import { Cache, forward } from './transformer.ts';
import type { Model, Reading } from './transformer.ts';

export interface GenerateOptions {
  /** At least one character, each in the vocabulary. */
  readonly prompt: string;
  /** Number of characters to generate. */
  readonly tokens: number;
  /** An integer from 0 to 2^53 - 1. The same seed gives the same text. */
  readonly seed: number;
  /** Is shown every reading as it comes. */
  readonly observe?: ((reading: PlacedReading) => void) | undefined;
}

/** A reading, and where in the text the first character stands that it could look back to. */
export interface PlacedReading extends Reading {
  readonly from: number;
}

export interface Statistics {
  readonly characters: number;
  /** From the first character of the prompt to the last one generated, the consumer's own time included. */
  readonly charactersPerSecond: number;
  /** The mean number of characters with a positive probability. */
  readonly outputSupport: number;
  /** By layer and head; the support is the mean over the queries from which a character was drawn. */
  readonly heads: readonly (readonly { alpha: number; support: number }[])[];
}

/** Yields the generated characters and returns the statistics. */
export function* generate(model: Model, options: GenerateOptions): Generator<string, Statistics> {
  const { prompt, tokens, seed, observe } = options;
  const random = seededRandom(seed);
  const read = reader(model);
  const support = new Float64Array(model.blocks.length * model.heads);
  let outputSupport = 0;
  const start = performance.now();
  // Not `using`: some browsers do not know Symbol.dispose yet.
  try {
    let fresh = encode(model, prompt);
    for (let n = 0; n < tokens; n++) {
      const reading = read(fresh);
      const { logits, attention } = reading;
      observe?.(reading);
      const probabilities = entmax15(logits.subarray(-model.vocabulary.length));
      const id = drawIndex(probabilities, random.nextDouble());
      outputSupport += probabilities.filter((p) => p > 0).length;
      attention.forEach(({ indptr }, layer) => {
        const queries = (indptr.length - 1) / model.heads;
        for (let head = 0; head < model.heads; head++) {
          const last = (head + 1) * queries;
          support[layer * model.heads + head]! += indptr[last]! - indptr[last - 1]!;
        }
      });
      fresh = Int32Array.of(id);
      yield model.vocabulary[id]!;
    }
    return {
      characters: tokens,
      charactersPerSecond: (1000 * tokens) / (performance.now() - start),
      outputSupport: outputSupport / tokens,
      heads: model.blocks.map(({ alpha }, layer) =>
        Array.from(alpha, (value, head) => ({ alpha: value, support: support[layer * model.heads + head]! / tokens })),
      ),
    };
  } finally {
    read.dispose();
  }
}

/** The ids of a text. Throws InputError where it is empty or has a character that the model has never seen. */
export function encode({ vocabulary }: Model, text: string): Int32Array {
  if (text === '') throw new InputError('a prompt of at least one character', 'an empty one');
  return Int32Array.from([...text], (character) => {
    const id = vocabulary.indexOf(character);
    if (id < 0) {
      const known = vocabulary.join('').replace(/\s+/g, ' ').trim();
      throw new InputError(`a prompt of the model's characters (${known})`, JSON.stringify(character));
    }
    return id;
  });
}

/** Reads ids into one growing context; what would not fit is dropped together with the older half. */
export function reader(model: Model): ((ids: Int32Array) => PlacedReading) & { dispose(): void } {
  const cache = new Cache(model);
  let text = new Int32Array(0);
  let from = 0;
  const read = (ids: Int32Array): PlacedReading => {
    const longer = new Int32Array(text.length + ids.length);
    longer.set(text);
    longer.set(ids, text.length);
    text = longer;
    if (text.length <= model.context) return { ...forward(model, ids, cache), from };
    from += text.length - model.context / 2;
    text = text.slice(-model.context / 2);
    cache.clear();
    return { ...forward(model, text, cache), from };
  };
  return Object.assign(read, { dispose: () => cache.dispose() });
}
