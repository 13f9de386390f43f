/**
 * The few lines of protobuf that write an ONNX model: fields are `number << 3 | wire type` and then a varint (type 0),
 * four bytes (type 5) or a length and its bytes (type 2). Field numbers are those of onnx.proto.
 */

/** @param {number} value a whole number >= 0 */
function varint(value) {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

const number = (field, value) => [...varint(field << 3), ...varint(value)];
const bytes = (field, content) => [...varint((field << 3) | 2), ...varint(content.length), ...content];
const text = (field, value) => bytes(field, Buffer.from(value));

const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

/** A float32 of a fixed shape, as input or output of the graph. */
const value = (name, shape) => {
  const dimensions = shape.flatMap((size) => bytes(1, number(1, size)));
  const tensorType = [...number(1, FLOAT), ...bytes(2, dimensions)];
  return [...text(1, name), ...bytes(2, bytes(1, tensorType))];
};

/** A constant: an array of floats, or of whole numbers as int64. */
export const constant = (name, array) => {
  const floats = array instanceof Float32Array;
  const raw = floats ? array : BigInt64Array.from(array, BigInt);
  const content = new Uint8Array(raw.buffer);
  return [...number(1, raw.length), ...number(2, floats ? FLOAT : INT64), ...text(8, name), ...bytes(9, content)];
};

/** A whole number, or several. */
const attribute = (name, value) =>
  Array.isArray(value)
    ? [...text(1, name), ...value.flatMap((each) => number(8, each)), ...number(20, ATTRIBUTE_INTS)]
    : [...text(1, name), ...number(3, value), ...number(20, ATTRIBUTE_INT)];

/** An operation with integer attributes. */
export const node = (operation, inputs, outputs, attributes = {}) => [
  ...inputs.flatMap((name) => text(1, name)),
  ...outputs.flatMap((name) => text(2, name)),
  ...text(4, operation),
  ...Object.entries(attributes).flatMap(([name, value]) => bytes(5, attribute(name, value))),
];

/** Attribute -1 of an int64 is ten bytes; the models here name the last axis of a matrix as 1 instead. */
export const LAST_AXIS = 1;

/**
 * A model with named inputs that gives `y`.
 *
 * @param {Record<string, number[]>} inputs the shape of each
 * @param {number[]} shape of y
 * @param {number[][]} nodes
 * @param {number[][]} [constants]
 */
export function model(inputs, shape, nodes, constants = []) {
  const graph = [
    ...nodes.flatMap((each) => bytes(1, each)),
    ...text(2, 'map'),
    ...constants.flatMap((each) => bytes(5, each)),
    ...Object.entries(inputs).flatMap(([name, shape]) => bytes(11, value(name, shape))),
    ...bytes(12, value('y', shape)),
  ];
  const irVersion = 8;
  const opset = 17;
  return Uint8Array.from([
    ...number(1, irVersion),
    ...bytes(7, graph),
    ...bytes(8, [...text(1, ''), ...number(2, opset)]),
  ]);
}
