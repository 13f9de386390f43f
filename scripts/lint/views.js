/**
 * Recognises views of linear memory in a syntax tree: which expressions make one, which pass one on, and where the
 * value of an expression has been used up. No types are needed: the project calls its memory `memory`, and an accessor
 * of a memory makes a view.
 */

const ACCESSORS = new Set(['f32', 'f64', 'i32', 'u32', 'u8', 'view']);
const MEMORIES = new Set(['memory', '#memory', 'linearMemory', '#linearMemory']);

/** Methods of typed arrays that return the array itself, or another view of the same bytes. */
const KEEPING = new Set(['subarray', 'fill', 'sort', 'reverse', 'copyWithin']);

/** Methods that call their callback before they return, and never later. */
const IMMEDIATE = new Set(
  ['forEach', 'map', 'flatMap', 'filter', 'find', 'findIndex', 'findLast', 'findLastIndex', 'some', 'every'].concat([
    'reduce',
    'reduceRight',
    'sort',
    'from',
  ]),
);

const WRAPPERS = new Set([
  'TSAsExpression',
  'TSNonNullExpression',
  'TSSatisfiesExpression',
  'TSTypeAssertion',
  'ChainExpression',
]);
const CONTAINERS = new Set(['ArrayExpression', 'ObjectExpression', 'Property', 'SpreadElement']);

/** The name by which a property is reached, `#name` for a private one. */
export function propertyName({ computed, property }) {
  if (computed) return property.type === 'Literal' ? String(property.value) : undefined;
  return property.type === 'PrivateIdentifier' ? `#${property.name}` : property.name;
}

/** The last name of what is called: `allocate` for `memory.allocate(...)`, for `this.#allocate(...)` too. */
export function calledName({ callee }) {
  const target = unwrapped(callee);
  if (target.type === 'Identifier') return target.name;
  return target.type === 'MemberExpression' ? propertyName(target)?.replace('#', '') : undefined;
}

/** `memory`, `memory()`, `this.#memory`, `runtime.memory`: the memory itself, or its wrapper. */
export function isMemory(node) {
  const target = unwrapped(node);
  if (target.type === 'CallExpression') return isMemory(target.callee);
  if (target.type === 'Identifier') return MEMORIES.has(target.name);
  return target.type === 'MemberExpression' && MEMORIES.has(propertyName(target));
}

/** Takes the buffer of a memory: `memory.buffer`, `memory.wasm.buffer`, `const { buffer } = memory.wasm`. */
export function takesBuffer(node) {
  if (node.type === 'MemberExpression' && propertyName(node) === 'buffer') return ownsBuffer(node.object);
  if (node.type !== 'VariableDeclarator' || node.id.type !== 'ObjectPattern' || !node.init) return false;
  return ownsBuffer(node.init) && node.id.properties.some(({ key }) => key?.name === 'buffer');
}

function ownsBuffer(node) {
  const owner = unwrapped(node);
  return (
    isMemory(owner) || (owner.type === 'MemberExpression' && propertyName(owner) === 'wasm' && isMemory(owner.object))
  );
}

/** `memory.f32(address, length)` and its like. */
export function makesView(node) {
  if (node.type !== 'CallExpression') return false;
  const callee = unwrapped(node.callee);
  return callee.type === 'MemberExpression' && ACCESSORS.has(propertyName(callee)) && isMemory(callee.object);
}

/**
 * True when the value of an expression is a view, or holds one.
 *
 * @param isViewVariable says it of an identifier
 */
export function isView(node, isViewVariable) {
  const recurse = (child) => child !== null && child !== undefined && isView(child, isViewVariable);
  if (node.type === 'Identifier') return isViewVariable(node);
  if (WRAPPERS.has(node.type)) return recurse(node.expression);
  if (node.type === 'ConditionalExpression') return recurse(node.consequent) || recurse(node.alternate);
  if (node.type === 'LogicalExpression') return recurse(node.left) || recurse(node.right);
  if (node.type === 'SequenceExpression') return recurse(node.expressions.at(-1));
  if (node.type === 'AssignmentExpression') return recurse(node.right);
  if (node.type === 'ArrayExpression')
    return node.elements.some((element) => element?.type !== 'SpreadElement' && recurse(element));
  if (node.type === 'ObjectExpression')
    return node.properties.some((property) => property.type === 'Property' && recurse(property.value));
  return makesView(node) || (isKeepingCall(node) && recurse(unwrapped(node.callee).object));
}

/**
 * The nodes at whose end the value of `node` is used. `x` in `x.subarray(i).set(f())` is used when `subarray` and when
 * `set` have been called, the latter after `f()`.
 */
export function consumers(node) {
  const found = [];
  let value = node;
  for (;;) {
    const { parent } = value;
    if (passesOn(parent, value)) {
      value = parent;
    } else if (parent.type === 'MemberExpression' && parent.object === value) {
      const call = parent.parent.type === 'ChainExpression' ? parent.parent.parent : parent.parent;
      if (call.type === 'CallExpression' && unwrapped(call.callee) === parent) {
        found.push(call);
        if (!isKeepingCall(call)) return found;
        value = call;
      } else {
        const writes =
          call.type === 'UpdateExpression' || (call.type === 'AssignmentExpression' && call.left === parent);
        return [...found, writes ? call : parent];
      }
    } else if (['CallExpression', 'NewExpression', 'ForOfStatement'].includes(parent.type)) {
      return [...found, parent];
    } else {
      return [...found, value];
    }
  }
}

/** The call that runs this function before it returns, or undefined when the function may run later. */
export function immediateCall(node) {
  const { parent } = node;
  if (parent?.type !== 'CallExpression') return undefined;
  if (parent.callee === node && !node.async && !node.generator) return parent;
  return parent.arguments.includes(node) && !node.async && IMMEDIATE.has(calledName(parent)) ? parent : undefined;
}

function isKeepingCall(node) {
  return (
    node.type === 'CallExpression' &&
    unwrapped(node.callee).type === 'MemberExpression' &&
    KEEPING.has(calledName(node))
  );
}

function passesOn(parent, value) {
  if (WRAPPERS.has(parent.type)) return true;
  if (CONTAINERS.has(parent.type)) return parent.type !== 'SpreadElement' && parent.key !== value;
  if (parent.type === 'ConditionalExpression') return parent.test !== value;
  if (parent.type === 'SequenceExpression') return parent.expressions.at(-1) === value;
  return parent.type === 'LogicalExpression';
}

function unwrapped(node) {
  return WRAPPERS.has(node.type) ? unwrapped(node.expression) : node;
}
