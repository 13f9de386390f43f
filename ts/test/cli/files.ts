// Files written and read by hand, so that the tests of `entmax map` do not use what they test.

import { readFileSync } from 'node:fs';

export type Order = '<' | '>';

/** A .npy file, version 1.0. Values are row-major; `fortran` stores them with the first axis as the fastest. */
export function npyFile(
  values: ArrayLike<number>,
  shape: readonly number[],
  { type = 'f4', order = '<', fortran = false }: { type?: string; order?: string; fortran?: boolean } = {},
): Buffer {
  const text = `{'descr': '${order}${type}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shape.join(',')}${shape.length === 1 ? ',' : ''}), }`;
  const header = Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    Buffer.from([text.length, 0]),
    Buffer.from(text),
  ]);
  const bytes = Number(type.slice(1));
  const data = Buffer.alloc(values.length * bytes);
  const view = new DataView(data.buffer, data.byteOffset);
  const little = order !== '>';
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const at = bytes * (fortran ? fortranOffset(i, shape) : i);
    if (type === 'f4') view.setFloat32(at, value, little);
    else if (type === 'f8') view.setFloat64(at, value, little);
    else if (type === 'i8') view.setBigInt64(at, BigInt(value), little);
    else view.setUint8(at, value);
  }
  return Buffer.concat([header, data]);
}

function fortranOffset(index: number, shape: readonly number[]): number {
  let stride = shape.reduce((product, length) => product * length, 1);
  let offset = 0;
  let step = 1;
  for (const length of shape) {
    stride /= length;
    offset += Math.floor(index / stride) * step;
    index %= stride;
    step *= length;
  }
  return offset;
}

export interface ReadArray {
  readonly shape: number[];
  readonly data: Float32Array | Float64Array;
}

/** A little-endian, row-major .npy file of floats. */
export function readNpyFile(file: string | Buffer): ReadArray {
  const { type, shape, data } = readNpyBytes(file);
  return { shape, data: type === 'f4' ? new Float32Array(data) : new Float64Array(data) };
}

/** The same of int32. */
export function readNpyIntegers(file: string | Buffer): { shape: number[]; data: Int32Array } {
  const { type, shape, data } = readNpyBytes(file);
  if (type !== 'i4') throw new Error(`int32 expected, got ${type}`);
  return { shape, data: new Int32Array(data) };
}

function readNpyBytes(file: string | Buffer): { type: string; shape: number[]; data: ArrayBuffer } {
  const bytes = typeof file === 'string' ? readFileSync(file) : file;
  const start = 10 + bytes.readUInt16LE(8);
  const [, type, shape] = /'<(f[48]|i4)', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \} *\n$/.exec(
    bytes.toString('latin1', 10, start),
  )!;
  const lengths = shape!.split(',').filter((each) => each.trim() !== '');
  return { type: type!, shape: lengths.map(Number), data: new Uint8Array(bytes.subarray(start)).buffer };
}

type Named = Record<string, { dtype: string; shape: number[]; bytes: Uint8Array }>;

export function safetensorsFile(tensors: Named): Buffer {
  let end = 0;
  const header = Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
      end += bytes.length;
      return [name, { dtype, shape, data_offsets: [end - bytes.length, end] }];
    }),
  );
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([prefix, text, ...Object.values(tensors).map(({ bytes }) => bytes)]);
}

export function readSafetensorsFile(file: string | Buffer): Named {
  const bytes = typeof file === 'string' ? readFileSync(file) : file;
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => [name, { dtype, shape, bytes: new Uint8Array(bytes.subarray(start + begin, start + end)) }],
    ),
  );
}

export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
