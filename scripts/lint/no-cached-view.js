/**
 * ESLint rule: no view of linear memory is kept across growth.
 *
 * When memory grows, a view of unshared memory has length 0 and swallows writes, and one of shared memory ends too
 * early. So a view is asked for where it is used. The rule reports
 *
 *   - a use of `memory.buffer` (other than its byteLength), outside the file that the option `owner` names;
 *   - a view in a field, in an object or array, in a variable of the module, or in a function that may run later;
 *   - a view that a function hands out which is not named in the option `views`, because its callers are not watched;
 *   - a view that is used after something that may have grown memory: an `await`, a `yield`, or a call of a function
 *     that the option `growing` names or that calls one in the same file. That includes
 *     `memory.f32(a, n).set(await load())`, where the view is older than the wait.
 *
 * It follows the code paths of each function (stale-uses.js) and needs no types. What it cannot see: a view as the
 * argument of a function that grows memory before it reads it, when no option says that it grows.
 */

import { staleUses } from './stale-uses.js';
import { calledName, consumers, functionName, immediateCall, isView, makesView, takesBuffer } from './views.js';

/** Functions that may grow memory, by the last name of the call. */
const GROWING = ['allocate', 'grow', 'zeros', 'tensor'];

const FUNCTIONS = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'];
const NAMES = { type: 'array', items: { type: 'string' } };

/** @type {import('eslint').Rule.RuleModule} */
export default {
  meta: {
    type: 'problem',
    docs: { description: 'disallow views of linear memory that live across a call that may grow it' },
    schema: [
      {
        type: 'object',
        properties: { owner: { type: 'string' }, growing: NAMES, views: NAMES },
        additionalProperties: false,
      },
    ],
    messages: {
      buffer: 'no-cached-view: the buffer of a memory is for {{ owner }} only; ask the memory for a view',
      field: 'no-cached-view: a view of memory may not be kept in a field',
      object: 'no-cached-view: a view of memory may not be kept in an object or an array',
      module: 'no-cached-view: a view of memory may not be kept in the variable {{ name }} of a module',
      closure: 'no-cached-view: the view {{ name }} is used by a function that may run after memory has grown',
      handsOut:
        "no-cached-view: {{ name }} hands out a view; name it in the option 'views', so that callers are watched",
      stale: 'no-cached-view: {{ name }} is used after {{ cause }} may have grown memory',
    },
  },

  create(context) {
    const { owner = 'runtime/memory.ts', growing = [], views = [] } = context.options[0] ?? {};
    if (context.filename.replaceAll('\\', '/').endsWith(owner)) return {};
    const { sourceCode } = context;
    const references = new Map(
      sourceCode.scopeManager.scopes.flatMap((scope) => scope.references).map((each) => [each.identifier, each]),
    );
    const variableOf = (identifier) => references.get(identifier)?.resolved ?? undefined;
    const known = { handsOut: new Set(views), isVariable: (identifier) => viewVariables.has(variableOf(identifier)) };
    const viewVariables = new Set();
    findViewVariables(references, viewVariables, known);
    const growingNames = findGrowing(sourceCode, [...GROWING, ...growing]);
    const holdsView = (node) => Boolean(node) && isView(node, known);

    /** Code paths from the outermost function to the current one, each with the events of its segments. */
    const paths = [];
    /** Events that happen when a node ends: uses of a view that wait for it, growth inside its callbacks. */
    const atEnd = new Map();

    function report(node, messageId, data = {}) {
      context.report({ node, messageId, data });
    }

    function schedule(node, event) {
      if (!atEnd.has(node)) atEnd.set(node, []);
      atEnd.get(node).push(event);
    }

    function happen(event) {
      const path = paths.at(-1);
      for (const segment of path.current) path.events.get(segment)?.push(event);
      const call = event.type === 'grow' && immediateCall(path.node);
      if (call) schedule(call, event);
    }

    /** An identifier that reads a view: used here, or by a function that may run too late. */
    function readVariable(node) {
      const cell = variableOf(node);
      const home = enclosingFunction(cell.scope.block, true);
      const event = { type: 'use', cell, name: node.name, node };
      let call;
      for (let inner = enclosingFunction(node); inner && inner !== home; inner = enclosingFunction(inner)) {
        call = immediateCall(inner);
        if (!call) return report(node, 'closure', { name: node.name });
      }
      for (const place of call ? [call] : consumers(node)) schedule(place, event);
    }

    /** A value goes into a variable or a field. */
    function store(target, value, node) {
      const isHeld = holdsView(value);
      if (isHeld && target.type === 'MemberExpression') report(node, 'field');
      const variable = target.type === 'Identifier' && variableOf(target);
      if (!variable) return;
      const { scope } = variable;
      const isOuter = enclosingFunction(target) !== enclosingFunction(scope.block, true);
      if (isHeld && ['module', 'global'].includes(scope.type)) report(node, 'module', { name: target.name });
      else if (isHeld && isOuter) report(node, 'closure', { name: target.name });
      else happen({ type: isHeld ? 'take' : 'drop', cell: variable });
    }

    /** What a function returns or yields. */
    function handOut(node, value) {
      const name = functionName(enclosingFunction(node, true)) ?? 'a function without a name';
      if (holdsView(value) && name !== 'view' && !known.handsOut.has(name)) report(value, 'handsOut', { name });
    }

    function begin(node) {
      const asksLength = node.parent?.type === 'MemberExpression' && node.parent.property.name === 'byteLength';
      const isBufferOfView =
        node.type === 'MemberExpression' && node.property.name === 'buffer' && holdsView(node.object);
      if ((takesBuffer(node) && !asksLength) || isBufferOfView) report(node, 'buffer', { owner });
      const read = node.type === 'Identifier' && references.get(node)?.isRead();
      if (read && known.isVariable(node)) readVariable(node);
      if (makesView(node, known.handsOut)) {
        const name = sourceCode.getText(node.callee);
        for (const place of consumers(node)) schedule(place, { type: 'use', cell: node, name, node });
      }
    }

    function end(node) {
      const waiting = atEnd.get(node) ?? [];
      waiting.filter(({ type }) => type === 'grow').forEach(happen);
      const cause = causeOfGrowth(node, growingNames);
      if (cause) happen({ type: 'grow', cause });
      if (makesView(node, known.handsOut)) happen({ type: 'take', cell: node });
      if (node.type === 'VariableDeclarator' && node.init) store(node.id, node.init, node);
      if (node.type === 'AssignmentExpression') store(node.left, node.right, node);
      if (node.type === 'PropertyDefinition' && holdsView(node.value)) report(node, 'field');
      if (keptIn(node).some(holdsView)) report(node, 'object');
      if (node.type === 'ReturnStatement' || node.type === 'YieldExpression') handOut(node, node.argument);
      if (node.type === 'ArrowFunctionExpression' && node.expression) handOut(node, node.body);
      waiting.filter(({ type }) => type === 'use').forEach(happen);
    }

    return {
      onCodePathStart: (codePath, node) => paths.push({ codePath, node, current: new Set(), events: new Map() }),
      onCodePathSegmentStart(segment) {
        paths.at(-1).current.add(segment);
        paths.at(-1).events.set(segment, []);
      },
      onCodePathSegmentEnd: (segment) => paths.at(-1).current.delete(segment),
      onCodePathEnd() {
        const { codePath, events } = paths.pop();
        for (const [node, data] of staleUses(codePath.initialSegment, events)) report(node, 'stale', data);
      },
      '*': begin,
      '*:exit': end,
    };
  },
};

