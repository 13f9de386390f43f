/**
 * The twin of a module that traps where a stack is overrun.
 *
 * The calling thread's stack lies at the bottom of memory, so its overflow runs below address 0 and traps by itself. A
 * worker's stack lies in the heap, and its overflow silently overwrites the neighbour. Checking at run time would cost
 * speed, so tests run a twin instead: binaryen inserts a check wherever the stack pointer moves, and the export
 * `__set_stack_limits(base, limit)` to set the range. It finds the stack pointer by its internal name, which the
 * optimised module has lost: the twin goes through the text form, where the name can be given back.
 */

import binaryen from 'binaryen';

/**
 * Bytes below the stack pointer that a function which calls nothing may use without moving it (LLVM's red zone for
 * WebAssembly). The check does not see them, so a limit must lie this far above the end of the range.
 */
export const RED_ZONE = 128;

/**
 * @param {Uint8Array} bytes an optimised kernel module
 * @returns {Uint8Array}
 */
export function withStackCheck(bytes) {
  const original = binaryen.readBinary(bytes);
  const stackPointer = `$${binaryen.getExportInfo(original.getExport('__stack_pointer')).value}`;
  const tokens = original.emitText().split(/(\s+|[()])/);
  original.dispose();
  const twin = binaryen.parseText(
    tokens.map((token) => (token === stackPointer ? '$__stack_pointer' : token)).join(''),
  );
  try {
    twin.setFeatures(binaryen.Features.All);
    twin.runPasses(['stack-check']);
    if (!twin.getExport('__set_stack_limits')) throw new Error('binaryen: stack-check found no stack pointer');
    if (!twin.validate()) throw new Error('binaryen: the module with stack checks does not validate');
    return twin.emitBinary();
  } finally {
    twin.dispose();
  }
}
