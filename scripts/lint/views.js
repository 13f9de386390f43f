/**
 * Recognises views of linear memory in a syntax tree: which expressions make one, which pass one on, and where the
 * value of an expression has been used up. No types are needed: the project calls its memory `memory`, an accessor of
 * a memory makes a view, and so do every `view()` and the functions that the rule's option `views` names.
 */

const ACCESSORS = new Set(['f32', 'f64', 'i32', 'u32', 'u8']);
const MEMORIES = new Set(['memory', '#memory', 'linearMemory', '#linearMemory']);

/** Methods of typed arrays that return the array itself, or another view of the same bytes. */
const KEEPING = new Set(['subarray', 'fill', 'sort', 'reverse', 'copyWithin']);

/** Methods that call their callback before they return, and never later. */
const IMMEDIATE = new Set([
  'forEach',
  'map',
  'flatMap',
  'filter',
  'find',
  'findIndex',
  'some',
  'every',
  'reduce',
  'from',
]);

const WRAPPERS = new Set([
  'TSAsExpression',
  'TSNonNullExpression',
  'TSSatisfiesExpression',
  'TSTypeAssertion',
  'ChainExpression',
]);

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

/** Takes the buffer of a memory: `memory.buffer`, `memory.wasm.buffer`, `const { buffer } = memory.wasm`. */
export function takesBuffer(node) {
  if (node.type === 'MemberExpression' && propertyName(node) === 'buffer') return ownsBuffer(node.object);
  if (node.type !== 'VariableDeclarator' || node.id.type !== 'ObjectPattern' || !node.init) return false;
  return ownsBuffer(node.init) && node.id.properties.some(({ key }) => key?.name === 'buffer');
}

/** `memory.f32(address, length)`, `tensor.view()`, or a call of a function that hands out views. */
export function makesView(node, handsOut) {
  if (node.type !== 'CallExpression') return false;
  const name = calledName(node);
  if (name === 'view' || handsOut.has(name)) return true;
  const callee = unwrapped(node.callee);
  return callee.type === 'MemberExpression' && ACCESSORS.has(name) && isMemory(callee.object);
}

/**
 * True when the value of an expression is a view.
 *
 * @param known `handsOut`: names of functions that hand out views; `isVariable(identifier)`: whether it may be a view
 */
export function isView(node, known) {
  const recurse = (child) => isView(child, known);
  if (node.type === 'Identifier') return known.isVariable(node);
  if (WRAPPERS.has(node.type)) return recurse(node.expression);
  if (node.type === 'ConditionalExpression') return recurse(node.consequent) || recurse(node.alternate);
  if (node.type === 'LogicalExpression') return recurse(node.left) || recurse(node.right);
  if (node.type === 'SequenceExpression') return recurse(node.expressions.at(-1));
  if (node.type === 'AssignmentExpression') return recurse(node.right);
  return makesView(node, known.handsOut) || (isKeepingCall(node) && recurse(unwrapped(node.callee).object));
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
      const around = parent.parent.type === 'ChainExpression' ? parent.parent.parent : parent.parent;
      if (around.type === 'CallExpression' && unwrapped(around.callee) === parent) {
        found.push(around);
        if (!isKeepingCall(around)) return found;
        value = around;
      } else {
        const writes =
          around.type === 'UpdateExpression' || (around.type === 'AssignmentExpression' && around.left === parent);
        return [...found, writes ? around : parent];
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
  if (parent?.type !== 'CallExpression' || node.async || node.generator) return undefined;
  return parent.callee === node || (parent.arguments.includes(node) && IMMEDIATE.has(calledName(parent)))
    ? parent
    : undefined;
}

/** The name that a function is called by, as far as it stands at its definition; a class's for its constructor. */
export function functionName(node) {
  const { parent } = node;
  const bearer = node.id ?? (parent.type === 'AssignmentExpression' ? parent.left : (parent.key ?? parent.id));
  if (parent.kind === 'constructor') return parent.parent.parent.id?.name;
  return bearer?.name;
}

/** `memory`, `memory()`, `this.#memory`, `runtime.memory`: the memory itself, or its wrapper. */
function isMemory(node) {
  const target = unwrapped(node);
  if (target.type === 'CallExpression') return isMemory(target.callee);
  if (target.type === 'Identifier') return MEMORIES.has(target.name);
  return target.type === 'MemberExpression' && MEMORIES.has(propertyName(target));
}

function ownsBuffer(node) {
  const owner = unwrapped(node);
  return (
    isMemory(owner) || (owner.type === 'MemberExpression' && propertyName(owner) === 'wasm' && isMemory(owner.object))
  );
}

function isKeepingCall(node) {
  return (
    node.type === 'CallExpression' &&
    unwrapped(node.callee).type === 'MemberExpression' &&
    KEEPING.has(calledName(node))
  );
}

function passesOn(parent, value) {
  if (WRAPPERS.has(parent.type) || parent.type === 'LogicalExpression') return true;
  if (parent.type === 'ConditionalExpression') return parent.test !== value;
  return parent.type === 'SequenceExpression' && parent.expressions.at(-1) === value;
}

function unwrapped(node) {
  return WRAPPERS.has(node.type) ? unwrapped(node.expression) : node;
}
