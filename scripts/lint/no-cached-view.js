/**
 * ESLint rule: no view of linear memory is kept across growth.
 *
 * When memory grows, a view of unshared memory has length 0 and swallows writes, and one of shared memory ends too
 * early. So a view is asked for where it is used. The rule reports
 *
 *   - a use of `memory.buffer` (other than its byteLength), outside the file that the option `owner` names;
 *   - a view in a field, in a variable of the module, or in a function that may run later;
 *   - a view that is used after something that may have grown memory: a call of a function in the option `growing`, an
 *     `await` or a `yield`. That includes `memory.f32(a, n).set(await load())`, where the view is older than the wait.
 *
 * The last one follows ESLint's code paths: every segment of a function has its events (a view is taken, a view is
 * used, memory may grow) in the order in which they happen, and what is stale at the end of a segment is stale at the
 * beginning of those that follow. No types are needed, so views that travel through function calls are not seen.
 */

import { calledName, consumers, immediateCall, isView, makesView, takesBuffer } from './views.js';

/** Functions that may grow memory, by their last name. */
const GROWING = ['allocate', 'grow', 'zeros', 'tensor'];

const FUNCTIONS = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'];

/** @type {import('eslint').Rule.RuleModule} */
export default {
  meta: {
    type: 'problem',
    docs: { description: 'disallow views of linear memory that live across a call that may grow it' },
    schema: [
      {
        type: 'object',
        properties: { owner: { type: 'string' }, growing: { type: 'array', items: { type: 'string' } } },
        additionalProperties: false,
      },
    ],
    messages: {
      buffer: 'no-cached-view: the buffer of a memory is for {{ owner }} only; ask the memory for a view',
      field: 'no-cached-view: a view of memory may not be kept in a field',
      module: 'no-cached-view: a view of memory may not be kept in the variable {{ name }} of a module',
      closure: 'no-cached-view: the view {{ name }} is used by a function that may run after memory has grown',
      stale: 'no-cached-view: {{ name }} is used after {{ cause }} may have grown memory',
    },
  },

  create(context) {
    const { owner = 'runtime/memory.ts', growing = [] } = context.options[0] ?? {};
    if (context.filename.replaceAll('\\', '/').endsWith(owner)) return {};
    const { sourceCode } = context;
    const growingNames = new Set([...GROWING, ...growing]);
    const viewVariables = findViewVariables(sourceCode.scopeManager);
    const isViewHere = (node) => isView(node, (identifier) => viewVariables.has(variableOf(sourceCode, identifier)));

    /** Code paths from the outermost function to the current one, each with the events of its segments. */
    const paths = [];
    /** Events that happen when a node ends: uses of a view that wait for it, growth inside its callbacks. */
    const atEnd = new Map();

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

    function useView(node, cell, name) {
      for (const consumer of consumers(node)) schedule(consumer, { type: 'use', cell, name, node });
    }

    /** An identifier that reads a view: used here, or by a function that may run too late. */
    function readVariable(node) {
      const variable = variableOf(sourceCode, node);
      let place = node;
      for (
        let inner = enclosingFunction(node);
        inner && inner !== enclosingFunction(variable.scope.block, true);
        inner = enclosingFunction(inner)
      ) {
        place = immediateCall(inner);
        if (!place) return context.report({ node, messageId: 'closure', data: { name: node.name } });
      }
      if (place === node) useView(node, variable, node.name);
      else schedule(place, { type: 'use', cell: variable, name: node.name, node });
    }

    /** A value goes into a variable, a pattern or a field. */
    function store(target, value, node) {
      const keepsView = value && isViewHere(value);
      if (target.type === 'MemberExpression' && keepsView) context.report({ node, messageId: 'field' });
      if (target.type !== 'Identifier') return;
      const variable = variableOf(sourceCode, target);
      if (!variable) return;
      const { scope } = variable;
      if (keepsView && (scope.type === 'module' || scope.type === 'global')) {
        context.report({ node, messageId: 'module', data: { name: target.name } });
      } else if (keepsView && enclosingFunction(target) !== enclosingFunction(scope.block, true)) {
        context.report({ node, messageId: 'closure', data: { name: target.name } });
      } else happen({ type: keepsView ? 'take' : 'drop', cell: variable });
    }

    function begin(node) {
      const isBuffer = takesBuffer(node);
      const asksLength =
        isBuffer && node.parent.type === 'MemberExpression' && node.parent.property.name === 'byteLength';
      if (isBuffer && !asksLength) context.report({ node, messageId: 'buffer', data: { owner } });
      if (node.type === 'Identifier' && readsVariable(sourceCode, node, viewVariables)) readVariable(node);
      if (makesView(node)) useView(node, node, sourceCode.getText(node.callee));
    }

    function end(node) {
      const waiting = atEnd.get(node) ?? [];
      waiting.filter(({ type }) => type === 'grow').forEach(happen);
      const cause = causeOfGrowth(node, growingNames);
      if (cause) happen({ type: 'grow', cause });
      if (makesView(node)) happen({ type: 'take', cell: node });
      if (node.type === 'VariableDeclarator' && node.init) store(node.id, node.init, node);
      if (node.type === 'AssignmentExpression') store(node.left, node.right, node);
      if (node.type === 'PropertyDefinition' && node.value && isViewHere(node.value))
        context.report({ node, messageId: 'field' });
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
        for (const [node, data] of staleUses(codePath.initialSegment, events)) {
          context.report({ node, messageId: 'stale', data });
        }
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
  const calls = node.type === 'CallExpression' || node.type === 'NewExpression';
  const name = calls && calledName(node);
  return name && growing.has(name) ? `${name}()` : undefined;
}

/**
 * Follows the segments until nothing changes. The state says of every view (a variable, or a call that made one)
 * nothing while it is fresh, and the cause once it may be stale. Returns the nodes that use a stale view.
 */
function staleUses(initialSegment, events) {
  const found = new Map();
  const before = new Map([[initialSegment, new Map()]]);
  const queue = [initialSegment];
  for (let segment = queue.pop(); segment; segment = queue.pop()) {
    const state = new Map(before.get(segment));
    for (const event of events.get(segment) ?? []) {
      if (event.type === 'take') state.set(event.cell, undefined);
      else if (event.type === 'drop') state.delete(event.cell);
      else if (event.type === 'grow') state.forEach((cause, cell) => state.set(cell, cause ?? event.cause));
      else if (state.get(event.cell)) found.set(event.node, { name: event.name, cause: state.get(event.cell) });
    }
    for (const next of segment.nextSegments) if (merge(before, next, state)) queue.push(next);
  }
  return found;
}

/** Joins a state into the one before a segment; true when that changed, so that the segment must be visited again. */
function merge(before, segment, state) {
  if (!before.has(segment)) {
    before.set(segment, new Map(state));
    return true;
  }
  const known = before.get(segment);
  let changed = false;
  for (const [cell, cause] of state) {
    if (known.has(cell) && (known.get(cell) || !cause)) continue;
    known.set(cell, cause);
    changed = true;
  }
  return changed;
}

/** All variables that are ever given a view, also by way of each other. */
function findViewVariables(scopeManager) {
  const variables = new Set();
  const references = scopeManager.scopes
    .flatMap((scope) => scope.references)
    .filter(({ resolved, writeExpr }) => resolved && writeExpr);
  const resolved = new Map(
    scopeManager.scopes
      .flatMap((scope) => scope.references)
      .map((reference) => [reference.identifier, reference.resolved]),
  );
  for (let size = -1; size !== variables.size;) {
    size = variables.size;
    for (const { resolved: variable, writeExpr, identifier } of references) {
      const isWhole = ['VariableDeclarator', 'AssignmentExpression'].includes(identifier.parent.type);
      if (isWhole && isView(writeExpr, (name) => variables.has(resolved.get(name)))) variables.add(variable);
    }
  }
  return variables;
}

function variableOf(sourceCode, identifier) {
  for (let scope = sourceCode.getScope(identifier); scope; scope = scope.upper) {
    const reference = scope.references.find((candidate) => candidate.identifier === identifier);
    if (reference) return reference.resolved ?? undefined;
  }
  return undefined;
}

function readsVariable(sourceCode, identifier, viewVariables) {
  const scope = sourceCode.getScope(identifier);
  const reference = scope.references.find((candidate) => candidate.identifier === identifier);
  return reference?.isRead() === true && viewVariables.has(reference.resolved);
}

/** The function around a node (or the node itself, when it is one and that is asked for). */
function enclosingFunction(node, orItself = false) {
  for (let at = orItself ? node : node.parent; at; at = at.parent) if (FUNCTIONS.includes(at.type)) return at;
  return undefined;
}
