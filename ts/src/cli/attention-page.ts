// `entmax generate --view`: a page that shows to which earlier characters each head attended. It holds the sparse rows as attention
// gives them, so what has weight 0 is not in it.

import { readFile } from 'node:fs/promises';
import type { PlacedReading } from '../../../examples/language-model/generate.ts';
import type { Model } from '../../../examples/language-model/transformer.ts';
import { openDestination } from './destination.ts';

/** A query may be asked for again when the context is renewed: what it saw at first is what counts. */
const NOT_ASKED = -1;

/** Collects what was attended to while a text came into being. */
export class AttentionRecord {
  readonly #model: Model;
  /** Of each character of the text, the number of the query that foretold it. */
  readonly #queries: number[] = [NOT_ASKED];
  /** Where the first character stands that this query could see. */
  readonly #from: number[] = [0];
  readonly #starts: number[] = [0];
  readonly #places: number[] = [];
  readonly #weights: number[] = [];
  #count = 0;

  constructor(model: Model) {
    this.#model = model;
  }

  /** Adds the queries of a reading: that of the character at t foretells the one at t + 1. */
  add({ attention, from, logits }: PlacedReading): void {
    const read = logits.length / this.#model.vocabulary.length;
    const first = from + attention[0]!.shape[3]! - read;
    for (let t = 0; t < read; t++) {
      const foretold = first + t + 1;
      if (foretold < this.#queries.length) continue;
      this.#queries[foretold] = this.#count++;
      this.#from[foretold] = from;
      for (const layer of attention) {
        for (let head = 0; head < this.#model.heads; head++) {
          const { indices, values } = layer.row(head * read + t);
          indices.forEach((place, at) => {
            this.#places.push(from + place);
            this.#weights.push(values[at]!);
          });
          this.#starts.push(this.#places.length);
        }
      }
    }
  }

  /** The page for a text whose first `promptLength` characters were given. */
  async page(text: string, promptLength: number): Promise<string> {
    const length = [...text].length;
    const data = {
      text,
      promptLength,
      alpha: this.#model.blocks.map(({ alpha }) => [...alpha]),
      queries: this.#queries.slice(0, length),
      from: this.#from.slice(0, length),
      starts: base64(Int32Array.from(this.#starts)),
      places: base64(Uint32Array.from(this.#places)),
      weights: base64(Float32Array.from(this.#weights)),
    };
    const template = await readFile(new URL('./attention-page.html', import.meta.url), 'utf8');
    // In a script element, where only a tag could end it.
    return template.replace('__DATA__', () => JSON.stringify(data).replaceAll('<', '\\u003c'));
  }
}

const base64 = ({ buffer }: { readonly buffer: ArrayBufferLike }): string => Buffer.from(buffer).toString('base64');

/** Opens the file of a page, before the work: what cannot be written is told at once. */
export function openPage(path: string): { write(page: string): Promise<void>; abandon(): void } {
  const destination = openDestination(path, 0);
  return {
    async write(page) {
      await destination.append(new TextEncoder().encode(page));
      await destination.commit();
    },
    abandon: () => destination.abandon(),
  };
}
