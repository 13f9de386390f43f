// The example's files, and the pieces of safetensors files that tests put together and break.

import { readFileSync } from 'node:fs';
import { loadModel } from '../../../examples/language-model/load-model.ts';
import type { Model, Reading } from '../../../examples/language-model/transformer.ts';
import { parseSafetensors } from '../../src/formats/safetensors.ts';

export const modelDirectory = new URL('../../../examples/language-model/model/', import.meta.url);

export function readModelFile(name: string): Buffer {
  return readFileSync(new URL(name, modelDirectory));
}

export function exampleModel(): Model {
  return loadModel(readModelFile('config.json').toString('utf8'), readModelFile('model.safetensors'));
}

export interface Reference {
  floats(name: string): Float32Array;
  integers(name: string): Int32Array;
}

/** reference.safetensors, computed by PyTorch in float64. */
export function pytorchReference(): Reference {
  const tensors = parseSafetensors(readModelFile('reference.safetensors'));
  return {
    floats(name) {
      const tensor = tensors.get(name);
      if (tensor?.dtype !== 'F32') throw new Error(`no F32 tensor ${name} in the reference`);
      return tensor.data;
    },
    integers(name) {
      const tensor = tensors.get(name);
      if (tensor?.dtype !== 'I32') throw new Error(`no I32 tensor ${name} in the reference`);
      return tensor.data;
    },
  };
}

/** A safetensors file from a header (an object, or its text) and data bytes. */
export function safetensorsFile(header: unknown, data: Uint8Array | number = 0): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = typeof data === 'number' ? new Uint8Array(data) : data;
  const file = new Uint8Array(8 + text.length + bytes.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(bytes, 8 + text.length);
  return file;
}

/** The model's weights with its header changed by `edit`. */
export function editedWeights(edit: (header: Record<string, { dtype: string; shape: number[] }>) => void): Uint8Array {
  const file = readModelFile('model.safetensors');
  const end = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, end)) as Record<string, { dtype: string; shape: number[] }>;
  edit(header);
  return safetensorsFile(header, file.subarray(end));
}

/** [L, B, H, T]: how many characters each query attends to. */
export function attentionSupport({ attention }: Reading): Int32Array {
  return Int32Array.from(
    attention.flatMap(({ indptr }) => [...indptr.subarray(1)].map((end, row) => end - indptr[row]!)),
  );
}