/** What may grow memory at this node, in words. */
function causeOfGrowth(node, growing) {
  if (node.type === 'AwaitExpression' || (node.type === 'ForOfStatement' && node.await)) return 'await';
  if (node.type === 'YieldExpression') return 'yield';
  const name = ['CallExpression', 'NewExpression'].includes(node.type) ? calledName(node) : undefined;
  return name !== undefined && growing.has(name) ? `${name}()` : undefined;
}

/** What an object, an array or a new instance keeps. Typed arrays copy what they are made of. */
function keptIn(node) {
  if (node.type === 'ArrayExpression')
    return node.elements.filter((element) => element && element.type !== 'SpreadElement');
  if (node.type === 'Property' && node.parent.type === 'ObjectExpression') return [node.value];
  return node.type === 'NewExpression' && !/Array$/.test(calledName(node) ?? 'Array') ? node.arguments : [];
}

/** All variables that are ever given a view, also by way of each other. */
function findViewVariables(references, found, known) {
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const { resolved, writeExpr, identifier } of references.values()) {
      const isWhole = ['VariableDeclarator', 'AssignmentExpression'].includes(identifier.parent.type);
      if (resolved && writeExpr && isWhole && isView(writeExpr, known)) found.add(resolved);
    }
  }
}

/** The names that grow memory, with those of the functions of this file that call one of them. */
function findGrowing({ ast, visitorKeys }, names) {
  const growing = new Set(names);
  const callers = [];
  const visit = (node, around) => {
    if (!node) return;
    const inside = FUNCTIONS.includes(node.type) ? (functionName(node) ?? around) : around;
    if (['CallExpression', 'NewExpression'].includes(node.type)) callers.push([inside, calledName(node)]);
    for (const key of visitorKeys[node.type] ?? []) for (const child of [node[key]].flat()) visit(child, inside);
  };
  visit(ast, undefined);
  for (let size = -1; size !== growing.size;) {
    size = growing.size;
    for (const [caller, called] of callers) if (caller !== undefined && growing.has(called)) growing.add(caller);
  }
  return growing;
}

/** The function around a node (or the node itself, when it is one and that is asked for). */
function enclosingFunction(node, orItself = false) {
  for (let at = orItself ? node : node.parent; at; at = at.parent) if (FUNCTIONS.includes(at.type)) return at;
  return undefined;
}
